"""Quantisation-aware training of weights: symmetric codes, straight-through."""

import functools
from collections.abc import Callable, Collection
from typing import Any

import jax
import jax.numpy as jnp

from jdistill import ops, tree
from jdistill.compress._encoded import Dense, Quantized
from jdistill.compress._values import check_choice
from jdistill.typing import Compression, Tree


def fake_quant(
    *,
    bits: int = 8,
    where: tree.Where = None,
    per: str = "channel",
    axis: int = -1,
    stacked: tree.Where = None,
) -> Compression:
    r"""Rounds weights to `2^bits - 1` symmetric levels, with the gradient of identity.

    .. math:: s = \max |w| / q_{max}, \quad
        \hat w = s \cdot clip(round(w / s), -q_{max}, q_{max}), \quad
        \partial \hat w / \partial w = 1

    The scale follows the weights: it is taken from them at each `apply`. Zeros stay
    zero. Leaves that are not floating point are left alone.

    Args:
        bits: bits of a code, 2 to 8.
        where: which parameters, as a regular expression of whole paths or a collection
            of paths; the weights of products and convolutions by default.
        per: 'channel', one scale for each index of `axis`, or 'tensor', one for all.
            A weight with a single axis has one scale either way.
        axis: the axis of the output channels.
        stacked: which of them carry a leading axis of layers (`nn.scan`), each with
            scales of its own.

    Returns:
        A compression of kind `quantize`, with no learned leaves.

    Raises:
        ValueError: `bits` or `per` is no choice, or `where` or `stacked` match
            nothing.

    References:
        Jacob et al., Quantization and training of neural networks for efficient
        integer-arithmetic-only inference, CVPR 2018 (arXiv:1712.05877).

    Example:
        >>> c = fake_quant(bits=2, where='w', per='tensor')
        >>> params = {'w': jnp.array([1.0, 0.2, -0.7])}
        >>> c.apply(params, *c.init(params))
        {'w': Array([ 1.,  0., -1.], dtype=float32)}
    """
    check_choice("per", per, ("channel", "tensor"))
    ops.absmax_scale(jnp.ones(1), bits=bits)  # refuses bits out of range

    change = functools.partial(_change, bits=bits, per=per, axis=axis, stacked=stacked)

    def init(params, *, key=None, products=None):
        del key
        paths = tree.select(params, where, default=products)
        leaves = tree.flatten(params)
        # the keys of the state say what is quantised; it holds no arrays
        state = {path: () for path in leaves if path in paths and _real(leaves[path])}
        change(params, state, lambda x, scale: None)  # refuses a wrong stacked
        return (), state

    def apply(params, learned, state):
        del learned
        rounded = change(
            params, state, lambda x, scale: ops.fake_quantize(x, scale, bits=bits)
        )
        return tree.unflatten(params, rounded)

    def update(params, learned, state, *, step, grads=None, stats=None, key=None):
        del step, grads, stats, key
        return params, learned, state

    def encode(params, learned, state):
        del learned

        def coded(x, scale):
            codes = ops.quantize(x, scale, bits=bits)
            return Quantized(codes, scale, bits=bits, dtype=x.dtype.name)

        leaves = change(params, state, coded)
        return {p: x if p in state else Dense(x) for p, x in leaves.items()}

    def trainable(params, learned, state):
        del learned, state
        return jax.tree.map(lambda _: True, params)

    return Compression(init, update, apply, encode, trainable, ("quantize",))


def _change(
    params: Tree,
    paths: Collection[str],
    function: Callable[[Any, Any], Any],
    *,
    bits: int,
    per: str,
    axis: int,
    stacked: tree.Where,
) -> dict[str, Any]:
    """Leaves by path, where `function(x, scale)` replaces those of `paths`."""
    layered = tree.select(dict.fromkeys(paths, 0), stacked) if stacked else ()
    leaves = tree.flatten(params)
    for path in paths:
        x = jnp.asarray(leaves[path])
        axes = _shared_axes(x.ndim, int(path in layered), per=per, axis=axis)
        scale = ops.absmax_scale(jax.lax.stop_gradient(x), axes=axes, bits=bits)
        leaves[path] = function(x, scale)
    return leaves


def _shared_axes(ndim: int, layers: int, *, per: str, axis: int) -> tuple[int, ...]:
    kept = set(range(layers))
    if per == "channel" and ndim - layers > 1:
        kept.add(axis % ndim)
    return tuple(a for a in range(ndim) if a not in kept)


def _real(x: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(x), jnp.floating)
