"""New parameters of a decoder, its layers stacked."""

from typing import Any

import jax
import jax.numpy as jnp

from jdistill.models.transformers._decoder_config import DecoderConfig
from jdistill.models.transformers._layers import start_dense
from jdistill.typing import Key, Tree


def start(key: Key, config: DecoderConfig) -> Tree:
    """Normal weights of deviation 0.02, those that end a branch by sqrt(2 depth) less.

    Args:
        key: draws them.
        config: sizes and family.

    Returns:
        `embed`, `layers` (each array `[depth, ...]`), `norm`, and `position` and `head`
        where the family has them.

    References:
        Radford et al. 2019 (GPT-2), for the ends of branches.

    Example:
        >>> config = DecoderConfig(vocab=50, dim=16, depth=2, heads=4, kv_heads=2,
        ...                        head_dim=4, mlp_dim=32, max_steps=64, tied=False)
        >>> params = start(jax.random.key(0), config)
        >>> sorted(params), params['layers']['mlp']['up']['kernel'].shape
        (['embed', 'head', 'layers', 'norm'], (2, 16, 32))
    """
    keys = iter(jax.random.split(key, 10))
    params = {
        "embed": {"embedding": 0.02 * _normal(next(keys), config.vocab, config.dim)},
        "layers": _layers(keys, config),
        "norm": _norm(config, (config.dim,)),
    }
    if config.position_offset is not None:
        rows = config.max_steps + config.position_offset
        params["position"] = {"embedding": 0.02 * _normal(next(keys), rows, config.dim)}
    if not config.tied:
        shape = (config.dim, config.vocab)
        params["head"] = start_dense(next(keys), shape, bias=False)
    return params


def _layers(keys: Any, config: DecoderConfig) -> Tree:
    depth, dim, mlp = config.depth, config.dim, config.mlp_dim
    heads, kv = config.heads * config.head_dim, config.kv_heads * config.head_dim
    ends = 0.02 / (2 * depth) ** 0.5

    def part(width, size, bias, std=0.02):
        return start_dense(next(keys), (depth, width, size), bias=bias, std=std)

    attention = {
        "query": part(dim, heads, config.qkv_bias),
        "key": part(dim, kv, config.qkv_bias),
        "value": part(dim, kv, config.qkv_bias),
        "out": part(heads, dim, config.out_bias, ends),
    }
    if config.qk_norm:
        attention["query_norm"] = _norm(config, (depth, config.head_dim))
        attention["key_norm"] = _norm(config, (depth, config.head_dim))
    network = {
        "up": part(dim, mlp, config.mlp_bias),
        "down": part(mlp, dim, config.mlp_bias, ends),
    }
    if config.gated:
        network["gate"] = part(dim, mlp, config.mlp_bias)
    layers = {"attention": attention, "mlp": network}
    for name in ("attention", "mlp"):
        layers[f"{name}_norm"] = _norm(config, (depth, dim))
        if config.post_norms:
            layers[f"{name}_post_norm"] = _norm(config, (depth, dim))
    return layers


def _norm(config: DecoderConfig, shape: tuple[int, ...]) -> Tree:
    scale = jnp.full(shape, 1 - config.norm_offset, jnp.float32)
    if config.norm == "rms":
        return {"scale": scale}
    return {"scale": scale, "bias": jnp.zeros(shape)}


def _normal(key: Key, *shape: int) -> Any:
    return jax.random.normal(key, shape)
