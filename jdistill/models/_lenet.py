"""The two LeNets of the compression literature."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jdistill.checks import sizes
from jdistill.models._described import described
from jdistill.models._images import as_images
from jdistill.models._linen import from_linen
from jdistill.models._mlp import mlp
from jdistill.models._sizes import float_type
from jdistill.typing import Model


class _LeNet5(nn.Module):
    classes: int
    dtype: Any

    @nn.compact
    def __call__(self, inputs):
        x = as_images(inputs, model="lenet5", smallest=16)
        for channels in (20, 50):
            x = nn.Conv(channels, (5, 5), padding="VALID", dtype=self.dtype)(x)
            x = nn.max_pool(x, (2, 2), strides=(2, 2))
        x = jax.lax.collapse(x, 1)
        x = nn.relu(nn.Dense(500, dtype=self.dtype)(x))
        return nn.Dense(self.classes, dtype=self.dtype)(x).astype(jnp.float32)


@described
def lenet_300_100(
    *, classes: int, dtype: str | None = None, taps: str | Sequence[str] = ()
) -> Model:
    """LeNet-300-100: a fully connected network with 300 and 100 hidden units.

    Args:
        classes: number of logits.
        dtype: type it computes in, by default that of its parameters and inputs;
            logits are float32.
        taps: `'Dense_0'`, `'Dense_1'`, `'Dense_2'`.

    Returns:
        A model of inputs `[batch, ...]`, which are flattened.

    Raises:
        ValueError: `classes` out of range.

    References:
        LeCun et al., Gradient-based learning applied to document recognition, 1998.

    Example:
        >>> import jax
        >>> from jdistill import tree
        >>> batch = {'inputs': jnp.zeros((1, 28, 28))}
        >>> start = jax.jit(lenet_300_100(classes=10).init)
        >>> params, _ = start(jax.random.key(0), batch)
        >>> tree.count(params)
        266610
    """
    return mlp(classes=classes, widths=(300, 100), dtype=dtype, taps=taps)


@described
def lenet5(
    *, classes: int, dtype: str | None = None, taps: str | Sequence[str] = ()
) -> Model:
    """LeNet-5 in the form that Caffe made the usual one, 20-50-500.

    Two unpadded 5x5 convolutions of 20 and 50 channels, each followed by 2x2 max
    pooling and nothing else, then 500 rectified units.

    Args:
        classes: number of logits.
        dtype: type it computes in, by default that of its parameters and inputs;
            logits are float32.
        taps: `'Conv_0'`, `'Conv_1'`, `'Dense_0'`, `'Dense_1'`.

    Returns:
        A model of images `[batch, height, width, channels]` or `[batch, height,
        width]`, at least 16 x 16.

    Raises:
        ValueError: `classes` out of range; in use, images that are too small.

    References:
        LeCun et al., Gradient-based learning applied to document recognition, 1998.
        Jia et al., Caffe: convolutional architecture for fast feature embedding, 2014
        (arXiv:1408.5093).

    Example:
        >>> import jax
        >>> from jdistill import tree
        >>> batch = {'inputs': jnp.zeros((1, 28, 28, 1))}
        >>> params, _ = jax.jit(lenet5(classes=10).init)(jax.random.key(0), batch)
        >>> tree.count(params)
        431080
    """
    sizes(classes=classes)
    return from_linen(_LeNet5(classes, float_type(dtype)), taps=taps)
