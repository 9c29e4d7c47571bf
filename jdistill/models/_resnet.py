"""Residual networks for small images."""

import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jdistill.checks import sizes
from jdistill.models._described import described
from jdistill.models._images import as_images
from jdistill.models._linen import from_linen
from jdistill.models._sizes import float_type
from jdistill.typing import Model


def he_normal(key, shape, dtype=jnp.float32):
    # Drawn in one row: the same numbers, but XLA compiles drawing four-dimensional
    # arrays five times as long, most of what compiling a training run took.
    std = math.sqrt(2.0 / (shape[0] * shape[1] * shape[3]))
    return std * jax.random.normal(key, (math.prod(shape),), dtype).reshape(shape)


class ConvNorm(nn.Module):
    channels: int
    stride: int
    dtype: Any

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Conv(
            self.channels,
            (3, 3),
            strides=self.stride,
            padding=1,
            use_bias=False,
            kernel_init=he_normal,
            dtype=self.dtype,
            name="conv",
        )(x)
        norm = nn.BatchNorm(momentum=0.9, dtype=self.dtype, name="norm")
        return norm(x, use_running_average=not train)


class Block(nn.Module):
    channels: int
    stride: int
    dtype: Any

    @nn.compact
    def __call__(self, x, train: bool):
        y = nn.relu(ConvNorm(self.channels, self.stride, self.dtype)(x, train))
        y = ConvNorm(self.channels, 1, self.dtype)(y, train)
        short = x[:, :: self.stride, :: self.stride]
        new = self.channels - x.shape[-1]
        short = jnp.pad(short, [(0, 0)] * 3 + [(new // 2, new - new // 2)])
        return nn.relu(y + short)


class _ResNet(nn.Module):
    blocks: int
    width: int
    classes: int
    dtype: Any

    @nn.compact
    def __call__(self, inputs, train: bool = False):
        x = as_images(inputs, model="resnet")
        x = nn.relu(ConvNorm(self.width, 1, self.dtype)(x, train))
        for stage in range(3):
            for block in range(self.blocks):
                stride = 2 if stage and not block else 1
                x = Block(self.width * 2**stage, stride, self.dtype)(x, train)
        x = x.mean((1, 2))
        return nn.Dense(self.classes, dtype=self.dtype)(x).astype(jnp.float32)


@described
def resnet(
    *,
    classes: int,
    depth: int = 20,
    width: int = 16,
    dtype: str | None = None,
    taps: str | Sequence[str] = (),
) -> Model:
    """The residual network for CIFAR: `depth = 6n + 2`, three stages of n blocks.

    Stages have `width`, `2 width` and `4 width` channels at full, half and quarter
    resolution. Shortcuts are the identity without parameters, strided and padded with
    zero channels where the shape changes (option A of the paper). Statistics of a
    training batch leave padded examples out.

    Args:
        classes: number of logits.
        depth: layers with weights: 8, 14, 20, 26, 32, 38, 44, 50, 56, ... 110.
        width: channels of the first stage.
        dtype: type it computes in, by default that of its parameters and inputs;
            statistics and logits are float32.
        taps: `'Block_0'`, ... (blocks), `'Block_0/ConvNorm_1/conv'`.

    Returns:
        A model of images `[batch, height, width, channels]` or `[batch, height,
        width]`, with batch statistics as its state.

    Raises:
        ValueError: `depth` is not `6n + 2`, or a size is out of range.

    References:
        He et al., Deep residual learning for image recognition, CVPR 2016
        (arXiv:1512.03385).

    Example:
        >>> resnet(classes=10, depth=19)
        Traceback (most recent call last):
        ValueError: depth must be 6n + 2 (8, 14, 20, 26, 32, 44, 56, 110), got 19
    """
    sizes(classes=classes, depth=depth, width=width)
    if depth < 8 or depth % 6 != 2:
        raise ValueError(
            f"depth must be 6n + 2 (8, 14, 20, 26, 32, 44, 56, 110), got {depth}"
        )
    module = _ResNet((depth - 2) // 6, width, classes, float_type(dtype))
    return from_linen(module, taps=taps)
