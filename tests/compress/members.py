"""Every compression with the parameters it is tried on: one table for all tests."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jdistill import compress
from jdistill.typing import Compression

PRODUCTS = ("layers/kernel", "out/kernel")


def params(dtype=jnp.float32, seed=0):
    draw = np.random.default_rng(seed).normal
    return {
        "embed": jnp.asarray(draw(size=(6, 4)), dtype),
        "layers": {
            "kernel": jnp.asarray(draw(size=(3, 5, 8)), dtype),
            "scale": jnp.asarray(draw(size=(3, 8)), dtype),
        },
        "none": None,
        "out": {
            "kernel": jnp.asarray(draw(size=(9, 7)), dtype),
            "bias": jnp.asarray(draw(size=7), dtype),
            "steps": jnp.arange(3),
        },
    }


def top(x, k):
    """The mask of the k largest magnitudes by a stable sort, in float64."""
    mask = np.zeros(x.size, bool)
    mask[np.argsort(-np.abs(np.float64(x)).ravel(), kind="stable")[:k]] = True
    return mask.reshape(x.shape)


def pruned(x, sparsity, layers=False):
    if layers:
        return np.stack([pruned(row, sparsity) for row in x])
    return np.where(top(x, round((1 - sparsity) * x.size)), x, 0)


def rounded(x, bits=8, axes=None):
    limit = 2 ** (bits - 1) - 1
    scale = np.abs(np.float64(x)).max(axis=axes, keepdims=True) / limit
    scale = np.where(scale > 0, scale, 1)
    return np.clip(np.round(x / scale), -limit, limit) * scale


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
    return lambda kernel, out: [function(kernel, True), function(out, False)]


class Member(NamedTuple):
    make: Compression
    reference: object  # (layers/kernel, out/kernel) in float64 -> the same, applied


def _channel(x, stacked, bits=8):
    return rounded(x, bits, (1,) if stacked else (0,))


MEMBERS = {
    "identity": Member(compress.identity(), lambda a, b: [a, b]),
    "freeze": Member(compress.freeze(where="out/.*"), lambda a, b: [a, b]),
    "magnitude": Member(
        compress.magnitude(sparsity=0.7), each(lambda x, _: pruned(x, 0.7))
    ),
    "magnitude per layer": Member(
        compress.magnitude(sparsity=0.7, stacked="layers/.*"),
        each(lambda x, stacked: pruned(x, 0.7, stacked)),
    ),
    "magnitude on a schedule": Member(
        compress.magnitude(sparsity=lambda step: jnp.minimum(0.5, step / 8)),
        each(lambda x, _: pruned(x, 0.5)),
    ),
    "global_magnitude": Member(
        compress.global_magnitude(sparsity=0.7), lambda a, b: jointly([a, b], 0.7)
    ),
    "fake_quant": Member(
        compress.fake_quant(),
        each(lambda x, stacked: rounded(x, 8, (0, 1) if stacked else (0,))),
    ),
    "fake_quant per layer": Member(
        compress.fake_quant(bits=4, stacked="layers/.*"),
        each(lambda x, stacked: _channel(x, stacked, 4)),
    ),
    "fake_quant per tensor": Member(
        compress.fake_quant(bits=3, per="tensor"), each(lambda x, _: rounded(x, 3))
    ),
    "fake_quant per tensor and layer": Member(
        compress.fake_quant(per="tensor", stacked="layers/.*"),
        each(lambda x, stacked: rounded(x, 8, (1, 2) if stacked else None)),
    ),
    "mask then codes": Member(
        compress.chain(compress.magnitude(sparsity=0.7), compress.fake_quant()),
        each(
            lambda x, stacked: rounded(pruned(x, 0.7), 8, (0, 1) if stacked else (0,))
        ),
    ),
    "two masks then codes": Member(
        compress.chain(
            compress.magnitude(sparsity=0.5, where="out/kernel"),
            compress.global_magnitude(sparsity=0.7),
            compress.fake_quant(bits=4, per="tensor"),
        ),
        lambda a, b: [rounded(x, 4) for x in jointly([a, pruned(b, 0.5)], 0.7)],
    ),
}
