"""What a loss over a vocabulary is called with: names, shapes, and what they become."""

import inspect
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from jdistill.losses._checks import one_label_each
from jdistill.losses._sparse import fitting
from jdistill.losses._vocabulary_blocks import Given, Plan
from jdistill.losses._vocabulary_rows import Row
from jdistill.typing import SparseTarget

ARRAYS = (
    *("hidden", "teacher_hidden", "labels", "target", "head", "teacher_head"),
    "weights",
)


def signature_of(row: Row) -> inspect.Signature:
    """The arguments of a loss over a vocabulary: arrays, then the loss's numbers."""
    by_place, by_name = (
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter("weights", inspect.Parameter.KEYWORD_ONLY, default=None),
    )
    numbers = [
        parameter
        for parameter in inspect.signature(row.loss).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    heads = ["head", "teacher_head"] if row.taught else ["head"]
    other = "teacher_hidden" if row.taught else "target" if row.some else "labels"
    return inspect.Signature(
        [
            inspect.Parameter("hidden", by_place),
            inspect.Parameter(other, by_place),
            *(inspect.Parameter(x, inspect.Parameter.KEYWORD_ONLY) for x in heads),
            by_name,
            *(x.replace(annotation=inspect.Parameter.empty) for x in numbers),
        ]
    )


def given_of(plan: Plan, arguments: Mapping[str, Any]) -> Given:
    """The arguments by side, tokens along one axis.

    Raises:
        ValueError: shapes do not fit, or a number is out of range.
        TypeError: labels are not integers, or a target is no `SparseTarget`.
    """
    for name in ARRAYS:
        if name != "weights" and name in arguments and arguments[name] is None:
            raise TypeError(f"{name} must be given, got None")
    if "target" in arguments:
        fitting(arguments["target"], arguments["hidden"])
    arrays = {k: x for k, x in arguments.items() if k in ARRAYS and x is not None}
    arrays = {k: jax.tree.map(jnp.asarray, x) for k, x in arrays.items()}
    numbers = {k: x for k, x in arguments.items() if k not in ARRAYS}
    _check_numbers(plan.row, numbers)
    _check_tokens(arrays)
    sides = {"student": ""} | ({"teacher": "teacher_"} if plan.row.taught else {})
    hidden = {side: arrays[f"{name}hidden"] for side, name in sides.items()}
    head = {side: arrays[f"{name}head"] for side, name in sides.items()}
    for side, name in sides.items():
        _check_head(hidden[side], head[side], name)
    head = _same_words(head, plan.valid)
    if "labels" in arrays:
        numbers["classes"] = plan.valid or head["student"].shape[1]
    batch = arrays["hidden"].ndim - 1
    other = arrays.get("target", arrays.get("labels"))
    rows = jax.tree.map(
        lambda x: x.reshape(-1, *x.shape[batch:]), hidden | {"other": other}
    )
    weights = arrays.get("weights")
    return Given(
        {side: rows[side] for side in sides},
        head,
        rows["other"],
        None if weights is None else weights.reshape(-1).astype(jnp.float32),
        {k: jnp.asarray(x, jnp.float32) for k, x in numbers.items()},
    )


def check_axes(mesh: Mesh, **axes: str | None) -> None:
    """Refuses a name that is no axis of the mesh.

    Raises:
        ValueError: with the mesh's axes.
    """
    for what, axis in axes.items():
        if axis is not None and axis not in mesh.shape:
            there = ", ".join(mesh.shape)
            raise ValueError(f"{what}: the mesh has no axis {axis!r}; it has {there}")


def check_split(given: Given, plan: Plan, mesh: Mesh | None) -> None:
    """Refuses tokens or words that the devices cannot share evenly.

    Raises:
        ValueError: with both numbers.
    """
    if mesh is None:
        return
    (tokens, _), (_, words) = (
        given.hidden["student"].shape,
        given.head["student"].shape,
    )
    for what, number, axis in (
        ("tokens", tokens, plan.tokens),
        ("columns of a head", words, plan.words),
    ):
        if axis is not None and number % mesh.shape[axis]:
            raise ValueError(
                f"{number} {what} cannot be split evenly over the {mesh.shape[axis]} "
                f"devices of the axis {axis!r}"
            )


def _check_numbers(row: Row, numbers: Mapping[str, Any]) -> None:
    """The loss of whole logits checks them, on logits of two classes."""
    logits = jax.ShapeDtypeStruct((1, 2), jnp.float32)
    label = jax.ShapeDtypeStruct((1,), jnp.int32)
    ids, log_p = (jax.ShapeDtypeStruct((1, 1), x.dtype) for x in (label, logits))
    some = SparseTarget(ids, log_p)
    other = logits if row.taught else some if row.some else label
    jax.eval_shape(lambda z, other: row.loss(z, other, **numbers), logits, other)


def _check_tokens(arrays: Mapping[str, Any]) -> None:
    batch = arrays["hidden"].shape[:-1]
    if "labels" in arrays:
        one_label_each(arrays["hidden"], arrays["labels"])
    for name in ("teacher_hidden", "weights"):
        if name not in arrays:
            continue
        shape = arrays[name].shape
        found = shape[:-1] if name == "teacher_hidden" else shape
        if found != batch:
            raise ValueError(
                f"hidden has shape {arrays['hidden'].shape}, {name} {shape}: their "
                "tokens must be equal"
            )


def _check_head(hidden: Any, head: Any, name: str) -> None:
    if head.ndim != 2 or head.shape[0] != hidden.shape[-1]:
        raise ValueError(
            f"{name}hidden has shape {hidden.shape}, {name}head {head.shape}: a head "
            f"is [dim, vocab], here [{hidden.shape[-1]}, vocab]"
        )


def _same_words(head: Mapping[str, Any], valid: int | None) -> dict[str, Any]:
    """Heads of equal width."""
    widths = {side: x.shape[1] for side, x in head.items()}
    least = min(widths.values())
    if valid is not None and valid > least:
        raise ValueError(f"valid is {valid}, but a head has {least} columns")
    if len(set(widths.values())) == 1:
        return dict(head)
    if valid is None:
        raise ValueError(
            f"head has {widths['student']} columns, teacher_head {widths['teacher']}: "
            "if the vocabularies are equal but for padding, valid= says how many words "
            "there are"
        )
    return {side: x[:, :valid] for side, x in head.items()}


def known_label(plan: Plan, given: Given, values: Any) -> Any:
    """NaN where a label or a class of a target, of a token that counts, is no word."""
    if given.labels is None:
        return values
    classes = plan.valid or given.head["student"].shape[1]
    if isinstance(given.labels, SparseTarget):
        known = jnp.all(given.labels.ids < classes, axis=-1)
    else:
        known = (given.labels >= 0) & (given.labels < classes)
    if given.weights is not None:
        known |= given.weights == 0
    return values * jnp.where(known, 1.0, math.nan)  # NaN in the gradient too
