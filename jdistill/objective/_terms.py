"""Terms: which arrays a loss gets, and what it counts."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from jdistill import tree
from jdistill.losses._recommenders import LEFT_OUT
from jdistill.metrics._examples import check_per, keep, teacher_logits, weights_of
from jdistill.objective._context import context
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
        more = context(loss, batch, numbers, step=step, weights=weights)
        return loss(logits, jnp.asarray(batch["label"]), **more)

    return _term(values, per)


def on_logits(loss: Callable[..., Any], *, per: str | None = None, **numbers) -> Term:
    """A term of both networks' logits, `loss(student, teacher, **numbers)`.

    The teacher's are those of its outputs, or `batch['teacher_logits']` without it;
    where they are not finite the value is NaN, which stops a run (-inf is an item left
    out for the losses of recommenders). The loss is also given what it names among
    `labels`, `mask`, `token_mask` and `ids`.

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
        more = context(loss, batch, numbers, step=step, weights=weights)
        found = loss(*both, **more)
        return _spoilt(found, both[1], getattr(loss, LEFT_OUT, False))

    return _term(values, per)


def _spoilt(values: Any, theirs: Any, leaves_out: bool) -> Any:
    """NaN where the teacher's logits are not finite, so that no run goes on with them.

    Comparisons in a loss would take NaN for just another number. `leaves_out` says that
    -inf is no fault.
    """
    good = jnp.isfinite(theirs)
    good = (good | jnp.isneginf(theirs) if leaves_out else good).all(-1)
    while good.ndim > values.ndim:
        good = good.all(-1)
    good = good if good.shape == values.shape else good.all()
    return jnp.where(good, values, jnp.nan)


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
        leaves = tree.flatten(params)
        now = {name: value_at(value, step) for name, value in numbers.items()}
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
