"""A source behind a learned projection."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from jdistill.counting import weights_of
from jdistill.objective._sources import Context, Source, taps
from jdistill.typing import Key, Projection, Tree
from jdistill.views import STUDENT, TEACHER

SIDES = (STUDENT, TEACHER)
Side = str | Sequence[str]


class Connected(NamedTuple):
    """What goes through a projection before a loss compares it; made by `connect`."""

    source: Source | Side
    projection: Projection
    of: str | None = None
    like: Source | None = None
    fixed: Tree | None = None


Argument = Source | Connected
"""What `term` takes for an argument of a loss."""


def connect(
    source: Source | Side,
    projection: Projection,
    *,
    of: str | None = None,
    like: Source | None = None,
    fixed: Tree | None = None,
) -> Connected:
    """What goes through a learned projection before a loss compares it.

    What the projection learns belongs to the term: it is trained, sharded and
    checkpointed with the run (`State.aux`), never pruned, quantised or exported.

    Args:
        source: what is projected; for `on_features` also the name of a tap, or several
            names, which the projection gets as a tuple.
        projection: one of `projections`; by default as wide as the other argument.
        of: the network whose taps the names are; by default that of the argument which
            this is given for. A paraphraser is trained with both arguments of the
            teacher.
        like: what the projection's sizes come from; by default the other of the first
            two arguments, before its own projection.
        fixed: what the projection learned in an earlier stage; it is not trained on.

    Returns:
        An argument of `term` or `on_features`.

    Raises:
        TypeError: what should be a projection is none.

    Example:
        >>> from jdistill import losses, projections
        >>> from jdistill.objective import on_features
        >>> hint = on_features(losses.fitnet, teacher='Dense_1',
        ...                    student=connect('Dense_0', projections.linear()))
        >>> hint.weight
        1.0
    """
    if not hasattr(projection, "init"):
        raise TypeError(f"{projection!r} is no projection: call it, as in linear()")
    if not isinstance(source, Source):
        source = source if isinstance(source, str) else tuple(source)
    return Connected(source, projection, of, like, fixed)


def on_side(argument: Argument | Side, network: str) -> Argument:
    """An argument of which names are taps of a network.

    Raises:
        TypeError: it is neither names nor a source.

    Example:
        >>> sorted(on_side('a', 'teacher').needs)
        [('teacher', 'features/a')]
    """
    if isinstance(argument, Connected):
        source = argument.source
        if not isinstance(source, Source):
            source = taps(argument.of or network, source)
        return argument._replace(source=source)
    if isinstance(argument, Source):
        return argument
    if not isinstance(argument, str | Sequence):
        raise TypeError(
            f"the {network}'s side is a {type(argument).__name__}: give the name of a "
            "tap, several names, a source such as logits({network!r}), or connect(...)"
        )
    return taps(network, argument)


def bound(arguments: Sequence[Argument]) -> list[Source]:
    """Sources, each projected one with the sizes of another argument.

    Raises:
        ValueError: a projection does not know what its sizes come from.

    Example:
        >>> len(bound([taps('student', 'a'), taps('teacher', 'b')]))
        2
    """
    plain = [_unprojected(argument) for argument in arguments]
    return [
        _bound(argument, plain, number) if isinstance(argument, Connected) else argument
        for number, argument in enumerate(arguments)
    ]


def _unprojected(argument: Argument) -> Source:
    source = argument.source if isinstance(argument, Connected) else argument
    if not isinstance(source, Source):
        raise TypeError(
            f"{source!r} is no source: give one such as taps('student', {source!r})"
        )
    return source


def _bound(argument: Connected, plain: list[Source], number: int) -> Source:
    if argument.like is None and (len(plain) < 2 or number > 1):
        raise ValueError("connect needs like= here: what its sizes come from")
    like = plain[1 - number] if argument.like is None else argument.like
    return _projected(plain[number], argument.projection, like, argument.fixed, number)


def _projected(
    source: Source, projection: Projection, like: Source, fixed: Any, number: int
) -> Source:
    def raw(context: Context):
        return source.read(context, ()), like.read(context, ())

    def own(key: Key | None):
        return None if key is None else jax.random.fold_in(key, number)

    def read(context, learned):
        batch = context.batch
        mask = weights_of(batch, per="example") if "mask" in batch else None
        key = own(context.key)
        return projection.apply(learned, *raw(context), mask=mask, key=key)

    def init(key, context):
        return projection.init(own(key), *raw(context))

    return source._replace(
        read=read,
        needs=source.needs | like.needs,
        init=None if fixed is not None else init,
        fixed=fixed,
    )
