"""How many ids and positions a network has, where texts begin, what is outside."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np

from jdistill.typing import Batch, Frozen, Model

_IDS = {"inputs": "token_mask", "label": "label_mask", "source": "source_mask"}


def positions_of(model: Model) -> int | None:
    """The most positions that a network was made for, None where it does not say.

    Args:
        model: of `jdistill.models`.

    Example:
        >>> from jdistill import models
        >>> positions_of(models.mlp(widths=(8,), classes=3)) is None
        True
    """
    return _config(model).get("max_steps")


def start_of(model: Model) -> int | None:
    """The id that texts of an encoder-decoder begin with, None of another network.

    Args:
        model: of `jdistill.models`.

    Example:
        >>> from jdistill import models
        >>> start_of(models.mlp(widths=(8,), classes=3)) is None
        True
    """
    return _config(model).get("start")


def words_of(model: Model, frozen: Frozen) -> int | None:
    """How many ids a network knows, None where it offers no head.

    Args:
        model: a network of tokens.
        frozen: its variables.

    Example:
        >>> words_of(Model(None, None, head=lambda w: w), Frozen(np.ones((2, 9))))
        9
    """
    if model.words is not None or model.head is None:
        return model.words
    return jax.eval_shape(model.head, frozen.params).shape[-1]


def _config(model: Model) -> dict[str, Any]:
    """The configuration that a transformer was made of, nothing of another network."""
    spec = {} if model.spec is None else json.loads(model.spec)
    return spec.get("config", {})


def _real(batch: Batch, name: str) -> np.ndarray:
    """The ids of an entry that are no padding, neither as tokens nor as examples."""
    ids = np.asarray(batch[name])
    real = np.ones(ids.shape, bool)
    if (mask := batch.get(_IDS[name])) is not None:
        real &= np.asarray(mask) > 0
    if (mask := batch.get("mask")) is not None:
        real[np.asarray(mask) == 0] = False
    return ids[real]


def refuse_outside(model: Model, frozen: Frozen, batches: Iterable[Batch]) -> None:
    """Refuses ids that a network does not know, with how many there are.

    Args:
        model: a network of tokens.
        frozen: its variables.
        batches: with ids, and masks of those that are real.

    Raises:
        ValueError: with their number and the first.

    Example:
        >>> network = Model(None, None, head=lambda w: w), Frozen(np.ones((2, 9)))
        >>> refuse_outside(*network, [{'inputs': np.array([[3, 9]])}])
        Traceback (most recent call last):
        ValueError: 1 of 2 ids are none of the 9 of the network, the first is 9: cut \
the text with the network's own tokenizer
    """
    words, count, wrong = words_of(model, frozen), 0, []
    for batch in batches:
        for ids in (_real(batch, name) for name in _IDS if name in batch):
            count += ids.size
            wrong += [] if words is None else [ids[(ids < 0) | (ids >= words)]]
    found = np.concatenate([np.zeros(0, int), *wrong])
    if found.size:
        raise ValueError(
            f"{found.size} of {count} ids are none of the {words} of the network, the "
            f"first is {found[0]}: cut the text with the network's own tokenizer"
        )


def within(model: Model, frozen: Frozen, batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches, as long as a network knows their ids and has their positions.

    Args:
        model: a network of tokens.
        frozen: its variables.
        batches: of tokens.

    Raises:
        ValueError: when one is reached that has others; of ids all are counted.

    Example:
        >>> list(within(Model(None, None), Frozen({}), [{'inputs': np.ones((1, 2))}]))
        [{'inputs': array([[1., 1.]])}]
    """
    words, most = words_of(model, frozen), positions_of(model)
    batches = iter(batches)
    for batch in batches:
        ids = [_real(batch, name) for name in _IDS if name in batch]
        if words is not None and any(((x < 0) | (x >= words)).any() for x in ids):
            refuse_outside(model, frozen, [batch, *batches])
        if most is not None and "position" in batch:
            last = int((np.asarray(batch["position"]) * _mask(batch)).max(initial=0))
            if last >= most:
                raise ValueError(
                    f"windows of {last + 1} tokens or more are longer than the {most} "
                    "positions of the network"
                )
        yield batch


def _mask(batch: Batch) -> np.ndarray:
    return np.asarray(batch.get("token_mask", 1)) > 0
