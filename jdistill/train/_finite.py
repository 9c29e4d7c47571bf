"""Whether a step is finite, at the price of reading it once."""

import jax
import jax.numpy as jnp

from jdistill.typing import Array, Tree


def all_finite(values: Tree) -> Array:
    """Whether every number of a tree is finite, in one program.

    Example:
        >>> bool(all_finite({'a': jnp.ones(2), 'b': jnp.array([1.0, jnp.nan])}))
        False
    """
    each = jnp.stack([_finite(x) for x in jax.tree.leaves(values)])
    # Without the barrier XLA takes the stack apart and repeats all tests for every leaf
    # of the state: compiling the step of a residual network took half as long again.
    return jnp.all(jax.lax.optimization_barrier(each))


def finite_of(new: Tree, old: Tree) -> tuple[Tree, Array]:
    """What is finite of the new numbers, the old ones elsewhere; and if all were.

    Number by number, so that each may take the place of the old one at once; to choose
    between whole trees would keep both in memory until the last number is known.

    Example:
        >>> finite_of({'a': jnp.array([1.0, jnp.inf])}, {'a': jnp.zeros(2)})
        ({'a': Array([1., 0.], dtype=float32)}, Array(False, dtype=bool))
    """
    moved = jax.tree.map(lambda x, y: None if x is y else x, new, old)
    if not jax.tree.leaves(moved):
        return new, jnp.bool_(True)
    kept = jax.tree.map(
        lambda x, y: y if x is y else jnp.where(jnp.isfinite(x), x, y), new, old
    )
    return kept, all_finite(moved)


def _finite(x: Array) -> Array:
    if not x.size:
        return jnp.bool_(True)
    if x.ndim == 0:
        return jnp.isfinite(x)
    return jax.lax.platform_dependent(x, cpu=_by_product, default=_by_number)


def _by_number(x: Array) -> Array:
    return jnp.isfinite(x).all()


def _by_product(x: Array) -> Array:
    # A product with zeros is 0, or NaN where x is not finite: on a CPU a matrix product
    # reads weights several times faster than a test of each number does. Elsewhere it
    # has no place: where weights are split over devices, the zeros carry the split of
    # one weight to others, and activations of a layer were gathered for that.
    # behind a barrier no compiler can see that they are zeros
    along = 0 if x.shape[0] >= x.shape[-1] else -1
    zeros = jax.lax.optimization_barrier(jnp.zeros(x.shape[along], x.dtype))
    # the weights stay as they lie: with the zeros on the other side of stacked ones
    # XLA turns them over first, which took twenty times as long as the product
    product = zeros @ x.reshape(len(x), -1) if along == 0 else x @ zeros
    return jnp.all(jnp.isfinite(product))
