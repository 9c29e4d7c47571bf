"""Where values come from: the batch, parameters through which steps, or neither."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from jax.extend.core import Literal

from jdistill.ops._jaxpr import Position, bind
from jdistill.ops._op import Weight

_CASTS = ("convert_element_type", "reduce_precision", "copy", "copy_p", "name")
_CASTS += ("sharding_constraint", "reshard", "pvary", "pcast", "optimization_barrier")
_ELEMENTWISE = ("abs", "add", "add_any", "and", "ceil", "clamp", "div", "erf", "exp")
_ELEMENTWISE += ("exp2", "floor", "integer_pow", "log", "logistic", "max", "min", "mul")
_ELEMENTWISE += (
    "eq",
    "ge",
    "gt",
    "le",
    "lt",
    "ne",
    "neg",
    "not",
    "or",
    "pow",
    "round",
    "rsqrt",
    "select_n",
    "sign",
)
_ELEMENTWISE += ("sqrt", "square", "sub", "tanh")


class Origin(NamedTuple):
    """What a value depends on.

    * `batch`: whether on an argument that holds no parameters.
    * `weights`: parameters it is made from, by path; none where `batch`.
    * `scans`: the layer scans that slice it, by position.
    * `closed`: whether on an array that the function has closed over.
    """

    batch: bool = False
    weights: tuple[Weight, ...] = ()
    scans: frozenset[Position] = frozenset()
    closed: bool = False


BATCH = Origin(batch=True)


def parameter(path: str, shape: tuple[int, ...], dtype: Any) -> Origin:
    """The origin of a parameter itself."""
    axes = tuple((axis,) for axis in range(len(shape)))
    return Origin(weights=(Weight(path, shape, 0, axes, (), dtype=dtype),))


def join(origins: Sequence[Origin]) -> Origin:
    """The origin of a value that may be any of these."""
    if any(origin.batch for origin in origins):
        return BATCH
    found: dict[str, Weight] = {}
    for weight in (weight for origin in origins for weight in origin.weights):
        other = found.setdefault(weight.path, weight)
        if other != weight:
            found[weight.path] = _hidden(weight)
    return Origin(
        False,
        tuple(found[path] for path in sorted(found)),
        frozenset().union(*(origin.scans for origin in origins)),
        any(origin.closed for origin in origins),
    )


def hidden(origin: Origin) -> Origin:
    """The same dependence, without the way from parameter to value."""
    return origin._replace(weights=tuple(_hidden(w) for w in origin.weights))


def sliced(origin: Origin, scan: Position) -> Origin:
    """What one step of a scan sees of a value that it slices."""
    if not origin.weights:
        return origin

    def lose_axis(weight):
        if weight.axes is None:
            return weight
        first, *rest = weight.axes
        below = weight._replace(axes=(*rest,), layers=(*weight.layers, *first))
        if weight.steps != ():
            return below._replace(steps=None)
        return below._replace(lead=weight.lead + 1)

    return origin._replace(
        weights=tuple(lose_axis(w) for w in origin.weights),
        scans=origin.scans | {scan},
    )


def same(a: Sequence[Origin], b: Sequence[Origin]) -> bool:
    """Whether two lists of origins tell the same."""

    def told(origin):
        ways = tuple((w.path, w.lead, w.axes, w.steps is None) for w in origin.weights)
        return origin.batch, ways, origin.scans, origin.closed

    return [told(o) for o in a] == [told(o) for o in b]


def through(eqn: Any, origins: Sequence[Origin]) -> tuple[Origin, ...]:
    """The origins of an equation's results from those of its operands."""
    merged = join(origins)
    if not merged.weights:
        return (merged,) * len(eqn.outvars)
    if eqn.primitive.name in _CASTS and len(eqn.invars) == 1:
        return (merged,)
    if eqn.primitive.name in _ELEMENTWISE:
        return (merged._replace(weights=_aligned(eqn, origins)),)
    moved = _AXES.get(eqn.primitive.name)
    alone = all(isinstance(v, Literal) for v in eqn.invars[1:])
    if moved is None or not alone:
        return (hidden(merged),) * len(eqn.outvars)

    def step(weight, index):
        if weight.axes is None:
            return weight
        weight = weight._replace(axes=moved(eqn, weight.axes))
        if weight.steps is None:
            return weight
        apply = functools.partial(_step, eqn, index)
        return weight._replace(steps=(*weight.steps, apply))

    return tuple(
        merged._replace(weights=tuple(step(w, i) for w in merged.weights))
        for i in range(len(eqn.outvars))
    )


def _aligned(eqn: Any, origins: Sequence[Origin]) -> tuple[Weight, ...]:
    """What arithmetic entry by entry makes of weights: axes stay, the way is hidden.

    A weight that comes twice has the axes of the operand where they are known, as in
    `w - mean(w)`, and none where two operands disagree.
    """
    rank = len(eqn.outvars[0].aval.shape)
    found: dict[str, Weight] = {}
    for variable, origin in zip(eqn.invars, origins, strict=True):
        apart = len(variable.aval.shape) != rank
        for weight in origin.weights:
            new = _hidden(weight) if apart else weight._replace(steps=None)
            old = found.get(weight.path)
            if old is None or old.axes is None:
                found[weight.path] = new
            elif new.axes is not None and new != old:
                found[weight.path] = _hidden(weight)
    return tuple(found[path] for path in sorted(found))


def _hidden(weight: Weight) -> Weight:
    return weight._replace(axes=None, steps=None)


def _step(eqn: Any, index: int, value: Any) -> Any:
    literals = [variable.val for variable in eqn.invars[1:]]
    return bind(eqn, value, *literals)[index]


def _reshaped(eqn: Any, axes: tuple) -> tuple:
    """Axes of each new dimension; one that is split stays in all of its parts."""
    before = list(zip(eqn.invars[0].aval.shape, axes, strict=True))
    after = eqn.outvars[0].aval.shape
    result, held, size, wanted, start = [], (), 1, 1, 0
    for index, length in enumerate(after):
        wanted *= length
        while before and size < wanted:
            factor, more = before.pop(0)
            size, held = size * factor, (*held, *more)
        if size == wanted:  # a group of old dimensions is a group of new ones
            result += [held] * (index + 1 - start)
            held, size, wanted, start = (), 1, 1, index + 1
    return (*result, *[held] * (len(after) - len(result)))


def _broadcast(eqn: Any, axes: tuple) -> tuple:
    where = dict(zip(eqn.params["broadcast_dimensions"], axes, strict=True))
    return tuple(where.get(d, ()) for d in range(len(eqn.params["shape"])))


def _squeezed(eqn: Any, axes: tuple) -> tuple:
    gone = eqn.params["dimensions"]
    return tuple(a for d, a in enumerate(axes) if d not in gone)


def _kept(eqn: Any, axes: tuple) -> tuple:
    return axes


_AXES = {
    "transpose": lambda eqn, axes: tuple(axes[d] for d in eqn.params["permutation"]),
    "reshape": _reshaped,
    "squeeze": _squeezed,
    "broadcast_in_dim": _broadcast,
    "slice": _kept,
    "dynamic_slice": _kept,
    "split": _kept,
    "rev": _kept,
}
