import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import compress

RANDOM = np.random.default_rng(0)


def pair(a, b):
    make = lambda shape: jnp.asarray(RANDOM.normal(size=shape), jnp.float32)  # noqa: E731
    return {"a": make(a), "b": make(b)}


@pytest.mark.parametrize(
    ("a", "b", "layers", "shape"),
    [
        ((5, 2), (2, 4), 0, (5, 4)),
        ((3, 5, 2), (3, 2, 4), 1, (3, 5, 4)),
        ((2, 2, 2), (2, 2, 2), 0, (4, 4)),  # two axes of inputs, two of outputs
        ((2, 2, 2), (2, 2, 2), 1, (2, 2, 2)),  # two layers
    ],
)
def test_the_change_is_the_product_of_both_with_axes_joined(a, b, layers, shape):
    given = pair(a, b)
    form = compress.factors({"w": given}, scale=3.0, layers={"w": layers})["w"]
    found = compress.decode(form)
    left = np.float64(given["a"]).reshape(*a[:layers], -1, a[-1])
    right = np.float64(given["b"]).reshape(*b[:layers], a[-1], -1)
    assert found.shape == shape
    np.testing.assert_allclose(found, 3 * left @ right, rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"'w': 'a' is \(5, 2\) and 'b' \(3, 4\)"):
        compress.factors({"w": pair((5, 2), (3, 4))})
    with pytest.raises(ValueError, match="with 1 axes of layers"):
        compress.factors({"w": pair((5, 2), (2, 4))}, layers={"w": 1})
