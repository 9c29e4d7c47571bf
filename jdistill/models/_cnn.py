"""A small convolutional network."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jdistill.checks import fraction, sizes
from jdistill.models._described import described
from jdistill.models._images import as_images
from jdistill.models._linen import from_linen
from jdistill.models._sizes import float_type, sequence
from jdistill.typing import Model


class _CNN(nn.Module):
    widths: tuple[int, ...]
    hidden: int
    classes: int
    dropout: float
    dtype: Any

    @nn.compact
    def __call__(self, inputs, train: bool = False):
        x = as_images(inputs, model="cnn")
        for number, width in enumerate(self.widths):
            x = nn.relu(nn.Conv(width, (3, 3), dtype=self.dtype)(x))
            if number:
                x = nn.max_pool(x, (2, 2), (2, 2), padding="SAME")
        x = jax.lax.collapse(jnp.asarray(x), 1)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = nn.relu(nn.Dense(self.hidden, dtype=self.dtype)(x))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.classes, dtype=self.dtype)(x).astype(jnp.float32)


@described
def cnn(
    *,
    classes: int,
    widths: Sequence[int] = (16, 32, 32),
    hidden: int = 64,
    dropout: float | int = 0.0,
    dtype: str | None = None,
    taps: str | Sequence[str] = (),
) -> Model:
    """A small convolutional network for small images and few labels.

    Rectified convolutions of 3 x 3, a maximum over 2 x 2 behind each but the first;
    then a rectified hidden layer and the logits. It has no BatchNorm, whose statistics
    are poor where examples are few; dropout is before and after the hidden layer.

    Args:
        classes: number of logits.
        widths: channels of each convolution; each but the first halves the image,
            rounded up.
        hidden: units of the hidden layer.
        dropout: rate, in training.
        dtype: type it computes in, by default that of its parameters and inputs;
            logits are float32.
        taps: `'Conv_0'`, ... and `'Dense_0'` (before the activation).

    Returns:
        A model of inputs `[batch, height, width]` or `[batch, height, width,
        channels]`.

    Raises:
        ValueError: a size or rate out of range.

    Example:
        >>> import jax
        >>> batch = {'inputs': jnp.zeros((1, 8, 8))}
        >>> model = cnn(classes=10, taps='Conv_2')
        >>> params, _ = jax.jit(model.init)(jax.random.key(0), batch)
        >>> model.apply(params, {}, batch)[0].features['Conv_2'].shape
        (1, 4, 4, 32)
    """
    sizes(classes=classes, widths=widths, hidden=hidden)
    sequence(widths=widths)
    fraction(dropout=dropout)
    module = _CNN(tuple(widths), hidden, classes, dropout, float_type(dtype))
    return from_linen(module, taps=taps)
