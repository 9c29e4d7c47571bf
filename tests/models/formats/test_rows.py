"""Rows and their changes are bijections; what does not fit is named unread."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import NamedSharding, PartitionSpec

from jdistill.models.formats._changes import (
    added,
    interleaved,
    joined,
    transpose,
    woven,
)
from jdistill.models.formats._rows import (
    Row,
    Source,
    empty,
    read_rows,
    summary,
    write_rows,
)

DEPTH, DIM, HEADS, WIDE = 4, 4, 2, 12
TABLE = (
    Row("embed.weight", ("embed",)),
    Row("layer.{layer}.norm", ("layers/norm",), (added(1.0),)),
    Row("layer.{layer}.up.weight", ("layers/up",), (transpose,)),
    Row("layer.{layer}.q", ("layers/q",), (interleaved(HEADS), transpose)),
    Row(
        "layer.{layer}.kv",
        ("layers/k", "layers/v"),
        (transpose, joined(WIDE, WIDE)),
    ),
    Row(
        "layer.{layer}.woven",
        ("layers/a", "layers/b", "layers/c"),
        (transpose, woven(HEADS, 3)),
    ),
)


def arrays(seed=0, dtype=np.float32):
    """Arrays in their form, by name."""
    rng = np.random.default_rng(seed)
    made = {"embed.weight": (7, DIM)}
    for i in range(DEPTH):
        made[f"layer.{i}.norm"] = (DIM,)
        made[f"layer.{i}.up.weight"] = (5, DIM)
        made[f"layer.{i}.q"] = (WIDE, DIM)
        made[f"layer.{i}.kv"] = (2 * WIDE, DIM)
        made[f"layer.{i}.woven"] = (3 * WIDE, DIM)
    return {k: rng.uniform(0.5, 3, v).astype(dtype) for k, v in made.items()}


def source(values):
    kinds = {k: jax.ShapeDtypeStruct(v.shape, v.dtype) for k, v in values.items()}
    return Source(kinds, values.__getitem__)


def like():
    shapes = dict(norm=(DIM,), up=(DIM, 5)) | dict.fromkeys("qkvabc", (DIM, WIDE))
    leaf = lambda *shape: jax.ShapeDtypeStruct(shape, np.float32)  # noqa: E731
    layers = {k: leaf(DEPTH, *v) for k, v in shapes.items()}
    return {"embed": leaf(7, DIM), "layers": layers}


@st.composite
def changes(draw):
    heads, half = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    rows, inner = heads * 2 * half, draw(st.sampled_from([(), (5,)]))
    last, first = (rows, *inner), (*inner, 3 * rows)
    return draw(
        st.sampled_from(
            [
                (transpose, last),
                (interleaved(heads), last),
                (joined(rows, rows // 2, 2 * rows - rows // 2), first),
                (woven(heads, 3), first),
                (added(1.0), last),
            ]
        )
    )


@settings(deadline=None, max_examples=60)
@given(changes(), st.integers(0, 99))
def test_a_change_is_a_bijection(case, seed):
    change, shape = case
    theirs = np.random.default_rng(seed).uniform(0.5, 3, shape).astype(np.float32)
    ours = change.read(theirs)
    assert np.array_equal(change.write(ours), theirs)
    again = change.read(change.write(ours))
    assert all(np.array_equal(a, b) for a, b in zip(ours, again, strict=True))


def test_interleaved_is_the_permutation_of_llama():
    one = interleaved(1).read(np.arange(6)[:, None])
    assert one[:, 0].tolist() == [0, 2, 4, 1, 3, 5]


def test_woven_takes_the_columns_of_each_head():
    a, b = woven(2, 2).read(np.arange(8))
    assert a.tolist() == [0, 1, 4, 5] and b.tolist() == [2, 3, 6, 7]


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_table_reads_what_it_writes_bit_for_bit(dtype):
    theirs = arrays(dtype=dtype)
    params = read_rows(TABLE, source(theirs), like(), dtype=dtype)
    back = write_rows(TABLE, params)
    assert set(back.names) == set(theirs)
    for name, x in theirs.items():
        assert back.names[name].shape == x.shape and back.names[name].dtype == dtype
        assert back.get(name).tobytes() == x.tobytes(), name
    again = read_rows(TABLE, back, like(), dtype=dtype)
    jax.tree.map(np.testing.assert_array_equal, params, again)


def test_stacks_are_in_the_order_of_layers():
    theirs = arrays()
    params = read_rows(TABLE, source(theirs), like())
    for i in range(DEPTH):
        up = theirs[f"layer.{i}.up.weight"].T
        np.testing.assert_array_equal(params["layers"]["up"][i], up)


@pytest.mark.parametrize("dtype", [np.float32, jax.numpy.bfloat16])
def test_parameters_have_the_type_that_is_asked_for(dtype):
    theirs = arrays(dtype=np.float16)
    params = read_rows(TABLE, source(theirs), like(), dtype=dtype)
    assert {x.dtype for x in jax.tree.leaves(params)} == {np.dtype(dtype)}
    written = write_rows(TABLE, params, dtype=np.float16)
    assert written.get("layer.0.q").dtype == np.float16


def test_a_device_reads_its_own_part_alone():
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:4]).reshape(2, 2), ("x", "y"))
    whole = read_rows(TABLE, source(arrays()), like())
    parts = jax.tree.map(lambda x: PartitionSpec(*[None] * (x.ndim - 1), "x"), whole)
    parts["embed"], parts["layers"]["q"] = PartitionSpec(None, "y"), PartitionSpec()
    parts["layers"]["up"] = PartitionSpec(None, ("x", "y"))
    parts["layers"]["v"] = PartitionSpec(("x", "y"))
    homes = jax.tree.map(lambda spec: NamedSharding(mesh, spec), parts)
    split = read_rows(TABLE, source(arrays()), like(), shardings=homes)
    jax.tree.map(np.testing.assert_array_equal, whole, split)
    assert split["layers"]["k"].addressable_shards[0].data.shape == (4, 4, 6)
    assert jax.tree.map(lambda x: x.sharding, split) == homes


def test_nothing_is_read_before_names_and_sizes_are_checked():
    theirs = arrays()
    del theirs["layer.1.kv"], theirs["layer.2.kv"]
    theirs["rope"] = np.zeros(3)

    def never(name):
        raise AssertionError(name)

    wrong = source(theirs)._replace(get=never)
    message = r"^missing arrays: layer\.\*\.kv \(2\); unknown arrays: rope$"
    with pytest.raises(ValueError, match=message):
        read_rows(TABLE, wrong, like())
    many = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((10**12, *x.shape[1:]), x.dtype), like()
    )
    with pytest.raises(ValueError, match="cannot make up 1000000000000 layers"):
        read_rows(TABLE, wrong, many)
    large = like()
    large["embed"] = jax.ShapeDtypeStruct((10**12, DIM), np.float32)
    full = source(arrays())._replace(get=never)
    with pytest.raises(ValueError, match=r"'embed.weight' is \[7, 4\], and embed shou"):
        read_rows(TABLE, full, large)


@pytest.mark.parametrize(
    ("name", "shape"), [("layer.1.up.weight", (DIM, 5)), ("layer.0.q", (3, 16))]
)
def test_a_shape_that_does_not_fit_is_named(name, shape):
    theirs = arrays()
    theirs[name] = theirs[name].reshape(shape)
    with pytest.raises(ValueError, match=rf"'{name}' is \[{shape[0]}, {shape[1]}\], a"):
        read_rows(TABLE, source(theirs), like())


def test_parameters_that_no_row_names_are_listed():
    params = read_rows(TABLE, source(arrays()), like())
    with pytest.raises(ValueError, match=r"^unknown parameters: extra$"):
        write_rows(TABLE, {**params, "extra": np.zeros(1)})


def test_a_summary_of_many_names_is_a_line():
    names = [f"a{i}" for i in range(30)] + [f"h.{i}.w" for i in range(99)]
    assert summary(names, most=2) == "a0, a1, and 29 more kinds"
    assert summary(names[-2:]) == "h.*.w (2)"


@pytest.mark.parametrize("kept", [True, False])
def test_an_array_that_was_made_for_it_is_not_copied(kept):
    made = empty((64, 16), np.float32)
    made[...] = 1
    made.flags.writeable = kept
    source = Source({"a": jax.ShapeDtypeStruct((64, 16), np.float32)}, lambda _: made)
    like = {"w": jax.ShapeDtypeStruct((64, 16), np.float32)}
    found = read_rows([Row("a", ("w",))], source, like)["w"]
    assert (found.unsafe_buffer_pointer() == made.ctypes.data) == kept
    np.testing.assert_array_equal(found, np.ones((64, 16)))
