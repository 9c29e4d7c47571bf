"""Every compression with the parameters it is tried on: one table for all tests."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jdistill import compress
from jdistill.ops import Use
from jdistill.typing import Compression

PRODUCTS = {
    "layers/kernel": Use(contracted=(1,), kept=(2,), layers=(0,)),
    "out/kernel": Use(contracted=(1,), kept=(0,)),  # [out, in]
}


def params(dtype=jnp.float32, seed=0):
    draw = np.random.default_rng(seed).normal
    return {
        "embed": jnp.asarray(draw(size=(6, 4)), dtype),
        "layers": {
            "kernel": jnp.asarray(draw(size=(3, 6, 8)), dtype),
            "scale": jnp.asarray(draw(size=(3, 8)), dtype),
        },
        "none": None,
        "out": {
            "kernel": jnp.asarray(draw(size=(7, 9)), dtype),
            "bias": jnp.asarray(draw(size=7), dtype),
            "steps": jnp.arange(3),
        },
    }


def top(x, k):
    """The mask of the k largest magnitudes by a stable sort, in float64."""
    mask = np.zeros(x.size, bool)
    mask[np.argsort(-np.abs(np.float64(x)).ravel(), kind="stable")[:k]] = True
    return mask.reshape(x.shape)


def pruned(x, sparsity, layers=True):
    if layers and x.ndim == 3:
        return np.stack([pruned(row, sparsity) for row in x])
    return np.where(top(x, round((1 - sparsity) * x.size)), x, 0)


def rounded(x, bits=8, axes=None, dtype=np.float32):
    limit = 2 ** (bits - 1) - 1
    scale = np.abs(np.float64(x)).max(axis=axes, keepdims=True) / limit
    scale = np.where(scale > 0, scale, 1).astype(dtype).astype(np.float64)
    return np.clip(np.round(x / scale), -limit, limit) * scale


def shifted(x, bits=8, axes=None):
    """With a zero point."""
    low = np.minimum(x.min(axis=axes, keepdims=True), 0)
    scale = (np.maximum(x.max(axis=axes, keepdims=True), 0) - low) / (2**bits - 1)
    zero = np.round(-low / scale)
    return (np.clip(np.round(x / scale) + zero, 0, 2**bits - 1) - zero) * scale


def in_groups(x, size, function):
    """Of the last axis of `out` and the middle one of `layers`."""
    x = np.swapaxes(x, -1, -2) if x.ndim == 3 else x
    groups = function(x.reshape(*x.shape[:-1], -1, size)).reshape(x.shape)
    return np.swapaxes(groups, -1, -2) if x.ndim == 3 else groups


def jointly(leaves, sparsity):
    size = sum(x.size for x in leaves)
    mask = top(
        np.concatenate([x.ravel() for x in leaves]), round((1 - sparsity) * size)
    )
    parts = np.split(mask, np.cumsum([x.size for x in leaves])[:-1])
    return [
        np.where(m.reshape(x.shape), x, 0) for m, x in zip(parts, leaves, strict=True)
    ]


def each(function):
    """A reference of two leaves from one of a single leaf."""
    return lambda kernel, out: [function(kernel), function(out)]


class Member(NamedTuple):
    make: Compression
    reference: object  # (layers/kernel, out/kernel) in float64 -> the same, applied


def _layer(x):
    """All axes but that of the layers."""
    return tuple(range(x.ndim - 2, x.ndim))


MEMBERS = {
    "identity": Member(compress.identity(), lambda a, b: [a, b]),
    "freeze": Member(compress.freeze(where="out/.*"), lambda a, b: [a, b]),
    "magnitude": Member(
        compress.magnitude(sparsity=0.7), each(lambda x: pruned(x, 0.7))
    ),
    "magnitude on a schedule": Member(
        compress.magnitude(sparsity=lambda step: jnp.minimum(0.5, step / 8)),
        each(lambda x: pruned(x, 0.5)),
    ),
    "global_magnitude": Member(
        compress.global_magnitude(sparsity=0.7), lambda a, b: jointly([a, b], 0.7)
    ),
    "fake_quant": Member(compress.fake_quant(), each(lambda x: rounded(x, axes=(1,)))),
    "fake_quant per tensor": Member(
        compress.fake_quant(bits=3, per="tensor"),
        each(lambda x: rounded(x, 3, _layer(x))),
    ),
    "fake_quant affine": Member(
        compress.fake_quant(bits=4, codes="affine"),
        each(lambda x: shifted(x, 4, (1,))),
    ),
    "fake_quant in groups": Member(
        compress.fake_quant(bits=4, group_size=3, scale_dtype="float16"),
        each(lambda x: in_groups(x, 3, lambda g: rounded(g, 4, (-1,), np.float16))),
    ),
    "fake_quant affine in groups": Member(
        compress.fake_quant(bits=3, group_size=3, codes="affine"),
        each(lambda x: in_groups(x, 3, lambda g: shifted(g, 3, (-1,)))),
    ),
    "mask then codes": Member(
        compress.chain(compress.magnitude(sparsity=0.7), compress.fake_quant()),
        each(lambda x: rounded(pruned(x, 0.7), axes=(1,))),
    ),
    "two masks then codes": Member(
        compress.chain(
            compress.magnitude(sparsity=0.5, where="out/kernel"),
            compress.global_magnitude(sparsity=0.7),
            compress.fake_quant(bits=4, per="tensor"),
        ),
        lambda a, b: [
            rounded(x, 4, _layer(x)) for x in jointly([a, pruned(b, 0.5)], 0.7)
        ],
    ),
}
