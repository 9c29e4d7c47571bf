"""Fully connected networks."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jdistill.checks import fraction, sizes
from jdistill.models._described import described
from jdistill.models._linen import from_linen
from jdistill.models._sizes import float_type, sequence
from jdistill.typing import Model


class _MLP(nn.Module):
    widths: tuple[int, ...]
    classes: int
    dropout: float
    dtype: Any

    @nn.compact
    def __call__(self, inputs, train: bool = False):
        x = jax.lax.collapse(inputs, 1)
        for width in self.widths:
            x = nn.relu(nn.Dense(width, dtype=self.dtype)(x))
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.classes, dtype=self.dtype)(x).astype(jnp.float32)


@described
def mlp(
    *,
    classes: int,
    widths: Sequence[int] = (512, 256),
    dropout: float | int = 0.0,
    dtype: str | None = None,
    taps: str | Sequence[str] = (),
) -> Model:
    r"""A fully connected network with rectified hidden layers.

    .. math:: h_0 = x, \quad h_i = \max(0, h_{i-1} W_i + b_i), \quad
        logits = h_n W_{n+1} + b_{n+1}

    Args:
        classes: number of logits.
        widths: units of each hidden layer; none makes a linear classifier.
        dropout: rate after each hidden layer, in training.
        dtype: type it computes in, by default that of its parameters and inputs;
            logits are float32.
        taps: `'Dense_0'`, ... (before the activation).

    Returns:
        A model of inputs `[batch, ...]`, which are flattened.

    Raises:
        ValueError: a size or rate out of range.

    Example:
        >>> import jax
        >>> from jdistill import tree
        >>> batch = {'inputs': jnp.zeros((1, 28, 28))}
        >>> params, _ = jax.jit(mlp(classes=10).init)(jax.random.key(0), batch)
        >>> tree.count(params)
        535818
    """
    sizes(classes=classes, widths=widths)
    sequence(widths=widths)
    fraction(dropout=dropout)
    module = _MLP(tuple(widths), classes, dropout, float_type(dtype))
    return from_linen(module, taps=taps)
