"""Reading jaxprs: the few facts about JAX's internal form that the rest needs.

JAX renames the classes and parameters of this form between versions; everything that
depends on them is here.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
from jax.extend import source_info_util

Position = tuple[int, ...]
"""Where an equation is: its index, the branch entered, the index in there..."""

NESTED = {
    "jit": ("jaxpr",),
    "pjit": ("jaxpr",),
    "closed_call": ("call_jaxpr",),
    "core_call": ("call_jaxpr",),
    "remat2": ("jaxpr",),
    "checkpoint": ("jaxpr",),
    "custom_jvp_call": ("call_jaxpr",),
    "custom_vjp_call": ("call_jaxpr",),
    "scan": ("jaxpr",),
    "while": ("cond_jaxpr", "body_jaxpr"),
    "cond": ("branches",),
    "shard_map": ("jaxpr",),
}
"""Primitives that hold functions, and the parameters that these are."""


class Traced(NamedTuple):
    """A function as equations, and the structure of what it returns."""

    jaxpr: Any
    consts: tuple[Any, ...]
    out_tree: Any


class ScanParts(NamedTuple):
    """How the inputs of a scan divide: the same at each step, carried, sliced."""

    consts: slice
    carry: slice
    xs: slice
    num_carry: int


def trace(fn: Callable[..., Any], args: tuple[Any, ...]) -> Traced:
    """The equations of `fn(*args)`; arguments may be shapes only."""
    closed, out = jax.make_jaxpr(fn, return_shape=True)(*args)
    return Traced(*opened(closed), jax.tree.structure(out))


def opened(jaxpr: Any) -> tuple[Any, tuple[Any, ...]]:
    """A jaxpr and its constants, from either of the classes that JAX has for it."""
    if hasattr(jaxpr, "consts"):
        return getattr(jaxpr, "jaxpr", jaxpr), tuple(jaxpr.consts)
    return jaxpr, ()


def bodies(eqn: Any) -> tuple[tuple[Any, tuple[Any, ...]], ...]:
    """The functions inside an equation that can be entered, in the order of branches.

    `cond` has its branches, `while` its condition and its body, others have one.
    """
    name = eqn.primitive.name
    held = [eqn.params[field] for field in NESTED.get(name, ())]
    if name == "cond":
        held = held[0]
    return tuple(opened(jaxpr) for jaxpr in held)


def scan_parts(eqn: Any) -> ScanParts:
    """How the inputs of a scan divide, from ranks alone: sliced ones lose one axis."""
    ((body, _),) = bodies(eqn)

    def sliced(outer, inner):
        pairs = zip(outer, inner, strict=True)
        return sum(_rank(a) != _rank(b) for a, b in pairs)

    num_carry = len(body.outvars) - sliced(eqn.outvars, body.outvars)
    start = len(body.invars) - sliced(eqn.invars, body.invars)
    num_consts = start - num_carry
    return ScanParts(
        slice(0, num_consts), slice(num_consts, start), slice(start, None), num_carry
    )


def bind(eqn: Any, *operands: Any, **changed: Any) -> tuple[Any, ...]:
    """The equation itself, on other operands, with some parameters changed."""
    params = eqn.primitive.get_bind_params({**eqn.params, **changed})
    outs = eqn.primitive.bind(*operands, **params)
    return tuple(outs) if eqn.primitive.multiple_results else (outs,)


@contextlib.contextmanager
def context(eqn: Any) -> Iterator[None]:
    """What an equation was written under: names for profiles, its mesh, its line."""
    stack = source_info_util.current_name_stack() + eqn.source_info.name_stack
    traceback = eqn.source_info.traceback
    with (
        source_info_util.user_context(traceback, name_stack=stack),
        eqn.ctx.manager,
    ):
        yield


def module_of(parent: str, eqn: Any) -> str:
    """The named scopes around an equation, joined by '/': linen's module path."""
    own = str(eqn.source_info.name_stack)
    return "/".join(part for part in (parent, own) if part)


def _rank(variable: Any) -> int:
    return len(getattr(variable.aval, "shape", ()))
