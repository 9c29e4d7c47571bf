"""What is read, and what is refused; and what other readers of the format see."""

import json
import tracemalloc

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load, load_file, save

from jdistill import artifact, compress
from jdistill.compress import Codebook, Dense, Factors, Quantized, Sparse
from jdistill.typing import Frozen
from tests.artifact.made import packed


@pytest.fixture
def path(tmp_path):
    return tmp_path / "student.safetensors"


def test_altering_any_byte_is_refused(path):
    packed(path, 0.9, 4, description={"note": "x"})
    good = path.read_bytes()
    for place in [*range(0, len(good), 7), len(good) - 1]:
        path.write_bytes(good[:place] + bytes([good[place] ^ 5]) + good[place + 1 :])
        with pytest.raises(ValueError, match=r"student.safetensors (was|is) "):
            artifact.unpack(path)


def test_altered_tensors_are_named(path):
    packed(path, 0.0)
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="altered: the checksum of parameter '"):
        artifact.unpack(path)


def test_truncated_files_are_refused_with_the_name_of_the_tensor(path):
    packed(path)
    good = path.read_bytes()
    for size in range(0, len(good), 97):
        path.write_bytes(good[:size])
        with pytest.raises(ValueError, match=r"student.safetensors is "):
            artifact.unpack(path)
    path.write_bytes(good[:-1])
    with pytest.raises(ValueError, match=r"truncated: parameter '.*' is incomplete"):
        artifact.unpack(path)
    path.write_bytes(good + b"x")
    with pytest.raises(ValueError, match="holds more than its index says"):
        artifact.unpack(path)


def test_other_formats_and_versions_are_refused(path):
    path.write_bytes(save({"w": np.ones(3)}))
    with pytest.raises(ValueError, match="not a jdistill artifact"):
        artifact.unpack(path)
    path.write_bytes(save({"w": np.ones(3)}, {"format": "jdistill", "version": "1"}))
    with pytest.raises(ValueError, match="version 1; this release reads version 3"):
        artifact.unpack(path)


def test_a_tree_that_the_file_does_not_hold_is_named(path):
    packed(path)
    with pytest.raises(ValueError, match="no leaf for parameter 'other'"):
        artifact.unpack(path, like={"other": 0})


def test_sequences_are_dictionaries_by_index_unless_a_tree_is_given(path):
    applied, _ = packed(path)
    assert set(artifact.unpack(path).params["layers"]) == {"0", "1"}
    assert type(artifact.unpack(path, like=applied).params["layers"]) is list


