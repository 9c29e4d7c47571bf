"""How the static walk enters an equation that holds functions."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jdistill.ops import _flow
from jdistill.ops._flow import Origin
from jdistill.ops._jaxpr import Position, bodies, scan_parts


class Scope(NamedTuple):
    """What is around an equation; `times` is how often it runs, None for unknown."""

    pos: Position
    module: str
    inside: tuple[str, ...]
    times: int | None
    trips: int | None


def walk_nested(
    eqn: Any, ins: Sequence[Origin], scope: Scope, walk: Callable[..., Any]
) -> tuple[Any, Any, Any]:
    """Walks what an equation holds.

    Args:
        eqn: an equation with bodies.
        ins: where its operands come from.
        scope: what is around it.
        walk: `(jaxpr, consts, origins, scope) -> (origins, found, reads)`.

    Returns:
        What `walk` returns, for the whole equation.
    """
    name = eqn.primitive.name
    scope = scope._replace(inside=(*scope.inside, name))

    def body(index, *origins):
        inner = scope._replace(pos=(*scope.pos, index))
        inner = inner._replace(times=_times(eqn, scope))
        return walk(*bodies(eqn)[index], origins, inner)

    return _WALKERS.get(name, _call)(eqn, ins, scope, body)


def _times(eqn, scope):
    if scope.times is None:
        return None
    match eqn.primitive.name:
        case "scan":
            return scope.times * eqn.params["length"]
        case "while":
            return None if scope.trips is None else scope.times * scope.trips
        case "shard_map":
            sizes = dict(eqn.params["mesh"].shape)
            return scope.times * math.prod(sizes[a] for a in _manual(eqn))
    return scope.times


def _manual(eqn):
    return eqn.params["newly_manual_axes"]


def _call(eqn, ins, scope, body):
    return body(0, *ins)


def _shard_map(eqn, ins, scope, body):
    def local(origin, spec):
        return _flow.hidden(origin) if any(p is not None for p in spec) else origin

    return body(0, *map(local, ins, eqn.params["in_specs"]))


def _branches(eqn, ins, scope, body):
    results = [body(i, *ins[1:]) for i in range(len(bodies(eqn)))]
    outs = [
        _flow.join([ins[0], *outs])
        for outs in zip(*(r[0] for r in results), strict=True)
    ]
    return (
        outs,
        tuple(f for _, found, _ in results for f in found),
        tuple(o for _, _, reads in results for o in reads),
    )


def _while(eqn, ins, scope, body):
    first, second = eqn.params["cond_nconsts"], eqn.params["body_nconsts"]
    condition, consts = ins[:first], ins[first : first + second]
    carry = ins[first + second :]
    while True:
        outs, found, reads = body(1, *consts, *carry)
        after = [_flow.join(pair) for pair in zip(carry, outs, strict=True)]
        if _flow.same(carry, after):
            break
        carry = after
    _, asked, before = body(0, *condition, *carry)
    return carry, (*asked, *found), (*before, *reads)


def _scan(eqn, ins, scope, body):
    parts = scan_parts(eqn)
    consts, carry = ins[parts.consts], ins[parts.carry]
    xs = [_flow.sliced(origin, scope.pos) for origin in ins[parts.xs]]
    while True:  # the batch may enter a carry only at the end of the first step
        outs, found, reads = body(0, *consts, *carry, *xs)
        after = [
            _flow.join(pair)
            for pair in zip(carry, outs[: parts.num_carry], strict=True)
        ]
        if _flow.same(carry, after):
            break
        carry = after
    ys = [_flow.hidden(origin) for origin in outs[parts.num_carry :]]
    return (*carry, *ys), _stacked(found, scope.pos, eqn.params["length"]), reads


def _stacked(found, pos, length):
    """Products whose weight the scan slices are layers, and so is what lies between."""
    layers = any(pos in item.scans for item in found)

    def lead(item):
        between = layers and item.op.side is None
        if not between and pos not in item.scans:
            return item
        op = item.op._replace(lead=(length, *item.op.lead))
        return item._replace(op=op, scans=item.scans | {pos})

    return tuple(lead(item) for item in found)


_WALKERS = {"scan": _scan, "while": _while, "cond": _branches, "shard_map": _shard_map}
