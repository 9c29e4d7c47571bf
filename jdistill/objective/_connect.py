"""Which taps a loss of features reads, on which side, and through which projection."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax

from jdistill.metrics._examples import keep
from jdistill.typing import Array, Key, Outputs, Projection, Tree

SIDES = ("student", "teacher")


class Connected(NamedTuple):
    """Taps of one side and what they go through; made by `connect`."""

    taps: str | tuple[str, ...]
    projection: Projection
    of: str | None = None
    fixed: Tree | None = None


Source = str | Sequence[str] | Connected


class Read(NamedTuple):
    """One argument of a loss: the side it is read from, its taps, what they become."""

    side: str
    taps: str | tuple[str, ...]
    projection: Projection | None
    fixed: Tree | None


def connect(
    taps: str | Sequence[str],
    projection: Projection,
    *,
    of: str | None = None,
    fixed: Tree | None = None,
) -> Connected:
    """Taps that go through a learned projection before a loss compares them.

    What the projection learns belongs to the term: it is trained, sharded and
    checkpointed with the run (`State.aux`), never pruned, quantised or exported.

    Args:
        taps: the name of a tap, or several, which the projection gets as a tuple.
        projection: one of `projections`; by default as wide as the other side.
        of: 'student' or 'teacher', whose taps these are; by default those of the
            argument that this is given for. A paraphraser is trained with both
            arguments of the teacher.
        fixed: what the projection learned in an earlier stage; it is not trained on.

    Returns:
        An argument of `on_features`.

    Raises:
        ValueError: `of` is another word.
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
    if of is not None and of not in SIDES:
        raise ValueError(f"of must be one of {SIDES}, got {of!r}")
    taps = taps if isinstance(taps, str) else tuple(taps)
    return Connected(taps, projection, of, fixed)


def reads(student: Source, teacher: Source) -> dict[str, Read]:
    """The two arguments of a loss, by name.

    Example:
        >>> reads('a', ['b', 'c'])['teacher'].taps
        ('b', 'c')
    """
    return {"student": _read("student", student), "teacher": _read("teacher", teacher)}


def _read(side: str, source: Source) -> Read:
    if isinstance(source, Connected):
        return Read(source.of or side, source.taps, source.projection, source.fixed)
    taps = source if isinstance(source, str) else tuple(source)
    return Read(side, taps, None, None)


def raw(
    both: Mapping[str, Read], student: Outputs, teacher: Outputs | None, weights: Array
) -> dict[str, Any]:
    """The taps of both arguments as the networks yield them, padding replaced by 0.

    Raises:
        ValueError: a network has no such tap, or there is no teacher.
    """
    outputs = {"student": student, "teacher": teacher}
    return {
        name: jax.tree.map(
            lambda tap, side=read.side: keep(_tap(side, outputs[side], tap), weights),
            read.taps,
        )
        for name, read in both.items()
    }


def projected(
    both: Mapping[str, Read],
    taps: Mapping[str, Any],
    params: Mapping[str, Tree],
    *,
    mask: Array | None,
    key: Key | None,
) -> tuple[Any, Any]:
    """What the loss gets: each argument through its projection, where it has one."""
    found = []
    for number, (name, read) in enumerate(both.items()):
        value = taps[name]
        if read.projection is not None:
            own = None if key is None else jax.random.fold_in(key, number)
            value = read.projection.apply(
                params[name], value, taps[_other(name)], mask=mask, key=own
            )
        found.append(value)
    return found[0], found[1]


def begin(both: Mapping[str, Read], taps: Mapping[str, Any], key: Key):
    """What the projections start with: what is trained, and what is fixed."""
    trained, fixed = {}, {}
    for number, (name, read) in enumerate(both.items()):
        if read.fixed is not None:
            fixed[name] = read.fixed
        elif read.projection is not None:
            own = jax.random.fold_in(key, number)
            trained[name] = read.projection.init(own, taps[name], taps[_other(name)])
    return trained, fixed


def _other(name: str) -> str:
    return SIDES[1 - SIDES.index(name)]


def _tap(side: str, outputs: Outputs | None, name: str) -> Any:
    if outputs is None:
        raise ValueError(f"no {side}: the term reads its tap {name!r}")
    if name not in outputs.features:
        taps = sorted(outputs.features)
        close = difflib.get_close_matches(name, taps, n=3, cutoff=0.5)
        hint = f"did you mean {close}? " if close else ""
        raise ValueError(f"the {side} has no tap {name!r}; {hint}there are {taps}")
    return outputs.features[name]
