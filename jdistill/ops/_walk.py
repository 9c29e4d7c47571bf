"""The static walk: every product of a function, with the parameter that it reads."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal, jaxprs_in_params

from jdistill import tree
from jdistill.ops import _flow
from jdistill.ops._flow import BATCH, Origin
from jdistill.ops._jaxpr import Position, Traced, bodies, module_of, opened
from jdistill.ops._op import PRODUCTS, Op, Opaque
from jdistill.ops._walk_nested import Scope, walk_nested

_CALLS_OUT = ("pallas_call", "custom_partitioning", "ffi_call", "pure_callback")
_CALLS_OUT += ("io_callback", "custom_vmap_call", "call_hi_primitive")
_LOOKUPS = ("gather", "dynamic_slice")


class Found(NamedTuple):
    """An operation, the layer scans that stack it, and whether it reads a closure."""

    op: Op
    scans: frozenset[Position]
    closed: bool


class Lookup(NamedTuple):
    """Parameters from which entries are taken that the batch names."""

    weights: tuple[str, ...]


class Meeting(NamedTuple):
    """Parameters that an equation joins with values of the batch."""

    weights: tuple[str, ...]


class Walk(NamedTuple):
    """All that a walk finds, in the order of execution."""

    found: tuple[Found, ...]
    opaque: tuple[Opaque, ...]
    looked_up: frozenset[str]
    order: tuple[str, ...]
    parameters: dict[str, Any]


def covered(result: Walk) -> set[str]:
    """The paths that products read."""
    return {weight.path for found in result.found for weight in found.op.weight}


def refuse_closures(result: Walk) -> None:
    """Raises where products read only arrays that the function closes over."""
    if not covered(result):
        for found in result.found:
            if found.closed:
                raise ValueError(
                    f"{found.op.key!r} reads an array that the function closes over, "
                    "and no product reads a parameter: pass the parameters as an "
                    "argument"
                )


def walk(
    traced: Traced,
    args: tuple[Any, ...],
    weights: Sequence[int] = (0,),
    trips: int | None = None,
) -> Walk:
    """Walks a traced function; `trips` is how often a while loop is taken to run."""
    origins, parameters = _arguments(args, weights)
    scope = Scope((), "", (), 1, trips)
    _, found, reads = _walk(traced.jaxpr, traced.consts, origins, scope)
    hidden = tuple(r for r in reads if isinstance(r, Opaque))
    looked_up = (r.weights for r in reads if isinstance(r, Lookup))
    met = (path for r in reads if isinstance(r, Meeting) for path in r.weights)
    order = tuple(dict.fromkeys(met))
    return Walk(_keyed(found), hidden, frozenset().union(*looked_up), order, parameters)


def _arguments(args, weights):
    if any(not -len(args) <= i < len(args) for i in weights):
        raise ValueError(f"weights={weights} but there are {len(args)} arguments")
    chosen = [i % len(args) for i in weights]
    origins, parameters = [], {}
    for index, argument in enumerate(args):
        for path, leaf in tree.flatten(argument).items():
            if index not in chosen:
                origins.append(BATCH)
                continue
            full = path if len(chosen) == 1 else f"{index}/{path}".rstrip("/")
            parameters[full] = leaf
            shape, dtype = tuple(np.shape(leaf)), jnp.result_type(leaf)
            origins.append(_flow.parameter(full, shape, dtype))
    return origins, parameters


def _walk(jaxpr, consts, origins, scope):
    """The origins of the results, the products found, and other reads of weights."""
    closed = [Origin(closed=np.ndim(c) >= 2) for c in consts]
    closed += [Origin()] * (len(jaxpr.constvars) - len(consts))
    env = dict(zip(jaxpr.constvars, closed, strict=True))
    env.update(zip(jaxpr.invars, origins, strict=True))
    found, reads = [], []

    def read(variable):
        return Origin() if isinstance(variable, Literal) else env[variable]

    for index, eqn in enumerate(jaxpr.eqns):
        ins = [read(v) for v in eqn.invars]
        here = scope._replace(
            pos=(*scope.pos, index), module=module_of(scope.module, eqn)
        )
        if bodies(eqn):
            outs, more, inside = walk_nested(eqn, ins, here, _walk)
            found += more
            reads += inside
        else:
            found += _product(eqn, ins, here)
            reads += [*_opaque(eqn, ins, here), *_lookup(eqn, ins), *_meeting(ins)]
            outs = _flow.through(eqn, ins)
        env.update(zip(eqn.outvars, outs, strict=True))
    return [read(v) for v in jaxpr.outvars], tuple(found), tuple(reads)


def _product(eqn, ins, scope):
    """The equation as an operation, if it is a product."""
    if eqn.primitive.name not in PRODUCTS:
        return []
    reads = [bool(origin.weights) for origin in ins[:2]]
    side = None if reads[0] == reads[1] else reads.index(True)
    origin = Origin() if side is None else ins[side]
    op = Op(
        key="+".join(weight.path for weight in origin.weights)
        if origin.weights
        else "/".join(part for part in (scope.module, eqn.primitive.name) if part),
        kind=eqn.primitive.name,
        pos=scope.pos,
        module=scope.module,
        inside=scope.inside,
        weight=origin.weights,
        side=side,
        lead=(),
        times=scope.times,
        avals=(_shape(eqn.invars[0].aval), _shape(eqn.invars[1].aval)),
        out=_shape(eqn.outvars[0].aval),
        params=eqn.params,
    )
    return [Found(op, origin.scans, any(o.closed for o in ins[:2]))]


def _shape(aval):
    return jax.ShapeDtypeStruct(aval.shape, aval.dtype)


def _opaque(eqn, ins, scope):
    """The equation, if it reads a matrix and what it does with it cannot be seen."""
    name = eqn.primitive.name
    if name not in _CALLS_OUT and not _holds_product(eqn):
        return []
    weights = {
        weight.path
        for variable, origin in zip(eqn.invars, ins, strict=True)
        for weight in origin.weights
        if len(getattr(variable.aval, "shape", ())) >= 2
    }
    return [Opaque(name, scope.module, tuple(sorted(weights)))] if weights else []


def _lookup(eqn, ins):
    """The equation, if it takes entries of a parameter that the batch names."""
    if eqn.primitive.name not in _LOOKUPS or not any(o.batch for o in ins[1:]):
        return []
    return [Lookup(tuple(weight.path for weight in ins[0].weights))]


def _meeting(ins):
    """The parameters of an equation that reads the batch as well."""
    paths = tuple(weight.path for origin in ins for weight in origin.weights)
    return [Meeting(paths)] if paths and any(origin.batch for origin in ins) else []


def _holds_product(eqn):
    inner = [opened(j)[0].eqns for j in jaxprs_in_params(eqn.params)]
    return any(
        e.primitive.name in PRODUCTS or _holds_product(e)
        for eqns in inner
        for e in eqns
    )


def _keyed(found):
    """Further uses of one weight get `#1`, `#2`..."""
    uses = Counter()
    named = []
    for item in found:
        key = item.op.key
        suffix = f"#{uses[key]}" if uses[key] else ""
        uses[key] += 1
        named.append(item._replace(op=item.op._replace(key=key + suffix)))
    return tuple(named)
