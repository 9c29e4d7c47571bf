import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import ops


def true_axes(shape, make):
    """Which axes of the parameter change along each dimension of the operand."""
    indices = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"))
    moved = [np.asarray(make(jnp.asarray(index))) for index in indices]
    return [
        {a for a, index in enumerate(moved) if np.any(np.diff(index, axis=d))}
        for d in range(moved[0].ndim)
    ]


SHAPES = ((12,), (3, 4), (4, 3), (2, 2, 3), (2, 6), (1, 12), (6, 1, 2), (3, 2, 2, 1))


@pytest.mark.parametrize("before, after", [*itertools.product(SHAPES, SHAPES)])
def test_no_axis_is_lost_by_a_reshape_and_a_transpose(before, after):
    def make(w):
        return w.T.reshape(after)

    def fn(params, x):
        return jnp.tensordot(make(params["w"]), x, axes=1)

    x = jnp.ones((after[-1], 2))
    (op,) = ops.products(fn, {"w": jnp.ones(before)}, x)
    wanted = true_axes(before, make)
    if op.avals[0].ndim == len(after):
        pairs = zip(op.weight[0].axes, wanted, strict=True)
    else:  # tensordot joins the dimensions that it keeps
        pairs = zip(
            op.weight[0].axes, [set().union(*wanted[:-1]), wanted[-1]], strict=True
        )
    assert all(truth <= set(found) for found, truth in pairs)
