import jax.numpy as jnp
import pytest

from jdistill import ops

PARAMS = {name: jnp.ones((2, 2)) for name in ("first", "second")}
X = jnp.ones((1, 2))


def fn(params, x):
    y = x @ params["first"] @ params["second"]
    return y.T @ y


def selected(where):
    return sorted(ops.observe(fn, where=where)(PARAMS, X)[1])


@pytest.mark.parametrize(
    "where, keys",
    [
        (None, ["first", "second"]),
        ("first", ["first"]),
        (".*", ["dot_general", "first", "second"]),
        (("second",), ["second"]),
        ({"dot_general", "first"}, ["dot_general", "first"]),
    ],
)
def test_products_are_selected_by_weight_or_key(where, keys):
    assert selected(where) == keys


@pytest.mark.parametrize(
    "where, message",
    [
        ("firs", r"where='firs' matches no product; did you mean 'first'\?"),
        (("secnd",), r"where names 'secnd', which no product reads; did you mean"),
        ((), "where is empty"),
    ],
)
def test_what_matches_nothing_is_named_with_near_misses(where, message):
    with pytest.raises(ValueError, match=message):
        selected(where)
