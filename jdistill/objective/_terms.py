"""Terms: which arrays a loss gets, and what it counts."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from jdistill import tree
from jdistill.metrics._examples import check_per, keep, teacher_logits, weights_of
from jdistill.typing import Term, value_at


def on_labels(loss: Callable[..., Any], *, per: str | None = None, **numbers) -> Term:
    """A term of the student's logits and the labels, `loss(logits, label, **numbers)`.

    Args:
        loss: one value for each example or token.
        per: 'example' or 'token'; by default tokens where labels are `[batch, steps]`.
        numbers: the loss's own; a function of the step is a schedule.

    Returns:
        A term of weight 1.

    Raises:
        ValueError: `per` is another word.

    Example:
        >>> from jdistill import losses
        >>> term = 0.5 * on_labels(losses.cross_entropy)
        >>> term.weight
        0.5
    """

    def values(student, teacher, batch, *, step, weights, **_):
        if "label" not in batch:
            raise ValueError(f"no 'label' in the batch; there are {sorted(batch)}")
        logits = keep(student.logits, weights)
        return loss(logits, jnp.asarray(batch["label"]), **_now(numbers, step))

    return _term(values, per)


def on_logits(loss: Callable[..., Any], *, per: str | None = None, **numbers) -> Term:
    """A term of both networks' logits, `loss(student, teacher, **numbers)`.

    The teacher's are those of its outputs, or `batch['teacher_logits']` without it.

    Args:
        loss: one value for each example or token.
        per: 'example' or 'token'; by default as the labels are.
        numbers: the loss's own, such as `temperature`; a function of the step is a
            schedule.

    Returns:
        A term of weight 1.

    Raises:
        ValueError: `per` is another word.

    Example:
        >>> from jdistill import losses
        >>> term = on_logits(losses.kl, temperature=lambda step: 1 + 3 / (1 + step))
        >>> term.weight
        1.0
    """

    def values(student, teacher, batch, *, step, weights, **_):
        theirs = teacher_logits(teacher, batch)
        classes = student.logits.shape[-1], theirs.shape[-1]
        if classes[0] != classes[1]:
            raise ValueError(
                "the student has {} classes and the teacher {}".format(*classes)
            )
        both = keep(student.logits, weights), keep(theirs, weights)
        return loss(*both, **_now(numbers, step))

    return _term(values, per)


def on_features(
    loss: Callable[..., Any],
    *,
    student: str,
    teacher: str,
    per: str | None = "example",
    **numbers,
) -> Term:
    """A term of one tap of each network, `loss(student, teacher, **numbers)`.

    Args:
        loss: one value for each example or token.
        student: the name of the student's tap.
        teacher: the name of the teacher's tap.
        per: 'example' or 'token'.
        numbers: the loss's own; a function of the step is a schedule.

    Returns:
        A term of weight 1.

    Raises:
        ValueError: `per` is another word.

    Example:
        >>> squared = lambda s, t: jnp.mean((s - t) ** 2, axis=-1)
        >>> on_features(squared, student="dense_0", teacher="dense_2").weight
        1.0
    """
    taps = {"student": student, "teacher": teacher}

    def values(student, teacher, batch, *, step, weights, **_):
        ours = _tap("student", student, taps["student"])
        theirs = _tap("teacher", teacher, taps["teacher"])
        both = keep(ours, weights), keep(theirs, weights)
        return loss(*both, **_now(numbers, step))

    return _term(values, per)


def on_params(penalty: Callable[..., Any], *, where: tree.Where, **numbers) -> Term:
    """A term of the student's raw parameters: the penalty of each leaf, added up.

    Args:
        penalty: one number for an array.
        where: a regular expression of whole paths, or the paths; '.*' is all.
        numbers: the penalty's own; a function of the step is a schedule.

    Returns:
        A term of weight 1 that counts once for each batch.

    Example:
        >>> from jdistill import losses
        >>> term = 1e-4 * on_params(losses.l1, where=".*kernel")
        >>> float(term.values(None, None, {}, params={"kernel": jnp.ones(3)}, step=0))
        3.0
    """

    def values(student, teacher, batch, *, params, step, **_):
        leaves, now = tree.flatten(params), _now(numbers, step)
        paths = sorted(tree.select(params, where))
        return sum((penalty(leaves[p], **now) for p in paths), jnp.zeros(()))

    return Term(values, lambda batch: jnp.ones(()))


def _term(values: Callable[..., Any], per: str | None) -> Term:
    check_per(per)

    def count(batch):
        return weights_of(batch, per=per)

    def weighted(student, teacher, batch, **context):
        weights = weights_of(batch, per=per)
        return values(student, teacher, batch, weights=weights, **context)

    return Term(weighted, count)


def _now(numbers: Mapping[str, Any], step: Any) -> dict[str, Any]:
    return {name: value_at(value, step) for name, value in numbers.items()}


def _tap(side, outputs, name):
    if outputs is None:
        raise ValueError(f"no {side}: the term reads its tap {name!r}")
    if name not in outputs.features:
        taps = sorted(outputs.features)
        raise ValueError(f"the {side} has no tap {name!r}; there are {taps}")
    return outputs.features[name]
