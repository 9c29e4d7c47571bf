"""The term of features: taps of both networks, projected and remembered."""

from collections.abc import Callable
from typing import Any

from jdistill.metrics._examples import check_per, weights_of
from jdistill.objective._connect import Source, begin, projected, raw, reads
from jdistill.objective._context import context
from jdistill.typing import Aux, Batch, Memory, Term

NOTHING = Aux()


def on_features(
    loss: Callable[..., Any],
    *,
    student: Source,
    teacher: Source,
    per: str | None = "example",
    memory: Memory | None = None,
    **numbers,
) -> Term:
    """A term of taps of both networks, `loss(student, teacher, **numbers)`.

    The loss is also given what it names among `labels`, `mask`, `token_mask`, `ids`
    and `memory`.

    Args:
        loss: one value for each example or token.
        student: the name of the student's tap; several names for a loss that takes a
            tuple; or `connect(...)`, taps that go through a learned projection.
        teacher: the teacher's, likewise.
        per: 'example' or 'token'.
        memory: what is kept from step to step, such as `bank`; it is updated after
            the gradient with what the loss compared.
        numbers: the loss's own; a function of the step is a schedule.

    Returns:
        A term of weight 1.

    Raises:
        ValueError: `per` is another word.

    Example:
        >>> import jax
        >>> squared = lambda s, t: jax.numpy.mean((s - t) ** 2, axis=-1)
        >>> on_features(squared, student="dense_0", teacher="dense_2").weight
        1.0
    """
    check_per(per)
    both = reads(student, teacher)

    def arrays(aux, student, teacher, batch, key):
        taps = raw(both, student, teacher, weights_of(batch, per=per))
        params = {**aux.trained, **aux.memory["fixed"]} if aux.memory else {}
        return projected(both, taps, params, mask=_mask(batch), key=key)

    def init(key, student, teacher, batch):
        taps = raw(both, student, teacher, weights_of(batch, per=per))
        trained, fixed = begin(both, taps, key)
        aux = Aux(trained, {"fixed": fixed, "kept": ()})
        if memory is None:
            return aux
        first = memory.init(*arrays(aux, student, teacher, batch, key), batch)
        return aux._replace(memory={**aux.memory, "kept": first})

    def values(student, teacher, batch, *, step, aux=NOTHING, key=None, **_):
        if learns and not aux.memory:
            raise ValueError("it learns: give `aux` what the objective's `init` made")
        compared = arrays(aux, student, teacher, batch, key)
        kept = aux.memory["kept"] if memory is not None else ()
        weights = weights_of(batch, per=per)
        more = context(loss, batch, numbers, step=step, weights=weights, memory=kept)
        return _called(loss, compared, more)

    learns = memory is not None or any(r.projection for r in both.values())
    return Term(
        values,
        lambda batch: weights_of(batch, per=per),
        init=init if learns else None,
        update=None if memory is None else _updating(memory, arrays),
    )


def _called(loss: Callable[..., Any], compared: Any, numbers: Any) -> Any:
    """The loss, and where it does not take tuples a line that says so."""
    try:
        return loss(*compared, **numbers)
    except AttributeError as error:
        sizes = [len(x) if isinstance(x, tuple) else 1 for x in compared]
        if not any(isinstance(x, tuple) for x in compared):
            raise
        raise ValueError(
            "the loss takes one array of each side, got {} of the student and {} of "
            "the teacher: name one tap, or a projection that joins them".format(*sizes)
        ) from error


def _updating(memory: Memory, arrays: Callable[..., Any]) -> Callable[..., Aux]:
    def update(aux, student, teacher, batch, *, step):
        compared = arrays(aux, student, teacher, batch, None)
        kept = memory.update(aux.memory["kept"], *compared, batch)
        return aux._replace(memory={**aux.memory, "kept": kept})

    return update


def _mask(batch: Batch) -> Any:
    return weights_of(batch, per="example") if "mask" in batch else None
