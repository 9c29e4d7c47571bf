"""A plan is checked whole, with its sizes, before its first step.

What fails while a plan is made is a fault of the configuration: it becomes one line
that begins with the place where it is.
"""

import contextlib
import contextvars
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jdistill import train
from jdistill.typing import Frozen, Learner, Split, State

DEEPEST = 1000
"""Layers that a network is made of one by one."""


class Mistake(ValueError):
    """A fault in a configuration, said in one line."""


class Made(BaseException):
    """A plan is made, where nothing more was asked for; no mistake takes it for one."""


_ALONE = contextvars.ContextVar("alone", default=False)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """In here an experiment is planned, and ends before its first step.

    Example:
        >>> with alone():
        ...     made()
        ...     print('trains')
    """
    token = _ALONE.set(True)
    try:
        yield
    except Made:
        pass
    finally:
        _ALONE.reset(token)


def made() -> None:
    """Ends an experiment here where its plan alone is asked for.

    Raises:
        Made: it is.
    """
    if _ALONE.get():
        raise Made


@contextlib.contextmanager
def at(place: str) -> Iterator[None]:
    """Whatever fails in here is a fault of this place in the configuration.

    Raises:
        Mistake: something failed, but for the file system, whose errors stay theirs.

    Example:
        >>> with at('config.teacher'):
        ...     {}['tx']
        Traceback (most recent call last):
        experiments.tools.plan.Mistake: config.teacher: 'tx' is missing
    """
    try:
        yield
    except (Mistake, OSError):
        raise
    except Exception as error:
        raise Mistake(f"{place}: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """What an error says, in a line.

    Example:
        >>> one_line(ValueError('no loss')), one_line(KeyError('tx'))
        ('no loss', "'tx' is missing")
    """
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, KeyError) and error.args:
        return f"{error.args[0]!r} is missing"
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    kind = "" if isinstance(error, ValueError | TypeError) else type(error).__name__
    return ": ".join(filter(None, [kind, *said[:1]])) or type(error).__name__


def plain(config: Any, needed: Sequence[str]) -> dict[str, Any]:
    """A configuration as a dictionary that has what an experiment needs.

    Raises:
        Mistake: a key is missing, as where the configuration is another experiment's.

    Example:
        >>> plain({'seeds': (0,)}, ['seeds'])
        {'seeds': (0,)}
    """
    config = config.to_dict() if hasattr(config, "to_dict") else dict(config)
    needs(config, needed, "config")
    return config


def needs(spec: Any, keys: Sequence[str], place: str) -> None:
    """Checks that a part of a configuration is one, and has these keys."""
    if not isinstance(spec, Mapping):
        raise Mistake(f"{place} is {spec!r}; it needs {', '.join(keys)}")
    for key in keys:
        if key not in spec:
            has = ", ".join(map(str, spec)) or "nothing"
            raise Mistake(f"{place} needs {key!r}; it has {has}")


def known(spec: Mapping[str, Any], keys: Sequence[str], place: str) -> None:
    """Checks that a part of a configuration has no other keys."""
    for key in spec:
        if key not in keys:
            raise Mistake(f"{place} has {key!r}; valid: {', '.join(keys)}")


def number(value: Any, place: str, *, least: int = 1, most: float = 2**31 - 1) -> None:
    """Checks a whole number.

    Example:
        >>> number(3, 'config.batch_size')
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise Mistake(f"{place} must be a whole number, got {value!r}")
    if not least <= value <= most:
        raise Mistake(f"{place} must be {least} to {most:.4g}, got {value}")


def numbers(spec: Mapping[str, Any], keys: Sequence[str], place: str = "config"):
    """Checks the positive whole numbers of a part of a configuration."""
    for key in keys:
        number(spec[key], f"{place}.{key}")


def distinct(values: Any, place: str, *, least: int = 0) -> None:
    """Checks a list of whole numbers: some, each once.

    Example:
        >>> distinct((0, 1), 'config.folds')
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise Mistake(f"{place} must be a list of numbers, got {values!r}")
    for value in values:
        number(value, place, least=least)
    if len({*values}) < len(values):
        raise Mistake(f"{place} has a number twice: {tuple(values)}")


def names(found: Sequence[str], valid: Sequence[str], place: str) -> None:
    """Checks that each name is one of those there are."""
    for name in found:
        if name not in valid:
            raise Mistake(f"{place} has {name!r}; valid: {', '.join(valid)}")


def methods(spec: Any, against: Sequence[str]) -> None:
    """Checks the methods of a comparison, and whom they are compared with."""
    if not isinstance(spec, Mapping) or not spec:
        raise Mistake(f"config.methods must name some, got {spec!r}")
    for name in spec:
        if name in ("", "teacher", "comparison"):
            raise Mistake(f"config.methods: {name!r} is no name for a method")
    names(against, [*spec], "config.against")


def sizes(spec: Any, place: str) -> None:
    """Checks the numbers of a component: finite ones, and no more layers than usual."""
    if isinstance(spec, Mapping):
        for key, value in spec.items():
            if key == "depth":
                number(value, f"{place}.depth", most=DEEPEST)
            sizes(value, f"{place}.{key}")
    elif isinstance(spec, list | tuple):
        for value in spec:
            sizes(value, place)
    elif isinstance(spec, float) and not math.isfinite(spec):
        raise Mistake(f"{place} is {spec}; it must be finite")
    elif isinstance(spec, int) and abs(spec) > 2**31 - 1:
        raise Mistake(f"{place} is {spec}; it must be below 2^31")


def fits(size: float, place: str) -> None:
    """Checks that so many bytes are less than this machine's memory.

    Example:
        >>> fits(1e3, 'config.batch_size')
    """
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > there:
        raise Mistake(
            f"{place} needs {size / 1e9:,.0f} GB of memory; there are "
            f"{there / 1e9:,.0f} GB"
        )


def batch(split: Split, size: int, place: str, *, most: int | None = None) -> Any:
    """The shapes of one batch of a split.

    Args:
        split: what it is taken from.
        size: examples of a batch.
        place: where the size stands.
        most: how many it may be.
    """
    number(size, place, most=2**31 - 1 if most is None else most)
    one = jax.tree.map(np.asarray, split.take(np.zeros(1, np.int64)))
    fits(size * sum(x.nbytes for x in jax.tree.leaves(one)), place)
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((size, *x.shape[1:]), x.dtype), one
    )


def trains(
    place: str,
    learner: Learner,
    shapes: Any,
    frozen: Any = None,
    start: Frozen | None = None,
) -> State:
    """The shapes of a learner's state, after a step that computes nothing.

    Raises:
        Mistake: it cannot take the step, or its state is larger than the memory.
    """
    with at(place):
        state = train.dry_run(learner, shapes, frozen=frozen, start=start)
        fits(sum(_bytes(x) for x in jax.tree.leaves(state)), place)
        return state


def finished(learner: Learner, state: State) -> Frozen:
    """The shapes of what a learner makes."""
    return jax.eval_shape(learner.finish, state)


def _bytes(x: Any) -> float:
    wide = 8 if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else None
    return math.prod(x.shape) * (wide or x.dtype.itemsize)
