"""The static walk: every product of a function, with the parameter that it reads."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend.core import Literal, jaxprs_in_params

from jdistill import tree
from jdistill.ops import _flow
from jdistill.ops._flow import BATCH, Origin
from jdistill.ops._into import Scope, enter
from jdistill.ops._jaxpr import Position, Traced, bodies, module_of, opened, trace
from jdistill.ops._op import PRODUCTS, Op, Opaque

_CALLS_OUT = ("pallas_call", "custom_partitioning", "ffi_call", "pure_callback")
_CALLS_OUT += ("io_callback", "custom_vmap_call", "call_hi_primitive")


class Found(NamedTuple):
    """An operation, the layer scans that stack it, and whether it reads a closure."""

    op: Op
    scans: frozenset[Position]
    closed: bool


class Walk(NamedTuple):
    """All that a walk finds, in the order of execution."""

    found: tuple[Found, ...]
    opaque: tuple[Opaque, ...]
    parameters: dict[str, Any]


def list(
    fn: Callable[..., Any], *args: Any, weights: Sequence[int] = (0,)
) -> tuple[Op, ...]:
    """Every matrix product and convolution that `fn(*args)` performs.

    Products inside scan, while, cond, remat, jit, custom derivatives and shard_map are
    found too. Nothing is computed.

    Args:
        fn: any function of arrays.
        args: its arguments, or their shapes and types (`jax.ShapeDtypeStruct`).
        weights: positions of the arguments that hold parameters. Paths are relative to
            the argument; if there are several they begin with its position.

    Returns:
        One `Op` for each product of the program, in order.

    Raises:
        ValueError: `weights` names an argument that is not there.

    Example:
        >>> import jax.numpy as jnp
        >>> layer = lambda params, x: jnp.tanh(x @ params['kernel'].T)
        >>> (op,) = list(layer, {'kernel': jnp.ones((3, 2))}, jnp.ones((5, 2)))
        >>> op.key, op.kind, op.side, op.weight[0].axes
        ('kernel', 'dot_general', 1, ((1,), (0,)))
    """
    return tuple(f.op for f in walk(trace(fn, args), args, weights).found)


def weights(
    fn: Callable[..., Any], *args: Any, weights: Sequence[int] = (0,)
) -> tuple[str, ...]:
    """Paths of the parameters that a product or convolution reads as its weight.

    Through reshape, transpose, cast, mask, slice and scan. An embedding that is only
    looked up is not among them; one that is also the output matrix is.

    Args:
        fn: any function of arrays.
        args: its arguments, or their shapes and types.
        weights: positions of the arguments that hold parameters.

    Returns:
        The paths, sorted, each once.

    Raises:
        ValueError: products read arrays that `fn` closes over, and no parameter.

    Example:
        >>> import jax.numpy as jnp
        >>> layer = lambda params, x: x @ params['kernel'] + params['bias']
        >>> weights(layer, {'bias': jnp.ones((1, 2)), 'kernel': jnp.ones((3, 2))},
        ...         jnp.ones((5, 3)))
        ('kernel',)
    """
    result = walk(trace(fn, args), args, weights)
    refuse_closures(result)
    return tuple(sorted(covered(result)))


def uncovered(
    fn: Callable[..., Any], *args: Any, weights: Sequence[int] = (0,)
) -> tuple[str, ...]:
    """Paths of the matrices among the parameters that no listed product reads.

    Embeddings, and weights that only opaque code reads.

    Args:
        fn: any function of arrays.
        args: its arguments, or their shapes and types.
        weights: positions of the arguments that hold parameters.

    Returns:
        The paths of rank 2 or more, sorted.

    Example:
        >>> import jax.numpy as jnp
        >>> uncovered(lambda params, i: params['table'][i],
        ...           {'table': jnp.ones((9, 2))}, 3)
        ('table',)
    """
    result = walk(trace(fn, args), args, weights)
    matrices = {p for p, x in result.parameters.items() if np.ndim(x) >= 2}
    return tuple(sorted(matrices - covered(result)))


def opaque(
    fn: Callable[..., Any], *args: Any, weights: Sequence[int] = (0,)
) -> tuple[Opaque, ...]:
    """The primitives that read parameters and cannot be looked into.

    Kernels of Pallas, foreign calls, callbacks, custom partitioning and batching.

    Args:
        fn: any function of arrays.
        args: its arguments, or their shapes and types.
        weights: positions of the arguments that hold parameters.

    Returns:
        One `Opaque` for each.

    Example:
        >>> import jax.numpy as jnp
        >>> opaque(lambda w, x: x @ w, jnp.ones((3, 2)), jnp.ones((5, 3)))
        ()
    """
    return walk(trace(fn, args), args, weights).opaque


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
    _, found, opaque = _walk(traced.jaxpr, traced.consts, origins, scope)
    return Walk(_keyed(found), opaque, parameters)


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
            origins.append(_flow.parameter(full, tuple(np.shape(leaf))))
    return origins, parameters


def _walk(jaxpr, consts, origins, scope):
    """The origins of the results, the products found, and the opaque equations."""
    closed = [Origin(closed=np.ndim(c) >= 2) for c in consts]
    closed += [Origin()] * (len(jaxpr.constvars) - len(consts))
    env = dict(zip(jaxpr.constvars, closed, strict=True))
    env.update(zip(jaxpr.invars, origins, strict=True))
    found, opaque = [], []

    def read(variable):
        return Origin() if isinstance(variable, Literal) else env[variable]

    for index, eqn in enumerate(jaxpr.eqns):
        ins = [read(v) for v in eqn.invars]
        here = scope._replace(
            pos=(*scope.pos, index), module=module_of(scope.module, eqn)
        )
        if bodies(eqn):
            outs, more, hidden = enter(eqn, ins, here, _walk)
            found += more
            opaque += hidden
        else:
            found += _product(eqn, ins, here)
            opaque += _opaque(eqn, ins, here)
            outs = _flow.through(eqn, ins)
        env.update(zip(eqn.outvars, outs, strict=True))
    return [read(v) for v in jaxpr.outvars], tuple(found), tuple(opaque)


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
