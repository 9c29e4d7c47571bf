import json
import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load, save

from jdistill import artifact, compress, tree
from jdistill.compress import Codebook, Dense, Factors, Quantized, Sparse

DRAW = np.random.default_rng(0)


def weights(dtype=jnp.float32):
    return {
        "dense": {"kernel": jnp.asarray(DRAW.normal(size=(64, 32)), dtype)},
        "layers": [jnp.asarray(DRAW.normal(size=(40, 9)), dtype), jnp.zeros(9, dtype)],
        "scale": jnp.asarray(0.3, dtype),
        "steps": jnp.arange(5),
        "on": jnp.array([True, False, True]),
    }


def compression(sparsity, bits):
    where = "dense/kernel|layers/0"
    stages = [compress.magnitude(sparsity=sparsity, where=where)]
    stages += [compress.fake_quant(bits=bits, where=where)] if bits else []
    return compress.chain(*stages)


def packed(path, sparsity=0.9, bits=8, dtype=jnp.float32, **options):
    c, params = compression(sparsity, bits), weights(dtype)
    at = c.update(params, *c.init(params), step=0)
    size = artifact.pack(path, c.encode(*at), **options)
    return c.apply(*at), size


@pytest.fixture
def path(tmp_path):
    return tmp_path / "student.safetensors"


def equal(one, two):
    one, two = tree.flatten(one), tree.flatten(two)
    assert set(one) == set(two)
    for name, leaf in one.items():
        assert leaf.dtype == two[name].dtype
        assert np.array_equal(leaf, two[name]), name


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize(
    ("sparsity", "bits"), [(0, 8), (0.5, 8), (0.99, 8), (0.9, 3), (0.2, 5), (0.7, None)]
)
def test_parameters_come_back_bit_for_bit(path, sparsity, bits, dtype):
    applied, size = packed(path, sparsity, bits, dtype)
    found = artifact.unpack(path, like=applied)
    assert jax.tree.structure(found.params) == jax.tree.structure(applied)
    equal(found.params, applied)
    assert found.bytes == size == path.stat().st_size
    rows = artifact.table(path)
    assert sum(row.bytes for row in rows) == size
    assert rows[-1].path == "header"
    parameters = [row for row in rows[:-1] if ":" not in row.path]
    assert artifact.table(found.encoded) == parameters, "before it is written, too"


def test_sequences_are_dictionaries_by_index_unless_a_tree_is_given(path):
    applied, _ = packed(path)
    assert set(artifact.unpack(path).params["layers"]) == {"0", "1"}
    assert type(artifact.unpack(path, like=applied).params["layers"]) is list


def test_state_description_and_activations_come_back(path):
    state = {"norm": {"mean": jnp.arange(4.0), "count": jnp.int32(7)}}
    scales = {"dense/kernel": jnp.float32(0.1), "layers/0": jnp.array([0.5])}
    note = {"classes": ["a", "b"], "accuracy": 0.93}
    packed(path, state=state, description=note, activations=scales)
    found = artifact.unpack(path)
    equal(found.state, state)
    equal(found.activations, scales)
    assert found.description == note
    packed(path)
    assert artifact.unpack(path).state == {}
    assert artifact.unpack(path).activations is None


@pytest.mark.parametrize(
    "form",
    [
        Codebook(jnp.array([[0, 2], [1, 1]]), jnp.array([1.0, -2.0, 3.0])),
        Sparse(
            jnp.array([True, False, True]),
            Codebook(jnp.array([0, 1, 1]), jnp.array([1.0, -2.0])),
        ),
        Factors(Dense(jnp.ones((3, 1))), Dense(jnp.array([[0.0, -0.0, 2.0]]))),
        Sparse(
            jnp.eye(2, dtype=bool),
            Factors(Dense(jnp.ones((2, 1))), Dense(jnp.ones((1, 2)))),
        ),
        Sparse(jnp.zeros((3, 2), bool), Dense(jnp.ones((3, 2)))),
        Quantized(jnp.array([[-1, 1, 0]], jnp.int8), jnp.ones((1, 1)), bits=2),
        Dense(jnp.array([-0.0, 0.0, jnp.nan, jnp.inf])),
        Dense(jnp.zeros((0, 3))),
    ],
)
def test_every_form_comes_back_bit_for_bit(path, form):
    artifact.pack(path, {"w": form})
    found, wanted = artifact.unpack(path).params["w"], compress.decode(form)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    assert np.asarray(found).tobytes() == np.asarray(wanted).tobytes()


def test_each_tensor_takes_its_smallest_form(path):
    forms = {}
    for sparsity in (0.0, 0.6, 0.97):
        packed(path, sparsity)
        forms[sparsity] = artifact.table(path)[0]
    assert [row.form for row in forms.values()] == ["dense", "bitmap", "index"]
    assert forms[0.0].bytes == 64 * 32 + 32 * 4
    assert forms[0.97].density <= 0.03


def test_the_header_is_small(path):
    packed(path)
    assert artifact.table(path)[-1].bytes < 1500


def test_the_file_is_plain_safetensors_without_pickle(path):
    packed(path)
    data = path.read_bytes()
    assert all(array.dtype != object for array in load(data).values())
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert header["__metadata__"]["format"] == "jdistill"


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
    with pytest.raises(ValueError, match="version 1; this release reads version 2"):
        artifact.unpack(path)


def test_a_write_that_fails_leaves_the_old_file(path, monkeypatch):
    packed(path)
    good = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        packed(path, 0.5)
    assert path.read_bytes() == good
    assert list(path.parent.iterdir()) == [path]


def test_a_tree_that_the_file_does_not_hold_is_named(path):
    packed(path)
    with pytest.raises(ValueError, match="no leaf for parameter 'other'"):
        artifact.unpack(path, like={"other": 0})


def test_equal_encodings_give_equal_bytes(tmp_path):
    encoded = {"w": compress.Dense(jnp.arange(6.0))}
    files = [tmp_path / str(number) for number in range(8)]
    for file in files:
        artifact.pack(file, encoded, {}, description={"é": "\x01"})
    assert len({file.read_bytes() for file in files}) == 1


def test_a_file_has_the_mode_of_the_umask_and_links_stay(path):
    path.symlink_to("target")
    (path.parent / "plain").touch()
    for _ in range(2):
        packed(path)
        assert path.is_symlink()
        modes = {(path.parent / n).stat().st_mode for n in ("target", "plain")}
        assert len(modes) == 1


def test_a_leaf_called_value_comes_back_with_its_name(path):
    attention = {"query": jnp.ones(2), "key": jnp.zeros(2), "value": jnp.ones(3)}
    encoded = compress.identity().encode({"attention": attention}, (), ())
    artifact.pack(path, encoded, {"value": jnp.ones(1)})
    found = artifact.unpack(path)
    equal(found.params, {"attention": attention})
    equal(found.state, {"value": jnp.ones(1)})


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
