"""What a loss may ask for by name beside the student's and the teacher's arrays."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from jax.core import Tracer

from jdistill.metrics._examples import keep, weights_of
from jdistill.typing import Array, Batch, Tree, value_at


def context(
    loss: Callable[..., Any],
    batch: Batch,
    numbers: Mapping[str, Any],
    *,
    step: Any,
    weights: Array,
    memory: Tree = (),
) -> dict[str, Any]:
    """The keyword arguments of a loss: its numbers now, and what it names of these.

    * `labels`: the batch's labels, 0 where they do not count
    * `mask`: the weight of each example `[batch]`, 0 for padding
    * `token_mask`: the weight of each token `[batch, steps]`, None without one
    * `ids`: the index of each example in its split `[batch]`
    * `memory`: what the term keeps from step to step

    A traced temperature that is not above 0 becomes NaN, which stops a run.

    Raises:
        ValueError: the loss asks for labels or ids that the batch has not.

    Example:
        >>> loss = lambda student, teacher, *, mask: student
        >>> batch = {'mask': jnp.array([1, 0]), 'label': jnp.array([2, 3])}
        >>> context(loss, batch, {}, step=0, weights=jnp.ones(2))
        {'mask': Array([1., 0.], dtype=float32)}
    """
    give = {
        "labels": lambda: keep(_entry(batch, "label"), weights),
        "mask": lambda: weights_of(batch, per="example"),
        "token_mask": lambda: _tokens(batch),
        "ids": lambda: jnp.asarray(_entry(batch, "id")),
        "memory": lambda: memory,
    }
    asked = [name for name in _keywords(loss) if name in give and name not in numbers]
    now = {name: value_at(value, step) for name, value in numbers.items()}
    if isinstance(now.get("temperature"), Tracer):
        warm = now["temperature"] > 0
        now["temperature"] = jnp.where(warm, now["temperature"], jnp.nan)
    return now | {name: give[name]() for name in asked}


def _keywords(loss: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(loss).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]


def _entry(batch: Batch, name: str) -> Any:
    if name not in batch:
        raise ValueError(f"no {name!r} in the batch; there are {sorted(batch)}")
    return batch[name]


def _tokens(batch: Batch) -> Array | None:
    return weights_of(batch, per="token") if "token_mask" in batch else None
