"""New parameters of an encoder-decoder, the layers of each side stacked."""

from typing import Any

import jax
import jax.numpy as jnp

from jdistill.models.transformers._encoder_decoder_config import EncoderDecoderConfig
from jdistill.models.transformers._layers import start_dense
from jdistill.typing import Key, Tree


def start(key: Key, config: EncoderDecoderConfig) -> Tree:
    """Normal weights, of deviations that keep the scores and the stream near one.

    Scores are not scaled, so queries begin `head_dim ** 0.5` smaller.

    Args:
        key: draws them.
        config: sizes.

    Returns:
        `embed`, `encoder` and `decoder` (each `position`, `layers` with arrays `[depth,
        ...]`, `norm`), and `head` where it is not the embedding.

    References:
        Raffel et al., arXiv:1910.10683, whose code has these deviations.

    Example:
        >>> config = EncoderDecoderConfig(vocab=50, dim=16, depth=2, heads=4,
        ...                               head_dim=4, mlp_dim=32)
        >>> params = start(jax.random.key(0), config)
        >>> sorted(params), sorted(params['decoder']['layers'])
        (['decoder', 'embed', 'encoder'], ['attention', 'attention_norm', 'cross', \
'cross_norm', 'mlp', 'mlp_norm'])
    """
    shared, encoder, decoder, own = jax.random.split(key, 4)
    params = {
        "embed": {"embedding": jax.random.normal(shared, (config.vocab, config.dim))},
        "encoder": _side(encoder, config, config.depth, ("attention",)),
        "decoder": _side(
            decoder, config, config.decoder_depth or 0, ("attention", "cross")
        ),
    }
    if not config.tied:
        shape, std = (config.dim, config.vocab), config.dim**-0.5
        params["head"] = start_dense(own, shape, bias=False, std=std)
    return params


def _side(key: Key, config: EncoderDecoderConfig, depth: int, names: Any) -> Tree:
    keys = iter(jax.random.split(key, 12))
    dim, width = config.dim, config.heads * config.head_dim

    def part(rows: int, size: int, std: float) -> Tree:
        return start_dense(next(keys), (depth, rows, size), bias=False, std=std)

    layers: dict[str, Any] = {
        name: {
            "query": part(dim, width, (dim * config.head_dim) ** -0.5),
            "key": part(dim, width, dim**-0.5),
            "value": part(dim, width, dim**-0.5),
            "out": part(width, dim, width**-0.5),
        }
        for name in names
    }
    layers["mlp"] = {
        "up": part(dim, config.mlp_dim, dim**-0.5),
        "down": part(config.mlp_dim, dim, config.mlp_dim**-0.5),
    }
    if config.gated:
        layers["mlp"]["gate"] = part(dim, config.mlp_dim, dim**-0.5)
    for name in (*names, "mlp"):
        layers[f"{name}_norm"] = {"scale": jnp.ones((depth, dim))}
    table = jax.random.normal(next(keys), (config.buckets, config.heads))
    return {
        "position": {"embedding": dim**-0.5 * table},
        "layers": layers,
        "norm": {"scale": jnp.ones((dim,))},
    }
