import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import ops

SQUARE = jnp.eye(3)


def nested(p, x):
    def layer(x, w):
        x = jnp.tanh(x @ w["a"])
        x, _ = jax.lax.scan(lambda x, v: (x @ v, None), x, w["deep"])
        return jax.jit(lambda x: x @ w["b"] @ p["shared"])(x), None

    x = x @ p["first"]
    x, _ = jax.lax.scan(layer, x, p["layers"])
    return x @ p["last"]


PARAMS = {
    "first": SQUARE,
    "shared": SQUARE,
    "last": SQUARE,
    "layers": {
        "a": jnp.stack([SQUARE] * 2),
        "b": jnp.stack([SQUARE] * 2),
        "deep": jnp.stack([jnp.stack([SQUARE] * 2)] * 2),
    },
}
PATHS = {"first", "shared", "last", "layers/a", "layers/b", "layers/deep"}


def order(fn, params=PARAMS, paths=PATHS):
    found = ops.visits(fn, params, jnp.ones((1, 3)), paths=paths)
    return [(visit.path, *visit.index) for visit in found]


def test_layers_come_in_the_order_of_execution():
    assert order(nested) == [
        ("first",),
        ("layers/a", 0),
        ("layers/deep", 0, 0),
        ("layers/deep", 0, 1),
        ("layers/b", 0),
        ("shared",),
        ("layers/a", 1),
        ("layers/deep", 1, 0),
        ("layers/deep", 1, 1),
        ("layers/b", 1),
        ("last",),
    ]


def test_a_reversed_scan_begins_with_its_last_layer():
    def fn(p, x):
        return jax.lax.scan(lambda x, w: (x @ w, None), x, p["a"], reverse=True)[0]

    assert order(fn, PARAMS["layers"], {"a"}) == [("a", 1), ("a", 0)]


def test_the_statistics_of_a_visit_are_those_of_its_layer_alone():
    draw = np.random.default_rng(0).normal
    params = jax.tree.map(lambda x: jnp.asarray(draw(size=x.shape)), PARAMS)
    x = jnp.asarray(draw(size=(4, 3)), jnp.float32)
    _, apart = ops.observe(nested, statistics=(ops.input_squares,))(params, x)
    for visit in ops.visits(nested, params, x, paths=PATHS):
        call = ops.observe_visit(
            nested, visit, statistics=(ops.input_squares,), rows=lambda *_: None
        )
        found = jax.jit(call)(jnp.asarray(visit.index, int), params, x)
        assert list(found) == list(visit.keys)
        for key, stat in found.items():
            wanted = apart[key]["sum_squares"][visit.index]
            np.testing.assert_allclose(stat["sum_squares"], wanted, rtol=1e-5)


def test_what_cannot_be_visited_is_named():
    def mixed(p, x):
        return x @ (p["first"] + p["last"])

    def both(p, x):
        x, _ = jax.lax.scan(lambda x, w: (x @ w, None), x, p["layers"]["a"])
        return x @ p["layers"]["a"][0]

    with pytest.raises(ValueError, match="'first' is mixed with other weights"):
        order(mixed)
    with pytest.raises(ValueError, match="single layers of 'layers/a' and others all"):
        order(both)


@pytest.mark.parametrize("groups", [1, 2])
def test_inputs_of_a_convolution_are_those_of_its_channel(groups):
    """As the Gram diagonal of a one-pixel kernel, laid out as a dense product."""
    draw = np.random.default_rng(0).normal
    x = jnp.asarray(draw(size=(2, 3, 3, 4)), jnp.float32)
    w = {"w": jnp.ones((1, 1, 4 // groups, 6))}

    def conv(p, x):
        return jax.lax.conv_general_dilated(
            x, p["w"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=groups,
        )  # fmt: skip

    stat = ops.observe(conv, statistics=(ops.input_squares,))(w, x)[1]["w"]
    squares = np.square(np.float64(x)).sum((0, 1, 2))
    wanted = np.repeat(squares.reshape(groups, -1).T, 6 // groups, axis=1)
    np.testing.assert_allclose(stat["sum_squares"][0, 0], wanted, rtol=1e-5)


def test_entries_that_a_product_does_not_read_have_no_inputs():
    def fn(p, x):
        return x @ p["w"].reshape(2, 3, 4).transpose(1, 0, 2)[:, 1]

    x = jnp.asarray([[1.0, 2.0, 3.0]])
    stat = ops.observe(fn, statistics=(ops.input_squares,))({"w": jnp.ones((6, 4))}, x)
    wanted = np.repeat([[0], [0], [0], [1], [4], [9]], 4, axis=1)
    np.testing.assert_array_equal(stat[1]["w"]["sum_squares"], wanted)
