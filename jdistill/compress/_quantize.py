"""Quantisation-aware training of weights: integer codes, straight-through."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jdistill import ops, tree
from jdistill.checks import one_of, whole
from jdistill.compress._encoded import Dense, Quantized
from jdistill.compress._uses import uses_of
from jdistill.ops import Use
from jdistill.typing import Compression, Tree


def fake_quant(
    *,
    bits: int = 8,
    where: tree.Where = None,
    per: str = "channel",
    group_size: int | None = None,
    codes: str = "symmetric",
    scale_dtype: str = "float32",
) -> Compression:
    r"""Rounds weights to the values of a few codes, with the gradient of identity.

    .. math:: \hat w = s \cdot clip(round(w / s), -q_{max}, q_{max}), \quad
        s = \max |w| / q_{max}, \quad \partial \hat w / \partial w = 1

    and with zero points

    .. math:: \hat w = s (clip(round(w / s) + z, 0, 2^{bits} - 1) - z), \quad
        s = \frac{\max(w, 0) - \min(w, 0)}{2^{bits} - 1}, \quad
        z = round(-\min(w, 0) / s)

    The step sizes follow the weights: they are taken from them at each `apply`. Zeros
    stay zero. Leaves that are not floating point are left alone.

    Args:
        bits: bits of a code, 2 to 8.
        where: which parameters, as a regular expression of whole paths or a collection
            of paths; by default the weights of products and convolutions, without
            those that are looked up in (embeddings and heads tied to them).
        per: 'channel', one step size for each output and layer, or 'tensor', one for
            each layer.
        group_size: how many consecutive inputs share a step size, where all of an
            output's are too many; a weight with fewer inputs has one group.
        codes: 'symmetric', or 'affine' with a zero point for each step size.
        scale_dtype: type of the step sizes, 'float32', 'float16' or 'bfloat16'.

    Returns:
        A compression of kind `quantize`, with no learned leaves.

    Raises:
        ValueError: an option is no choice, `where` matches nothing, or `group_size`
            does not divide the inputs of a weight; on concrete values, a weight that
            is not finite or too small for a step size (traced, it becomes NaN).

    References:
        Jacob et al., Quantization and training of neural networks for efficient
        integer-arithmetic-only inference, CVPR 2018 (arXiv:1712.05877);
        Dettmers and Zettlemoyer, The case for 4-bit precision: k-bit inference scaling
        laws, ICML 2023 (arXiv:2212.09720).

    Example:
        >>> c = fake_quant(bits=2, where='w', per='tensor')
        >>> params = {'w': jnp.array([1.0, 0.2, -0.7])}
        >>> c.apply(params, *c.init(params))
        {'w': Array([ 1.,  0., -1.], dtype=float32)}
    """
    _check_options(bits, per, group_size, codes, scale_dtype)
    tree.check_where(where)

    steps = functools.partial(
        _steps,
        bits=bits,
        per=per,
        group_size=group_size,
        codes=codes,
        dtype=scale_dtype,
    )
    change = functools.partial(_change, steps=steps)

    def init(params, *, key=None, products=None):
        del key
        state = uses_of(params, where, products)  # static: it holds no arrays
        change(params, state, lambda x, scale, zero: None)  # refuses what has no steps
        return (), state

    def apply(params, learned, state):
        del learned

        def rounded(x, scale, zero):
            return ops.fake_quantize(x, scale, zero=zero, bits=bits)

        return tree.unflatten(params, change(params, state, rounded))

    def update(params, learned, state, *, step, grads=None, stats=None, key=None):
        del step, grads, stats, key
        return params, learned, state

    def encode(params, learned, state):
        del learned

        def coded(x, scale, zero):
            found = ops.quantize(x, scale, zero=zero, bits=bits)
            return Quantized(found, scale, zero, bits=bits, dtype=x.dtype.name)

        leaves = change(params, state, coded)
        return {p: x if p in state else Dense(x) for p, x in leaves.items()}

    def trainable(params, learned, state):
        del learned, state
        return jax.tree.map(lambda _: True, params)

    return Compression(init, update, apply, encode, trainable, ("quantize",))


def _check_options(
    bits: int, per: str, group_size: int | None, codes: str, scale_dtype: str
) -> None:
    one_of(("channel", "tensor"), per=per)
    one_of(("symmetric", "affine"), codes=codes)
    one_of(("float32", "float16", "bfloat16"), scale_dtype=scale_dtype)
    ops.absmax_scale(jnp.ones(1), bits=bits)  # refuses bits out of range
    if group_size is not None:
        whole(group_size=group_size)
        if per != "channel":
            raise ValueError("group_size divides channels: leave per='tensor' out")


def _change(
    params: Tree,
    uses: Mapping[str, Use],
    function: Callable[[Any, Any, Any], Any],
    *,
    steps: Callable[[str, Any, Use], tuple[Any, Any]],
) -> dict[str, Any]:
    """Leaves by path, where `function(x, scale, zero)` replaces those of `uses`."""
    leaves = tree.flatten(params)
    for path, use in uses.items():
        x = jnp.asarray(leaves[path])
        if not x.size:
            raise ValueError(f"{path!r} is empty: leave it out with where=")
        scale, zero = steps(path, x, use)
        ops.refuse_scale(path, scale)
        leaves[path] = function(x, scale, zero)
    return leaves


def _steps(
    path: str, x: Any, use: Use, *, codes: str, bits: int, dtype: str, **shape: Any
) -> tuple[Any, Any]:
    """The step sizes of a weight, and its zero points or None."""
    blocks = _scale_shape(path, x.shape, use, **shape)
    options = {"shape": blocks, "bits": bits, "dtype": dtype}
    x = jax.lax.stop_gradient(x)
    if codes == "affine":
        return ops.minmax_scale(x, **options)
    return ops.absmax_scale(x, **options), None


def _scale_shape(
    path: str, shape: tuple[int, ...], use: Use, *, per: str, group_size: int | None
) -> tuple[int, ...]:
    """How many step sizes a weight has along each axis."""
    apart = use.layers + (use.kept if per == "channel" else ())
    blocks = [n if axis in apart else 1 for axis, n in enumerate(shape)]
    inputs = math.prod(shape[axis] for axis in use.contracted)
    if group_size is None or inputs <= group_size:
        return tuple(blocks)
    left = group_size
    for axis in reversed(use.contracted):  # the last one runs fastest
        length = shape[axis]
        if left % length and length % left:
            raise ValueError(
                f"group_size={group_size} does not divide the inputs of {path!r}, "
                f"{tuple(shape[a] for a in use.contracted)}"
            )
        blocks[axis] = max(1, length // left)
        left = max(1, left // length)
    return tuple(blocks)
