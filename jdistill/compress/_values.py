"""Checks of what is compressed: concrete values only."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer


def refuse_weights(weights: Mapping[str, Any]) -> None:
    """Refuses concrete weights that are not finite; traced ones pass.

    Raises:
        ValueError: one is NaN or infinite.

    Example:
        >>> refuse_weights({'w': jnp.ones(2)})
    """
    for path, x in weights.items():
        if isinstance(x, Tracer):
            continue
        with jax.ensure_compile_time_eval():
            finite = bool(jnp.all(jnp.isfinite(x)))
        if not finite:
            raise ValueError(f"{path!r} holds NaN or infinity, which cannot be ranked")
