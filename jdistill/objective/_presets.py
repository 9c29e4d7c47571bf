"""The usual terms: of labels, logits, features, parameters."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from jdistill import tree
from jdistill import views as seen
from jdistill.objective._connect import Argument, Side, on_side
from jdistill.objective._entries import labels
from jdistill.objective._signature import names_of
from jdistill.objective._sources import logits
from jdistill.objective._term import term
from jdistill.typing import Memory, Term, value_at
from jdistill.views import STUDENT, TEACHER


def on_labels(
    loss: Callable[..., Any],
    *,
    per: str | None = None,
    network: str = STUDENT,
    **more: Any,
) -> Term:
    """A term of a network's logits and the labels, `loss(logits, labels, **more)`.

    Examples without a label (`label_mask` 0) do not count.

    Args:
        loss: one value for each example or token.
        per: 'example' or 'token'; by default tokens where labels are `[batch, steps]`.
        network: whose logits.
        more: the loss's numbers, where a function of the step is a schedule, and
            sources.

    Returns:
        A term of weight 1.

    Raises:
        ValueError: `per` is another word.
        TypeError: the loss takes no such argument, or lacks one.

    Example:
        >>> from jdistill import losses
        >>> term = 0.5 * on_labels(losses.cross_entropy)
        >>> term.weight
        0.5
    """
    return term(loss, logits(network), labels(), per=per, **more)


def on_logits(
    loss: Callable[..., Any],
    *,
    per: str | None = None,
    teacher: str = TEACHER,
    left_out: bool = False,
    **more: Any,
) -> Term:
    """A term of both networks' logits, `loss(student, teacher, **more)`.

    Where the teacher's are not finite the value is NaN, which stops a run.

    Args:
        loss: one value for each example or token.
        per: 'example' or 'token'; by default as the labels are.
        teacher: the network that teaches.
        left_out: whether the teacher's -inf is no fault, but an item that is left out;
            `rd` and `rrd` know it.
        more: the loss's numbers, such as `temperature`, where a function of the step is
            a schedule, and sources, such as `labels=labels()`.

    Returns:
        A term of weight 1.

    Raises:
        ValueError: `per` is another word, or the loss has a mask and is given none.
        TypeError: the loss takes no such argument, or lacks one.

    Example:
        >>> from jdistill import losses
        >>> term = on_logits(losses.kl, temperature=lambda step: 1 + 3 / (1 + step))
        >>> term.weight
        1.0
    """
    both = logits(STUDENT), logits(teacher, left_out=left_out)
    made = term(loss, *both, per=per, **more)

    def values(views, batch, /, **context):
        classes = [seen.logits_of(views, n).shape[-1] for n in (STUDENT, teacher)]
        if classes[0] != classes[1]:
            raise ValueError(
                f"the student has {classes[0]} classes and the {teacher} {classes[1]}"
            )
        return made.values(views, batch, **context)

    return made._replace(values=values)


def on_features(
    loss: Callable[..., Any],
    *,
    student: Argument | Side,
    teacher: Argument | Side,
    per: str | None = "example",
    memory: Memory | None = None,
    **more: Any,
) -> Term:
    """A term of taps of both networks, `loss(student, teacher, **more)`.

    Args:
        loss: one value for each example or token.
        student: the name of the student's tap; several names for a loss that takes a
            tuple; `connect(...)`, taps that go through a learned projection; or any
            source.
        teacher: the teacher's, likewise.
        per: 'example' or 'token'.
        memory: what is kept from step to step, such as `bank`; it is updated after
            the gradient with what the loss compared.
        more: the loss's numbers, where a function of the step is a schedule, and
            sources, such as `mask=example_mask()`.

    Returns:
        A term of weight 1.

    Raises:
        ValueError: `per` is another word, or the loss has a mask and is given none.
        TypeError: the loss takes no such argument, or lacks one.

    Example:
        >>> squared = lambda s, t: jnp.mean((s - t) ** 2, axis=-1)
        >>> on_features(squared, student="dense_0", teacher="dense_2").weight
        1.0
    """
    both = on_side(student, STUDENT), on_side(teacher, TEACHER)
    return term(loss, *both, per=per, memory=memory, **more)


def on_params(penalty: Callable[..., Any], *, where: tree.Where, **numbers) -> Term:
    """A term of the student's raw parameters: the penalty of each leaf, added up.

    Args:
        penalty: one number for an array.
        where: a regular expression of whole paths, or the paths; '.*' is all.
        numbers: the penalty's own; a function of the step is a schedule.

    Returns:
        A term of weight 1 that counts once for each batch.

    Raises:
        TypeError: the penalty takes no such argument, or lacks one.

    Example:
        >>> from jdistill import losses
        >>> from jdistill.typing import View
        >>> term = 1e-4 * on_params(losses.l1, where=".*kernel")
        >>> views = {"student": View(raw={"kernel": jnp.ones(3)})}
        >>> float(term.values(views, {}, aux=None, step=0, key=None))
        3.0
    """
    names_of(penalty, 1, numbers)
    tree.check_where(where)

    def values(views, batch, /, *, aux, step, key):
        del batch, aux, key
        params = seen.view(views, STUDENT).raw
        leaves = tree.flatten(params)
        now = {name: value_at(value, step) for name, value in numbers.items()}
        paths = sorted(tree.select(params, where))
        return sum((penalty(leaves[p], **now) for p in paths), jnp.zeros(()))

    return Term(values, lambda batch: jnp.ones(()), needs=frozenset({(STUDENT, "raw")}))
