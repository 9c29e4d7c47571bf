"""A vision transformer: an encoder of an image's patches."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jdistill.checks import fraction, sizes
from jdistill.models._described import described
from jdistill.models._encoder import blocks
from jdistill.models._images import as_images
from jdistill.models._linen import from_linen
from jdistill.models._sizes import float_type
from jdistill.typing import Model


class _ViT(nn.Module):
    patch: int
    dim: int
    depth: int
    heads: int
    mlp_dim: int
    classes: int
    dropout: float
    dtype: Any

    @nn.compact
    def __call__(self, inputs, train: bool = False):
        x = as_images(inputs, model="vit", smallest=self.patch)
        if x.shape[1] % self.patch or x.shape[2] % self.patch:
            raise ValueError(
                f"vit of patch={self.patch} takes images whose sides it divides, got "
                f"{inputs.shape}"
            )
        size = (self.patch, self.patch)
        embed = nn.Conv(
            self.dim, size, size, padding="VALID", dtype=self.dtype, name="embed"
        )
        x = embed(x)
        places = _places(x.shape[1], x.shape[2], self.dim)
        x = jax.lax.collapse(x, 1, 3) + jnp.asarray(places[None], x.dtype)
        x = blocks(self, x, None, train).mean(1)
        return nn.Dense(self.classes, dtype=self.dtype)(x).astype(jnp.float32)


def _places(rows: int, columns: int, dim: int) -> np.ndarray:
    """`[rows * columns, dim]`: sines and cosines of the row and of the column."""
    number = dim // 4
    speeds = 10_000.0 ** (-np.arange(number) / number)
    down, right = np.divmod(np.arange(rows * columns), columns)
    angles = [place[:, None] * speeds for place in (down, right)]
    waves = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
    return np.concatenate(waves, axis=1)


@described
def vit(
    *,
    classes: int,
    patch: int = 4,
    dim: int = 128,
    depth: int = 4,
    heads: int = 4,
    mlp_dim: int | None = None,
    dropout: float | int = 0.0,
    dtype: str | None = None,
    taps: str | Sequence[str] = (),
) -> Model:
    """A vision transformer with the mean of its patches on top.

    The plain form of Beyer et al.: patches through one linear map, fixed sines and
    cosines for their places, so that images may have any size, and no class token.

    Args:
        classes: number of logits.
        patch: sides of a patch in pixels; it divides the sides of the image.
        dim: width of the residual stream, a multiple of 4.
        depth: number of blocks.
        heads: attention heads; they divide `dim`.
        mlp_dim: hidden units of each block's network, `4 dim` for None.
        dropout: rate everywhere, in training.
        dtype: type it computes in, by default that of its parameters and inputs;
            logits are float32.
        taps: `'EncoderBlock_0'`, `'EncoderBlock_0/attention'`, `'embed'`, ...

    Returns:
        A model of images `[batch, height, width, channels]` or `[batch, height,
        width]`.

    Raises:
        ValueError: a size or rate out of range, `dim` is no multiple of 4 or of
            `heads`; in use, images whose sides `patch` does not divide.

    References:
        Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021
        (arXiv:2010.11929).
        Beyer, Zhai, Kolesnikov, Better plain ViT baselines for ImageNet-1k, 2022
        (arXiv:2205.01580).

    Example:
        >>> import jax
        >>> model = vit(classes=3, patch=2, dim=16, depth=1)
        >>> batch = {'inputs': jnp.zeros((1, 8, 8, 1))}
        >>> params, _ = jax.jit(model.init)(jax.random.key(0), batch)
        >>> model.apply(params, {}, batch)[0].logits.shape
        (1, 3)
    """
    mlp_dim = 4 * dim if mlp_dim is None else mlp_dim
    sizes(classes=classes, patch=patch, dim=dim, depth=depth)
    sizes(heads=heads, mlp_dim=mlp_dim)
    fraction(dropout=dropout)
    if dim % heads:
        raise ValueError(f"heads must divide dim={dim}, got {heads}")
    if dim % 4:
        raise ValueError(f"dim must be a multiple of 4, got {dim}")
    module = _ViT(
        patch, dim, depth, heads, mlp_dim, classes, dropout, float_type(dtype)
    )
    return from_linen(module, taps=taps)
