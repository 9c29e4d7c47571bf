import jax.numpy as jnp
import pytest
from jax import lax

from jdistill import ops


@pytest.mark.parametrize(
    ("fn", "shapes", "sides"),
    [
        (lambda w, x: x @ w.T, ((3, 2), (5, 2)), [((), (1,), (0,)), ((), (0,), (1,))]),
        (
            lambda w, x: jnp.einsum("bsi,bio->bso", x, w),
            ((4, 2, 3), (4, 5, 2)),
            [((0,), (2,), (1,)), ((0,), (1,), (2,))],
        ),
        (
            lambda w, x: lax.conv(x, w, (1, 1), "SAME"),
            ((6, 2, 3, 3), (1, 2, 8, 8)),
            [((), (1,), (0, 2, 3)), ((), (1, 2, 3), (0,))],
        ),
    ],
    ids=["matrix", "experts", "convolution"],
)
def test_each_dimension_of_an_operand_has_one_part_in_the_product(fn, shapes, sides):
    op, *others = ops.products(fn, *map(jnp.ones, shapes))
    assert not others
    for side, wanted in enumerate(sides):
        found = ops.dims_of(op, side)
        assert tuple(map(tuple, found)) == wanted
        every = sorted(d for part in found for d in part)
        assert every == list(range(len(op.avals[side].shape)))
