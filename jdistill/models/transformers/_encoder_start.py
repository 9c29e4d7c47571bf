"""New parameters of an encoder, its layers stacked."""

from typing import Any

import jax
import jax.numpy as jnp

from jdistill.models.transformers._encoder_config import EncoderConfig
from jdistill.models.transformers._layers import start_dense
from jdistill.typing import Key, Tree


def start(key: Key, config: EncoderConfig) -> Tree:
    """Normal weights of deviation 0.02, biases 0, norms 1.

    Args:
        key: draws them.
        config: sizes, family and head.

    Returns:
        `embed`, `position`, `embed_norm`, `layers` (each array `[depth, ...]`), and
        `type`, `pooler`, `transform`, `transform_norm` and `head` where there are any.

    References:
        Devlin et al., BERT, arXiv:1810.04805.

    Example:
        >>> config = EncoderConfig(vocab=50, dim=16, depth=2, heads=4, mlp_dim=32,
        ...                        max_steps=64, head='classes', labels=('no', 'yes'))
        >>> params = start(jax.random.key(0), config)
        >>> params['layers']['mlp']['up']['kernel'].shape
        (2, 16, 32)
        >>> params['head']['kernel'].shape
        (16, 2)
    """
    keys = iter(jax.random.split(key, 12))
    dim = config.dim

    def table(rows: int) -> Tree:
        return {"embedding": 0.02 * jax.random.normal(next(keys), (rows, dim))}

    params = {
        "embed": table(config.vocab),
        "position": table(config.max_steps + config.position_offset),
        "embed_norm": _norm(dim),
        "layers": _layers(keys, config),
    }
    if config.token_types:
        params["type"] = table(config.token_types)
    if config.pooler is not None:
        params["pooler"] = start_dense(next(keys), (dim, dim), bias=True)
    return params | _head(keys, config)


def _layers(keys: Any, config: EncoderConfig) -> Tree:
    depth, dim, mlp = config.depth, config.dim, config.mlp_dim

    def part(width: int, size: int) -> Tree:
        return start_dense(next(keys), (depth, width, size), bias=True)

    return {
        "attention": {n: part(dim, dim) for n in ("query", "key", "value", "out")},
        "attention_norm": _norm(depth, dim),
        "mlp": {"up": part(dim, mlp), "down": part(mlp, dim)},
        "mlp_norm": _norm(depth, dim),
    }


def _head(keys: Any, config: EncoderConfig) -> Tree:
    if not config.logits:
        return {}
    head = start_dense(next(keys), (config.dim, config.logits), bias=True)
    if config.head == "classes":
        return {"head": head}
    if config.tied:
        del head["kernel"]
    return {
        "transform": start_dense(next(keys), (config.dim, config.dim), bias=True),
        "transform_norm": _norm(config.dim),
        "head": head,
    }


def _norm(*shape: int) -> Tree:
    return {"scale": jnp.ones(shape), "bias": jnp.zeros(shape)}