def test_reading_takes_one_parameter_at_a_time(path):
    """NumPy's memory, which the result, in JAX's, does not belong to."""
    leaves = {str(n): Dense(jnp.full(2**18, n, jnp.float32)) for n in range(16)}
    size = artifact.pack(path, leaves)
    artifact.unpack(path)  # what is compiled is compiled
    tracemalloc.start()
    packed = artifact.unpack(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < size / 4
    assert packed.params["15"][0] == 15


def test_the_file_is_plain_safetensors_without_pickle(path):
    packed(path)
    data = path.read_bytes()
    assert all(array.dtype != object for array in load(data).values())
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert header["__metadata__"]["format"] == "jdistill"


def test_other_readers_see_arrays_under_their_own_paths(path):
    dense = {"kernel": jnp.arange(12.0).reshape(3, 4), "bias": jnp.zeros(900)}
    more = {"scale": jnp.float32(3), "on": jnp.array([True, False]), "i": jnp.arange(3)}
    half = jnp.arange(3, dtype="bfloat16")
    params = {"Dense_0": dense, "layers": [more], "half": half, "z": jnp.ones(2) * 1j}
    artifact.pack(path, Frozen(params, {"norm": {"mean": jnp.ones(4)}}))
    found = load_file(path)
    assert set(found) == {
        "Dense_0/kernel", "Dense_0/bias", "layers/0/scale", "layers/0/on",
        "layers/0/i", "half", "z", "state:norm/mean",
    }  # fmt: skip
    np.testing.assert_array_equal(found["Dense_0/kernel"], dense["kernel"])
    np.testing.assert_array_equal(found["Dense_0/bias"], dense["bias"])
    np.testing.assert_array_equal(found["layers/0/on"], more["on"])
    np.testing.assert_array_equal(found["layers/0/i"], more["i"])
    np.testing.assert_array_equal(found["state:norm/mean"], np.ones(4))
    assert found["layers/0/scale"].shape == () and found["layers/0/scale"] == 3
    np.testing.assert_array_equal(found["half"].view(half.dtype), half)
    np.testing.assert_array_equal(found["z"], [[0, 1], [0, 1]])


def test_other_readers_see_the_parts_of_what_is_encoded(path):
    codes = np.arange(1, 121, dtype=np.int8).reshape(12, 10)
    few = np.arange(900) % 30 == 0
    zero = np.ones((1, 10), np.uint8)
    forms = {
        "a/int8": Quantized(codes, jnp.ones((1, 10)), bits=8),
        "a/zero": Quantized(codes.view("u1") % 8, jnp.ones((1, 10)), zero, bits=4),
        "a/few": Sparse(few, Quantized(few.astype(np.int8), jnp.ones(1), bits=2)),
        "a/pruned": Sparse(few, Dense(jnp.ones(900))),
        "b": Codebook(codes.view("u1") % 3, jnp.arange(3.0)),
    }
    left, right = Dense(jnp.ones((3, 1))), Dense(jnp.ones((1, 3)))
    forms["c"] = Factors(left, Quantized(np.int8([[1, 2]]), jnp.ones(1), bits=8))
    forms["d"] = Sparse(np.eye(3, dtype=bool), Factors(left, right))
    artifact.pack(path, forms, activations={"a/int8": np.float32(0.5)})
    found = load_file(path)
    assert set(found) == {
        "a/int8.codes", "a/int8.scale", "a/zero.codes", "a/zero.scale", "a/zero.zero",
        "a/few.places", "a/few.codes", "a/few.scale", "a/pruned.places",
        "a/pruned.values", "b.indices", "b.centroids", "c.left", "c.right.codes",
        "c.right.scale", "d.left", "d.right", "d.mask",
    }  # fmt: skip
    np.testing.assert_array_equal(found["a/int8.codes"], codes)
    np.testing.assert_array_equal(found["a/int8.scale"], np.ones((1, 10)))
    np.testing.assert_array_equal(found["c.left"], np.ones((3, 1)))


def test_no_two_tensors_have_one_name(path):
    """Whatever the parameters are called."""
    codes = Quantized(np.int8([1]), jnp.ones(1), bits=8)
    side = Quantized(np.int8([[1]]), jnp.ones((1, 1)), bits=8)
    odd = ["w.codes~", "w.codes", "w.scale", "__metadata__", "__metadata__~", "state:n"]
    forms = {name: Dense(jnp.full(3, n)) for n, name in enumerate(odd)}
    forms |= {"w": codes, "f.left": codes, "f": Factors(side, side)}
    forms = {**forms, "f.left.codes": Dense(jnp.ones(3)), "f.right.codes~": codes}
    artifact.pack(path, forms, {"n": jnp.ones(7)})
    leaves = dict.fromkeys(forms, 0)
    found = artifact.unpack(path, like=leaves).params
    for name, form in forms.items():
        np.testing.assert_array_equal(found[name], compress.decode(form))
    assert artifact.unpack(path, like=leaves).state["n"].shape == (7,)
    assert len(load_file(path)) == 6 + 2 + 2 + 4 + 1 + 2 + 1


def test_what_was_read_is_shown_in_a_line(path):
    artifact.pack(path, Frozen({"w": jnp.ones((40, 50))}), description={"b": 1, "a": 2})
    said = "Packed(2,000 parameters in 1 arrays, 8,"
    assert repr(artifact.unpack(path)).startswith(said)
    assert repr(artifact.unpack(path)).endswith(" bytes, says ['a', 'b'])")


def test_a_tree_of_one_leaf_has_the_empty_path(path):
    artifact.pack(path, Frozen(jnp.arange(3.0)))
    assert artifact.unpack(path).params.tolist() == [0, 1, 2]
    assert load_file(path)[""].tolist() == [0, 1, 2]


def test_what_is_no_form_has_no_table():
    with pytest.raises(TypeError, match="'w'"):
        artifact.table({"w": np.ones(2)})
