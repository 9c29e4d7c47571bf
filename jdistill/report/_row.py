"""The row of one model: quality, size, time and energy, from its arrays."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jdistill import kinds, metrics, ops, tree
from jdistill.artifact import Packed
from jdistill.batching import BATCH, at_hand, eval_batches
from jdistill.checks import one_of, whole
from jdistill.evaluate import Network, evaluate, predict
from jdistill.report._energy import PROCESSES
from jdistill.report._energy import energy as estimated
from jdistill.report._latency import latency
from jdistill.report._summary import WORDS
from jdistill.typing import Batch, Frozen, Model, Split

OF_FILES = ("packed", "executed")


def row(
    stage: str,
    model: Model,
    frozen: Frozen,
    split: Split,
    *,
    teacher: Network | None = None,
    packed: Packed | None = None,
    realised: str | None = None,
    batch_size: int = BATCH,
) -> dict[str, Any]:
    """What one model is worth and costs, as `table` and `html` take it.

    Args:
        stage: what the model has gone through; any name.
        model: the network.
        frozen: its variables, such as `learner.finish(state)`.
        split: the examples, such as `dataset.test`.
        teacher: the network and variables that agreement is with.
        packed: what `artifact.unpack` read, where `frozen` are variables of a file: its
            bytes are then those of the row.
        realised: how the figures came about: 'dense' is not compressed, 'masked'
            simulated in dense arrays, 'packed' read from a file, 'executed' run with
            its integers. By default 'packed' with `packed`, 'dense' without.
        batch_size: examples of a batch, whose latency the row has.

    Returns:
        Values that JSON can write: the figures of `metrics.detailed`, which are
        `accuracy`, `nll`, `ece`, `agreement` with a teacher, precision, recall and F1
        of each average and `confusion`, or, of several labels an example,
        `average_precision` and others; `classes`, `examples` that have a label,
        `parameters`, their `sparsity` (the share of zeros), `bytes`, `latency_ms` of a
        batch of `latency_batch`, and the `energy` of one example, None where there is
        no price for the numbers' type.

    Raises:
        ValueError: `realised` is none of the words or does not go with `packed`.
        TypeError: something was mistaken for another, such as a whole data set for a
            part of it.

    Example:
        >>> from jdistill import data, models
        >>> digits, model = data.digits(), models.mlp(widths=(8,), classes=10)
        >>> batch = digits.train.take(np.arange(2))
        >>> frozen = Frozen(*jax.jit(model.init)(jax.random.key(0), batch))
        >>> found = row('untrained', model, frozen, digits.test)
        >>> found['stage'], found['realised'], found['bytes']
        ('untrained', 'dense', 2440)
    """
    _check(stage, split, packed, batch_size)
    realised = _word(realised, packed)
    batches = eval_batches(split, batch_size=max(1, min(batch_size, split.size)))
    wanted = metrics.detailed(at_hand(split), teacher=teacher is not None)
    found = evaluate(model, frozen, batches, metrics=wanted, teacher=teacher)
    examples = found.pop("examples")
    one = [batches[0]]
    size = tree.num_bytes(frozen.params) if packed is None else packed.bytes
    return {
        "stage": stage,
        "realised": realised,
        **{name: np.asarray(value).tolist() for name, value in found.items()},
        "classes": list(split.classes),
        "examples": _counted(examples),
        "parameters": tree.count(frozen.params),
        "sparsity": _zeros(frozen),
        "bytes": size,
        "latency_ms": latency(predict, model, frozen, one, repeats=10),
        "latency_batch": len(one[0]["mask"]),
        "energy": _energy(model, frozen, one[0], size),
    }


def _counted(examples: float) -> int | None:
    """The examples that have a label, None where a label is no class."""
    return round(examples) if np.isfinite(examples) else None


def _zeros(frozen: Frozen) -> float:
    """The share of the parameters that are zero."""
    leaves = jax.tree.leaves(frozen.params)
    kept = sum(int(np.count_nonzero(np.asarray(leaf))) for leaf in leaves)
    return 1 - kept / max(1, tree.count(frozen.params))


def _check(stage: Any, split: Any, packed: Any, batch_size: Any) -> None:
    if not isinstance(stage, str):
        raise TypeError(f"stage must be a name, got {kinds.got(stage)}")
    kinds.split(split=split)
    whole(batch_size=batch_size)
    if packed is not None:
        kinds.instance(Packed, "what artifact.unpack read", {"packed": packed})


def _word(realised: str | None, packed: Packed | None) -> str:
    if realised is None:
        return "dense" if packed is None else "packed"
    one_of(WORDS, realised=realised)
    if packed is None and realised in OF_FILES:
        raise ValueError(f"{realised=} is of a file: give packed=artifact.unpack(path)")
    if packed is not None and realised not in OF_FILES:
        valid = " or ".join(map(repr, OF_FILES))
        raise ValueError(f"{realised=} is of no file: with packed= it is {valid}")
    return realised


def _energy(
    model: Model, frozen: Frozen, batch: Batch, size: int
) -> dict[str, Any] | None:
    """The estimate for one example: weights as stored, activations as computed.

    A weight that no product reads is a table whose rows are looked up, one a token.
    """
    one = jax.tree.map(lambda x: x[:1], dict(batch))

    def forward(params, batch):
        return model.apply(params, frozen.state, batch, train=False)[0].logits

    leaves = tree.flatten(frozen.params)
    plain, *others = {
        x.dtype.name for x in leaves.values() if x.dtype.kind not in "iub"
    }
    if others or plain not in PROCESSES["45nm"].multiply:
        return None
    counted = ops.count(forward, frozen.params, one)
    stored = size / tree.num_bytes(frozen.params)
    state = frozen.state if isinstance(frozen.state, Mapping) else {}
    integer = set(state.get("weights", ()))
    adds = {plain: 0, "int8": 0}
    activations = 0.0
    for key, cost in counted.ops.items():
        is_int8 = key.split("#")[0] in integer
        adds["int8" if is_int8 else plain] += cost.multiply_adds
        activations += cost.activation_bytes / (4 if is_int8 else 1)
    tables = ops.uncovered(forward, frozen.params, one)
    tokens = one["inputs"].shape[1] if tables else 0
    rows = sum(tokens * leaves[t].shape[-1] * leaves[t].dtype.itemsize for t in tables)
    moved = (counted.total.weight_bytes + rows) * stored + activations
    return estimated(adds, moved)
