"""Weights one after the other, in the order in which a function reads them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax

from jdistill.ops._jaxpr import Position, bodies, trace
from jdistill.ops._observe import Statistic, seen
from jdistill.ops._run import interpret
from jdistill.ops._walk import Found, walk


class Visit(NamedTuple):
    """One weight, or one layer of it.

    * `path`: of the weight.
    * `keys`: of the products that read it.
    * `axes`: its axes that scans over layers slice.
    * `index`: of the layer along them.
    * `lead`: how many layers there are along each, outermost scan first.
    """

    path: str
    keys: tuple[str, ...]
    axes: tuple[int, ...]
    index: tuple[int, ...]
    lead: tuple[int, ...]


def visits(
    fn: Callable[..., Any], *args: Any, paths: Collection[str]
) -> tuple[Visit, ...]:
    """The layers of a function in the order in which they run.

    A scan over layers is gone through layer by layer. A weight that several products
    read is visited at the first of them.

    Args:
        fn: any function of arrays whose first argument holds the parameters.
        args: its arguments, or their shapes and types.
        paths: which weights.

    Returns:
        One visit for each layer of each weight.

    Raises:
        ValueError: a weight is mixed with others before a product reads it, or some
            products read all of it and others single layers.

    Example:
        >>> stack = lambda w, x: lax.scan(lambda x, w: (x @ w, None), x, w['a'])[0]
        >>> found = visits(stack, {'a': jnp.ones((2, 3, 3))}, jnp.ones((1, 3)),
        ...                paths={'a'})
        >>> [visit.index for visit in found]
        [(0,), (1,)]
    """
    traced = trace(fn, args)
    readers: dict[str, list[Found]] = {}
    for found in walk(traced, args).found:
        for path in sorted({w.path for w in found.op.weight} & set(paths)):
            readers.setdefault(path, []).append(found)
    for path, found in readers.items():
        _check(path, found)
    first = sorted((found[0] for found in readers.values()), key=lambda f: f.op.pos)
    return tuple(
        Visit(
            found.op.weight[0].path,
            tuple(f.op.key for f in readers[found.op.weight[0].path]),
            found.op.weight[0].layers,
            index,
            found.op.lead,
        )
        for found, index in _rounds(first, traced.jaxpr, 0, {})
    )


def observe_visit(
    fn: Callable[..., Any],
    visit: Visit,
    *,
    statistics: Sequence[Statistic],
    rows: Callable[..., Any],
) -> Callable[..., dict[str, Any]]:
    """The statistics of one layer alone.

    Args:
        fn: any function of arrays whose first argument holds the parameters.
        visit: the weight, one of `visits`.
        statistics: as for `observe`.
        rows: as for `observe`.

    Returns:
        `call(index, *args) -> stats` by `op.key`, of the layer with that `index`, which
        may be traced, so that the layers of a scan share a program.

    Raises:
        ValueError: as `observe`.

    Example:
        >>> from jdistill import ops
        >>> stack = lambda w, x: lax.scan(lambda x, w: (x @ w, None), x, w['a'])[0]
        >>> args = {'a': 2 * jnp.ones((2, 1, 1))}, jnp.ones((1, 1))
        >>> visit = visits(stack, *args, paths={'a'})[1]
        >>> call = observe_visit(stack, visit, statistics=(ops.second_moments,),
        ...                      rows=lambda *args: None)
        >>> call(visit.index, *args)['a']['sum_squares']
        Array([4.], dtype=float32)
    """

    def call(index, *args):
        counts = rows(*args)

        def look(op, lhs, rhs, product, aux):
            def values():
                return seen(op, lhs, rhs, statistics, counts)

            def nothing():
                return {name: 0 * x for name, x in values().items()}

            found = values() if aux is None else lax.cond(aux, values, nothing)
            return product(lhs, rhs), found

        run = interpret(fn, look, where=visit.keys, layers="joined")
        aux = {}
        if visit.lead:
            on = jnp.zeros(visit.lead, bool).at[tuple(index)].set(True)
            aux = dict.fromkeys(visit.keys, on)
        return run(aux, *args)[1]

    return call


def _check(path: str, readers: Sequence[Found]) -> None:
    if any(len(found.op.weight) != 1 for found in readers):
        raise ValueError(
            f"{path!r} is mixed with other weights before a product reads it, so that "
            "its inputs are not known: leave it out with where="
        )
    if len({(f.op.lead, f.op.weight[0].layers) for f in readers}) > 1:
        raise ValueError(
            f"some products read single layers of {path!r} and others all of it: leave "
            "it out with where="
        )


def _rounds(
    items: Sequence[Found], jaxpr: Any, depth: int, at: Mapping[Position, int]
) -> Iterator[tuple[Found, tuple[int, ...]]]:
    """The products of a body in order, those of scans once for each layer."""
    for pos, group in groupby(items, lambda f: f.op.pos[: 2 * depth + 1]):
        inside, eqn = [*group], jaxpr.eqns[pos[-1]]
        if len(inside[0].op.pos) == len(pos):
            scans = sorted(inside[0].scans, key=len)
            yield inside[0], tuple(at[scan] for scan in scans)
            continue
        layered = [found for found in inside if pos in found.scans]
        count = range(eqn.params["length"] if layered else 1)
        order = count[::-1] if layered and eqn.params["reverse"] else count
        for number in order:  # what the scan does not slice is visited once
            left = inside if number == order[0] else layered
            below = {**at, pos: number}
            for branch, part in groupby(left, _after(len(pos))):
                body = bodies(eqn)[branch][0]
                yield from _rounds([*part], body, depth + 1, below)


def _after(length: int) -> Callable[[Found], int]:
    """The branch of an equation, whose position has this length, a product is in."""
    return lambda found: found.op.pos[length]
