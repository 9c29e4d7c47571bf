"""Tokens that count, packed to the front and cut into chunks."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jdistill.losses._vocabulary_blocks import Given, Plan


class Packing(NamedTuple):
    """Where the tokens that count are.

    * `order` [packed]: which token stands there; the number of tokens where none does.
    * `place` [tokens]: where it stands; the number of places where it does not.
    * `rounds`: how many chunks there are.
    """

    order: Any
    place: Any
    rounds: Any


def fitted(plan: Plan, given: Given) -> Plan:
    """Chunks that are all of one size, at most the plan's."""
    tokens = max(given.hidden["student"].shape[0], 1)
    return plan._replace(chunk=-(-tokens // -(-tokens // plan.chunk)))


def packing(plan: Plan, given: Given) -> Packing:
    """The order of the tokens, those of weight 0 left out."""
    tokens = given.hidden["student"].shape[0]
    length = max(-(-tokens // plan.chunk), 1) * plan.chunk
    each = jnp.arange(tokens)
    if given.weights is None:
        return Packing(jnp.arange(length), each, length // plan.chunk)
    counts = given.weights != 0
    place = jnp.where(counts, jnp.cumsum(counts) - 1, length)
    order = jnp.full(length, tokens).at[place].set(each, mode="drop")
    return Packing(order, place, -(-jnp.sum(counts) // plan.chunk))


def packed_of(packs: Packing, given: Given) -> Given:
    """The tokens in their order, zeros where there is none."""
    states, labels, weights = jax.tree.map(
        lambda x: rows_in(x, packs.order),
        (given.hidden, given.labels, given.weights),
    )
    if weights is None:
        weights = jnp.ones(packs.order.shape, jnp.float32)
    return given._replace(hidden=states, labels=labels, weights=weights)


def rows_in(x: Any, order: Any) -> Any:
    """Rows in an order, 0 where it names none."""
    if not len(x):
        return jnp.zeros((*order.shape, *x.shape[1:]), x.dtype)
    return x.at[order].get(mode="fill", fill_value=0)


def chunk_of(plan: Plan, packed: Given, i: Any) -> Given:
    """The tokens of a chunk."""
    tokens = (packed.hidden, packed.labels, packed.weights)
    states, labels, weights = cut(plan, tokens, i)
    return packed._replace(hidden=states, labels=labels, weights=weights)


def cut(plan: Plan, arrays: Any, i: Any) -> Any:
    """The rows of a chunk."""

    def part(x):
        return jax.lax.dynamic_slice_in_dim(x, i * plan.chunk, plan.chunk)

    return jax.tree.map(part, arrays)


def written(plan: Plan, arrays: Any, new: Any, i: Any) -> Any:
    """Arrays with other rows in the place of a chunk's."""

    def write(x, y):
        return jax.lax.dynamic_update_slice_in_dim(x, y, i * plan.chunk, axis=0)

    return jax.tree.map(write, arrays, new)
