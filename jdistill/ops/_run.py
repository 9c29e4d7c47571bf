"""The interpreting run: a function again, with a visitor at its products."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
from jax.extend.core import Literal

from jdistill.ops._jaxpr import Position, bind, bodies, context, trace
from jdistill.ops._op import Op
from jdistill.ops._run_nested import Site, run_nested
from jdistill.ops._select import check_keys, select
from jdistill.ops._walk import Found, walk
from jdistill.tree import Where


@runtime_checkable
class Product(Protocol):
    """The original equation of two operands."""

    def __call__(self, lhs: Any, rhs: Any, /, **description: Any) -> Any:
        """Its result; keywords change its description."""
        ...


Visit = Callable[[Op, Any, Any, Product, Any], tuple[Any, Any]]


class _Plan(NamedTuple):
    visit: Visit
    products: Mapping[Position, Found]
    around: frozenset[Position]
    apart: bool


def interpret(
    fn: Callable[..., Any],
    visit: Visit,
    *,
    weights: Sequence[int] = (0,),
    where: Where = None,
    layers: str = "apart",
) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """A function that computes `fn` and lets a visitor compute its products.

    Everything else is computed by the equations of `fn` as they are, so a visitor that
    returns `product(lhs, rhs)` changes no bit of the result or of its gradients.

    Args:
        fn: any function of arrays, of any framework.
        visit: `(op, lhs, rhs, product, aux) -> (out, stat)`. `product(lhs, rhs)` is the
            original equation, and keywords change its description; `aux` is what the
            caller gives for `op.key`, or None; `stat` a dict whose names begin with
            `max_` or `sum_`, or None.
        weights: positions of the arguments that hold parameters.
        where: which products: a regular expression that must match the path of a
            weight or a key, or a collection of them; None for all that read a weight.
        layers: what becomes of the statistics of a scan over layers: 'apart' stacks
            them, 'joined' makes them one, as those of any other loop.

    Returns:
        `call(aux, *args) -> (fn(*args), stats)`. `aux` and `stats` are dicts by
        `op.key`. Inside a scan over layers `aux` is sliced along a leading axis (one
        number or a length of 1 stands for all layers) and `stats` are stacked along
        one (`op.lead`); inside any other loop `stats` add up.

    Raises:
        ValueError: `layers` is no choice; `where` matches nothing, or something that
            cannot be looked into; `aux` has an unknown key; products read only
            arrays that `fn` closes over.

    Example:
        >>> import jax.numpy as jnp
        >>> double = lambda op, lhs, rhs, product, aux: (aux * product(lhs, rhs), None)
        >>> call = interpret(lambda w, x: x @ w['a'], double)
        >>> call({'a': 3.0}, {'a': jnp.ones((2, 1))}, jnp.ones((1, 2)))
        (Array([[6.]], dtype=float32), {})
    """
    if layers not in ("apart", "joined"):
        raise ValueError(f"layers must be 'apart' or 'joined', got {layers!r}")

    def call(aux: Mapping[str, Any], *args: Any) -> tuple[Any, dict[str, Any]]:
        traced = trace(fn, args)
        found = select(walk(traced, args, weights), where)
        check_keys(aux, found)
        aux = {**aux, **_each_layer(aux, found)}
        plan = _Plan(
            visit,
            {f.op.pos: f for f in found},
            frozenset(f.op.pos[:i] for f in found for i in range(1, len(f.op.pos), 2)),
            layers == "apart",
        )
        leaves = jax.tree.leaves(args)
        outs, stats = _run(plan, (), traced.jaxpr, traced.consts, dict(aux), leaves)
        return jax.tree.unflatten(traced.out_tree, outs), stats

    return call


def _each_layer(aux, found):
    """A number, and a leading axis of length 1, stand for all layers of a scan."""

    def whole(lead, x):
        shape = jax.numpy.shape(x) or (1,) * len(lead)
        fits = all(m in (1, n) for m, n in zip(shape, lead, strict=False))
        fits = fits and len(shape) >= len(lead)
        return jax.numpy.broadcast_to(x, (*lead, *shape[len(lead) :])) if fits else x

    return {
        f.op.key: jax.tree.map(functools.partial(whole, f.op.lead), aux[f.op.key])
        for f in found
        if f.op.lead and f.op.key in aux
    }


def _run(plan, pos, jaxpr, consts, aux, operands):
    env = dict(zip(jaxpr.constvars, consts, strict=True))
    env.update(zip(jaxpr.invars, operands, strict=True))
    stats = {}

    def read(variable):
        return variable.val if isinstance(variable, Literal) else env[variable]

    for index, eqn in enumerate(jaxpr.eqns):
        here = (*pos, index)
        ins = [read(variable) for variable in eqn.invars]
        with context(eqn):
            if here in plan.products:
                outs, seen = _visit(plan, plan.products[here].op, eqn, aux, ins)
            elif here in plan.around:
                outs, seen = _run_inside(plan, here, eqn, aux, ins)
            else:
                outs, seen = bind(eqn, *ins), {}
        stats.update(seen)
        env.update(zip(eqn.outvars, outs, strict=True))
    return [read(variable) for variable in jaxpr.outvars], stats


def _visit(plan, op, eqn, aux, ins):
    lhs, rhs, *rest = ins

    def product(lhs, rhs, **changed):
        return bind(eqn, lhs, rhs, *rest, **changed)[0]

    out, stat = plan.visit(op, lhs, rhs, product, aux.get(op.key))
    if jax.numpy.shape(out) != op.out.shape:
        raise ValueError(
            f"the visitor of {op.key!r} returned shape {jax.numpy.shape(out)} for a "
            f"product of shape {op.out.shape}"
        )
    out = out if out.dtype == op.out.dtype else out.astype(op.out.dtype)
    return (out,), {} if stat is None else {op.key: stat}


def _run_inside(plan, here, eqn, aux, ins):
    def body(index, jaxpr, consts):
        def run(aux, *operands):
            return _run(plan, (*here, index), jaxpr, consts, aux, operands)

        return run

    found = [f for p, f in plan.products.items() if p[: len(here)] == here]
    keys = frozenset(f.op.key for f in found)
    site = Site(
        eqn,
        tuple(body(i, *inner) for i, inner in enumerate(bodies(eqn))),
        keys,
        frozenset(f.op.key for f in found if here in f.scans),
        plan.apart,
    )
    return run_nested(site, {k: v for k, v in aux.items() if k in keys}, ins)
