import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import artifact, compress, tree
from jdistill.compress import Codebook, Dense, Factors, Quantized, Sparse
from jdistill.typing import Frozen
from tests.artifact.made import equal, packed


@pytest.fixture
def path(tmp_path):
    return tmp_path / "student.safetensors"


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


def test_variables_come_back_as_they_are(path):
    """Also their zeros, which an encoding would leave out."""
    params = {"layers": [jnp.zeros(900), jnp.eye(40)], "scale": jnp.float32(0)}
    frozen = Frozen(params, {"norm": {"mean": jnp.zeros((90, 3)), "n": jnp.int32(7)}})
    size = artifact.pack(path, frozen, description={"a": 1})
    assert size > tree.num_bytes(frozen)
    found = artifact.unpack(path, like=params)
    equal(found.params, params)
    equal(found.state, frozen.state)
    assert {row.form for row in artifact.table(path)[:-1]} == {"dense"}
    assert found.description == {"a": 1} and found.activations is None


def test_variables_of_an_int8_form_hold_their_activations(path):
    state = {"model": {"mean": jnp.ones(3)}, "activations": {"w": jnp.float32(0.1)}}
    artifact.pack(path, Frozen({"w": jnp.ones(3)}, state))
    found = artifact.unpack(path)
    equal(found.state, state["model"])
    equal(found.activations, state["activations"])


def test_variables_are_not_given_their_state_twice(path):
    frozen = Frozen({"w": jnp.ones(3)}, {"mean": jnp.ones(3)})
    for more in ({"state": frozen.state}, {"activations": {"w": jnp.ones(1)}}):
        with pytest.raises(ValueError, match="a Frozen holds its state"):
            artifact.pack(path, frozen, **more)


def test_few_zeros_are_not_worth_a_second_tensor(path):
    forms = {n: Dense(jnp.zeros(n)) for n in (5, 19, 30, 200)}
    artifact.pack(path, {f"n{n}": form for n, form in forms.items()})
    found = [row.form for row in artifact.table(path)[:-1]]
    assert found == ["dense", "dense", "index", "index"]
