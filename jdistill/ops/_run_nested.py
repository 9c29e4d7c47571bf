"""How the run enters an equation that holds functions, and builds it again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
from jax import lax
from jax.sharding import PartitionSpec

from jdistill.ops._jaxpr import bind, scan_parts
from jdistill.ops._merge import across, merge, zeros

Body = Callable[..., tuple[Any, dict[str, Any]]]


class Site(NamedTuple):
    """An equation to be entered.

    * `eqn`: the equation.
    * `bodies`: what it holds, each as `(aux, *operands) -> (outs, stats)`.
    * `keys`: of the selected products inside.
    * `layered`: of those among them that the equation, a scan, stacks.
    * `apart`: whether the statistics of layers are stacked, not joined.
    """

    eqn: Any
    bodies: tuple[Body, ...]
    keys: frozenset[str]
    layered: frozenset[str]
    apart: bool = True


def run_nested(
    site: Site, aux: Mapping[str, Any], operands: Sequence[Any]
) -> tuple[Sequence[Any], dict[str, Any]]:
    """Computes an equation with its bodies interpreted.

    Args:
        site: the equation.
        aux: what the caller gives, for `site.keys` only.
        operands: of the equation.

    Returns:
        The results and the statistics.
    """
    return RUNNERS[site.eqn.primitive.name](site, aux, *operands)


def _inline(site, aux, *ins):
    return site.bodies[0](aux, *ins)


def _jit(site, aux, *ins):
    params = site.eqn.params
    ins = [_sharded(x, s) for x, s in zip(ins, params["in_shardings"], strict=True)]
    outs, stats = site.bodies[0](aux, *ins)
    pairs = zip(outs, params["out_shardings"], strict=True)
    return [_sharded(x, s) for x, s in pairs], stats


def _sharded(x, sharding):
    if isinstance(sharding, jax.sharding.Sharding):
        return lax.with_sharding_constraint(x, sharding)
    return x


def _remat(site, aux, *ins):
    params = site.eqn.params
    again = jax.checkpoint(
        site.bodies[0], policy=params["policy"], prevent_cse=params["prevent_cse"]
    )
    return again(aux, *ins)


def _scan(site, aux, *ins):
    parts, params = scan_parts(site.eqn), site.eqn.params
    consts, carry, xs = ins[parts.consts], ins[parts.carry], ins[parts.xs]
    fixed = {k: v for k, v in aux.items() if k not in site.layered}
    layers = {k: v for k, v in aux.items() if k in site.layered}
    apart = site.layered if site.apart else frozenset()

    def body(carry, layers, xs):
        outs, stats = site.bodies[0]({**fixed, **layers}, *consts, *carry, *xs)
        stacked = {k: v for k, v in stats.items() if k in apart}
        added = {k: v for k, v in stats.items() if k not in apart}
        done = tuple(outs[: parts.num_carry]), tuple(outs[parts.num_carry :])
        return *done, added, stacked

    def step(state, slices):
        carry, total = state
        carry, ys, added, stacked = body(carry, *slices)
        return (carry, merge(total, added)), (ys, stacked)

    total = {}
    if site.keys - apart:
        first = jax.tree.map(_first, (layers, tuple(xs)))
        total = zeros(jax.eval_shape(body, tuple(carry), *first)[2])
    (carry, total), (ys, stacked) = lax.scan(
        step,
        (tuple(carry), total),
        (layers, tuple(xs)),
        length=params["length"],
        reverse=params["reverse"],
        unroll=params["unroll"],
    )
    return (*carry, *ys), {**total, **stacked}


def _first(x):
    return jax.eval_shape(lambda x: x[0], x)


def _while(site, aux, *ins):
    params = site.eqn.params
    first, second = params["cond_nconsts"], params["body_nconsts"]
    asked, consts = ins[:first], ins[first : first + second]
    carry = tuple(ins[first + second :])

    def condition(state):
        outs, _ = site.bodies[0](aux, *asked, *state[0])
        return outs[0]

    def body(state):
        outs, stats = site.bodies[1](aux, *consts, *state[0])
        return tuple(outs), merge(state[1], stats)

    shapes = jax.eval_shape(
        lambda carry: site.bodies[1](aux, *consts, *carry)[1], carry
    )
    carry, stats = lax.while_loop(condition, body, (carry, zeros(shapes)))
    return carry, stats


def _cond(site, aux, index, *ins):
    shapes = {}
    for body in site.bodies:
        shapes.update(jax.eval_shape(body, aux, *ins)[1])

    def branch(body):
        def run(aux, *ins):
            outs, stats = body(aux, *ins)
            return tuple(outs), {**zeros(shapes), **stats}

        return run

    return lax.switch(index, [branch(body) for body in site.bodies], aux, *ins)


def _custom_jvp(site, aux, *ins):
    """Forward by the interpreted body, tangents by the function's own rule."""

    @jax.custom_jvp
    def call(aux, *ins):
        outs, stats = site.bodies[0](aux, *ins)
        return tuple(outs), stats

    @call.defjvp
    def tangent(primals, tangents):
        (aux, *ins), (aux_dot, *ins_dot) = primals, tangents

        def original(*ins):
            return bind(site.eqn, *ins)

        _, own = jax.jvp(original, tuple(ins), tuple(ins_dot))
        out, (outs_dot, stats_dot) = jax.jvp(
            lambda aux: call.fun(aux, *ins), (aux,), (aux_dot,)
        )
        total = jax.tree.map(_add_tangents, out[0], tuple(own), outs_dot)
        return out, (total, stats_dot)

    return call(aux, *ins)


def _add_tangents(value, a, b):
    return a if a.dtype == jax.dtypes.float0 or not _is_float(value) else a + b


def _is_float(x):
    return jax.numpy.issubdtype(x.dtype, jax.numpy.inexact)


def _custom_vjp(site, aux, *ins):
    """Forward by the interpreted body, cotangents by the function's own rule."""

    def run(aux, *ins):
        outs, stats = site.bodies[0](aux, *ins)
        return tuple(outs), stats

    def forward(aux, *ins):
        _, own = jax.vjp(lambda *ins: bind(site.eqn, *ins), *ins)
        out, scales = jax.vjp(lambda aux: run(aux, *ins), aux)
        return out, (own, scales)

    def backward(rules, cotangents):
        own, scales = rules
        return (*scales(cotangents), *own(cotangents[0]))

    call = jax.custom_vjp(run)
    call.defvjp(forward, backward)
    return call(aux, *ins)


def _shard_map(site, aux, *ins):
    params = site.eqn.params
    axes = tuple(params["newly_manual_axes"])

    def local(aux, *ins):
        outs, stats = site.bodies[0](aux, *ins)
        return tuple(outs), across(stats, axes)

    call = jax.shard_map(
        local,
        mesh=params["mesh"],
        in_specs=(PartitionSpec(), *params["in_specs"]),
        out_specs=(tuple(params["out_specs"]), PartitionSpec()),
        axis_names=set(axes),
        check_vma=params["check_vma"],
    )
    return call(aux, *ins)


RUNNERS = {
    "jit": _jit,
    "pjit": _jit,
    "closed_call": _inline,
    "core_call": _inline,
    "remat2": _remat,
    "checkpoint": _remat,
    "scan": _scan,
    "while": _while,
    "cond": _cond,
    "custom_jvp_call": _custom_jvp,
    "custom_vjp_call": _custom_vjp,
    "shard_map": _shard_map,
}
