"""The one term: a loss, where its arguments come from, and what it counts."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.core import Tracer

from jdistill.checks import above_zero, constants, finite
from jdistill.counting import check_per, weights_of, with_importance
from jdistill.objective._connect import Argument, Connected, bound
from jdistill.objective._signature import check_tokens, names_of
from jdistill.objective._sources import Context, Source
from jdistill.typing import Aux, Memory, Needs, Term, UpdateTerm, value_at


def term(
    loss: Callable[..., Any],
    *arguments: Argument,
    per: str | None = None,
    memory: Memory | None = None,
    **more: Any,
) -> Term:
    """A loss with where each of its arguments comes from.

    `term(losses.dkd, logits('student'), logits('teacher'), labels=labels())`

    Args:
        loss: one value for each example or token, or one in all.
        arguments: the loss's arguments by position, each a source: `logits`, `hidden`,
            `head`, `taps`, `weight` of a network, `labels` or `entry` of the batch,
            `computed` of others, or one behind a projection (`connect`).
        per: 'example' or 'token', what is counted; by default as the labels are.
        memory: what is kept from step to step, such as `bank`: the loss is given it as
            `memory`, and it is updated after the gradient with the first two arguments.
        more: the loss's further arguments by name: sources, or its numbers; a function
            of the step is a schedule.

    Returns:
        A term of weight 1.

    Raises:
        TypeError: the loss takes no such argument, lacks one, or is no function.
        ValueError: `per` is another word; the loss has a mask and is given none.

    Example:
        >>> from jdistill import losses
        >>> from jdistill.objective import logits
        >>> kd = term(losses.kl, logits('student'), logits('teacher'))
        >>> sorted(kd.needs)
        [('student', 'logits'), ('teacher', 'logits')]
    """
    check_per(per)
    given = set(more) | ({"memory"} if memory is not None else set())
    names = names_of(loss, len(arguments), given)
    given |= set(names)
    named = {n: x for n, x in more.items() if isinstance(x, Source | Connected)}
    numbers = {n: x for n, x in more.items() if n not in named}
    _check_numbers(numbers)
    every = bound([*arguments, *named.values()])
    reads = _Reads(dict(zip([*names, *named], every, strict=True)), len(arguments), per)

    def init(key, views, batch):
        check_tokens(loss, given, batch)
        context = reads.context(views, batch)
        return _begin(reads, memory, context, key)

    def values(views, batch, /, *, aux=NOTHING, step, key=None):
        if learns and not aux.memory:
            raise ValueError("it learns: give `aux` what the objective's `init` made")
        check_tokens(loss, given, batch)
        context = reads.context(views, batch, key)
        compared, rest = reads.values(context, aux)
        rest |= {name: _now(name, value, step) for name, value in numbers.items()}
        if memory is not None:
            rest["memory"] = aux.memory["kept"]
        return reads.checked(context, _called(loss, compared, rest))

    learns = memory is not None or any(
        source.init or source.fixed is not None for source in every
    )
    return Term(
        values,
        reads.weights,
        init=init if learns else None,
        update=None if memory is None else _updating(reads, memory),
        needs=reads.needs,
    )


NOTHING = Aux()


def _check_numbers(numbers: Mapping[str, Any]) -> None:
    """Refuses what no loss takes; each loss knows its own ranges."""
    for name, value in constants(**numbers).items():
        if name == "temperature":
            above_zero(temperature=value)
        elif isinstance(value, str | float):
            finite(**{name: value})


class _Reads(NamedTuple):
    """The sources of a loss by the names of its arguments, and what is counted."""

    sources: Mapping[str, Source]
    positional: int
    per: str | None

    @property
    def needs(self) -> Needs:
        return frozenset().union(*(source.needs for source in self.sources.values()))

    def weights(self, batch):
        labeled = any(source.labeled for source in self.sources.values())
        counted = weights_of(batch, per=self.per, labeled=labeled)
        return with_importance(batch, counted)

    def context(self, views, batch, key=None) -> Context:
        return Context(views, batch, self.weights(batch), key)

    def values(self, context: Context, aux: Aux) -> tuple[list[Any], dict[str, Any]]:
        """The arguments by position, and those by name."""
        learned = {**aux.trained, **aux.memory["fixed"]} if aux.memory else {}
        found = {
            name: source.read(context, learned.get(name, ()))
            for name, source in self.sources.items()
        }
        names = list(found)
        by_name = {name: found[name] for name in names[self.positional :]}
        return [found[name] for name in names[: self.positional]], by_name

    def checked(self, context: Context, values: Any) -> Any:
        """NaN where something that is read may not be learned from."""
        for source in self.sources.values():
            if source.finite is not None:
                values = _spoilt(values, source.finite(context))
        return values


def _begin(reads: _Reads, memory: Memory | None, context: Context, key: Any) -> Aux:
    trained, fixed = {}, {}
    for name, source in reads.sources.items():
        if source.fixed is not None:
            fixed[name] = source.fixed
        elif source.init is not None:
            trained[name] = source.init(key, context)
    aux = Aux(trained, {"fixed": fixed, "kept": ()})
    if memory is None:
        return aux
    (student, teacher, *_), _ = reads.values(context._replace(key=key), aux)
    first = memory.init(student, teacher, context.batch)
    return aux._replace(memory={**aux.memory, "kept": first})


def _updating(reads: _Reads, memory: Memory) -> UpdateTerm:
    def update(aux, views, batch, *, step):
        del step
        (student, teacher, *_), _ = reads.values(reads.context(views, batch), aux)
        kept = memory.update(aux.memory["kept"], student, teacher, batch)
        return aux._replace(memory={**aux.memory, "kept": kept})

    return update


def _now(name: str, value: Any, step: Any) -> Any:
    """A number at a step; a traced temperature that is not above 0 is NaN."""
    value = value_at(value, step)
    if name == "temperature" and isinstance(value, Tracer):
        return jnp.where(value > 0, value, jnp.nan)
    return value


def _spoilt(values: Any, good: Any) -> Any:
    while good.ndim > values.ndim:
        good = good.all(-1)
    good = good if good.shape == values.shape else good.all()
    return jnp.where(good, values, jnp.nan)


def _called(loss: Callable[..., Any], compared: list[Any], more: Any) -> Any:
    """The loss, and where it does not take tuples a line that says so."""
    try:
        return loss(*compared, **more)
    except AttributeError as error:
        if not any(isinstance(x, tuple) for x in compared):
            raise
        sizes = [len(x) if isinstance(x, tuple) else 1 for x in compared]
        raise ValueError(
            f"the loss takes one array for each argument, got {sizes}: name one tap, "
            "or a projection that joins them"
        ) from error
