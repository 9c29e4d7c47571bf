"""A transformer encoder that classifies texts."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jdistill.checks import fraction, sizes
from jdistill.models._described import described
from jdistill.models._linen import from_linen
from jdistill.models._sizes import float_type
from jdistill.typing import Model


class EncoderBlock(nn.Module):
    """Attention and a two-layer network, each behind a norm and beside a shortcut."""

    heads: int
    mlp_dim: int
    dropout: float
    dtype: Any

    @nn.compact
    def __call__(self, x, attend, train: bool):
        """One layer; `attend` is `[batch, 1, 1, steps]`."""
        drop = nn.Dropout(self.dropout, deterministic=not train)
        y = nn.LayerNorm(dtype=self.dtype)(x)
        y = nn.MultiHeadDotProductAttention(
            num_heads=self.heads,
            dtype=self.dtype,
            dropout_rate=self.dropout,
            deterministic=not train,
            name="attention",
        )(y, mask=attend)
        x = x + drop(y)
        y = nn.LayerNorm(dtype=self.dtype)(x)
        y = nn.gelu(nn.Dense(self.mlp_dim, dtype=self.dtype)(y))
        y = nn.Dense(x.shape[-1], dtype=self.dtype)(drop(y))
        return x + drop(y)


def blocks(net: Any, x: Any, attend: Any, train: bool) -> Any:
    """The layers of an encoder, a norm behind the last; they belong to `net`.

    Args:
        net: the module in whose call this is, with `depth` and an `EncoderBlock`'s
            `heads`, `mlp_dim`, `dropout` and `dtype`.
        x: embedded tokens `[batch, steps, dim]`.
        attend: `[batch, 1, 1, steps]`; None for all.
        train: whether dropout draws.
    """
    x = nn.Dropout(net.dropout, deterministic=not train)(x)
    for _ in range(net.depth):
        block = EncoderBlock(net.heads, net.mlp_dim, net.dropout, net.dtype)
        x = block(x, attend, train)
    return nn.LayerNorm(dtype=net.dtype)(x)


class _Encoder(nn.Module):
    vocab: int
    dim: int
    depth: int
    heads: int
    mlp_dim: int
    steps: int
    classes: int
    dropout: float
    dtype: Any

    @nn.compact
    def __call__(self, inputs, token_mask=None, train: bool = False):
        if inputs.ndim != 2 or inputs.shape[1] > self.steps:
            raise ValueError(
                "encoder_classifier takes ids [batch, steps] with at most "
                f"{self.steps} steps, got {inputs.shape}"
            )
        if token_mask is None:
            token_mask = jnp.ones(inputs.shape)
        init = nn.initializers.normal(0.02)
        position = self.param("position", init, (self.steps, self.dim))
        embed = nn.Embed(
            self.vocab, self.dim, embedding_init=init, dtype=self.dtype, name="embed"
        )
        x = embed(inputs)
        x += position[None, : inputs.shape[1]].astype(x.dtype)
        x = blocks(self, x, token_mask[:, None, None, :] > 0, train)
        real = token_mask.astype(jnp.float32)[..., None]
        mean = (x * real).sum(1) / jnp.maximum(real.sum(1), 1)
        mean = mean.astype(x.dtype)
        return nn.Dense(self.classes, dtype=self.dtype)(mean).astype(jnp.float32)


@described
def encoder_classifier(
    *,
    classes: int,
    vocab: int,
    steps: int,
    dim: int = 128,
    depth: int = 2,
    heads: int = 4,
    mlp_dim: int | None = None,
    dropout: float | int = 0.0,
    dtype: str | None = None,
    taps: str | Sequence[str] = (),
) -> Model:
    """A transformer encoder with the mean of its last layer's real tokens on top.

    Norms come before attention and before the two-layer network of each block;
    positions are learned. Padded tokens are neither attended to nor averaged, so
    padding changes nothing.

    Args:
        classes: number of logits.
        vocab: token ids are from 0 to below this.
        steps: the most tokens of a text.
        dim: width of the residual stream.
        depth: number of blocks.
        heads: attention heads; they divide `dim`.
        mlp_dim: hidden units of each block's network, `4 dim` for None.
        dropout: rate everywhere, in training.
        dtype: type it computes in, by default that of its parameters and inputs;
            logits are float32.
        taps: `'EncoderBlock_0'`, `'EncoderBlock_0/attention'`, `'embed'`, ...

    Returns:
        A model of ids `[batch, steps]` with `token_mask`.

    Raises:
        ValueError: a size or rate out of range, or `heads` does not divide `dim`; in
            use, texts of more than `steps` tokens.

    References:
        Vaswani et al., Attention is all you need, NeurIPS 2017 (arXiv:1706.03762).
        Xiong et al., On layer normalization in the transformer architecture, ICML
        2020 (arXiv:2002.04745).

    Example:
        >>> import jax
        >>> model = encoder_classifier(classes=3, vocab=50, steps=8, dim=16)
        >>> batch = {'inputs': jnp.array([[7, 9, 0]]),
        ...          'token_mask': jnp.array([[1, 1, 0]])}
        >>> params, _ = jax.jit(model.init)(jax.random.key(0), batch)
        >>> model.apply(params, {}, batch)[0].logits.shape
        (1, 3)
    """
    mlp_dim = 4 * dim if mlp_dim is None else mlp_dim
    sizes(classes=classes, vocab=vocab, steps=steps, dim=dim, depth=depth)
    sizes(heads=heads, mlp_dim=mlp_dim)
    fraction(dropout=dropout)
    if dim % heads:
        raise ValueError(f"heads must divide dim={dim}, got {heads}")
    module = _Encoder(
        vocab, dim, depth, heads, mlp_dim, steps, classes, dropout, float_type(dtype)
    )
    return from_linen(module, taps=taps)
