"""Arrays, batches and numbers."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

Array = jax.Array

Key = jax.Array
"""A key made by `jax.random.key`."""

Tree = Any
"""Any pytree of arrays: linen dictionaries, `nnx.State`, Equinox modules, tuples."""

Batch = Mapping[str, Any]
"""Arrays by name, examples along the first axis.

* `inputs`: images, tokens, audio; `[batch, ...]`
* `label`: integers, `[batch]`; or floats: shares of classes, several of them, numbers
* `id`: index of the example in its split, `[batch]`; caches and messages need it
* `mask`: `[batch]`, 0 where the example is padding
* `token_mask`: `[batch, steps]`, 0 where the token is padding
* `source`, `source_mask`: `[batch, steps of the source]`, the tokens that an
  encoder-decoder reads before it writes, and 0 where one is padding; `inputs`,
  `token_mask` and `label` are those of the text that it writes
* `label_mask`: of the shape of `label` or `[batch]`, 0 where there is no label: the
  example counts in the terms that need none
* `weight`: `[batch]`, how much the example counts in the terms of an objective
* `outputs`: by the name of a network, its `Outputs` for these examples, where they are
  cached or computed ahead
"""

SOURCE = ("source", "source_mask")
"""Entries of a batch that say what a text is written about."""

Augment = Callable[[Batch, Key], Batch]
"""Alters a batch: `augment(batch, key) -> batch`, inside the step."""

Number = float | np.number | jax.Array
"""A hyperparameter: a number of Python or NumPy, or a traced scalar when a whole sweep
trains in one program."""

Schedule = Callable[[Any], Any]
"""`step -> value`. Every optax schedule is one."""


def value_at(value: Any, step: Any) -> Any:
    """A schedule's value at a step; a plain number is its own.

    Example:
        >>> value_at(0.5, 7), value_at(lambda step: step + 1, 7)
        (0.5, 8)
    """
    return value(step) if callable(value) else value
