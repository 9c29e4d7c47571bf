"""The passes over chunks of tokens and blocks of words that give values and gradients.

Tokens that count are packed to the front, and only the chunks that hold some are
visited. Gradients are added up in float32.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jdistill.losses import _vocabulary_blocks as blocks
from jdistill.losses._vocabulary_blocks import Block, Given, Plan, Scale, Seen

MANY = 8
"""How many chunks of tokens the gradient that is computed anew takes as one."""

LANES = 128
"""Blocks are multiples of it, as accelerators lay out arrays by so many."""

Asked = Collection[tuple[str, str]]
"""The gradients that are asked for, as ('hidden' or 'head', side)."""

Gradients = dict[tuple[str, str], Any]
"""By the same names. A token's own row is that of its value, and the heads' are those
of the weighted sum of the values."""


class Found(NamedTuple):
    """What the first pass leaves for the second, of each packed token.

    * `scales`: log-sum-exps by side; `slopes`: sums by side that is asked for.
    """

    scales: Mapping[str, Scale]
    slopes: Mapping[str, Any]


class Packing(NamedTuple):
    """Where the tokens that count are.

    * `order` [packed]: which token stands there; the number of tokens where none does.
    * `place` [tokens]: where it stands; the number of places where it does not.
    * `rounds`: how many chunks there are.
    """

    order: Any
    place: Any
    rounds: Any


def packing(plan: Plan, given: Given) -> Packing:
    """The order of the tokens, those of weight 0 left out."""
    tokens = given.hidden["student"].shape[0]
    length = -(-tokens // plan.chunk) * plan.chunk
    each = jnp.arange(tokens)
    if given.weights is None:
        return Packing(jnp.arange(length), each, length // plan.chunk)
    counts = given.weights != 0
    place = jnp.where(counts, jnp.cumsum(counts) - 1, length)
    order = jnp.full(length, tokens).at[place].set(each, mode="drop")
    return Packing(order, place, -(-jnp.sum(counts) // plan.chunk))


def values(plan: Plan, given: Given, asked: Asked) -> tuple[Any, Found]:
    """One value for each token, and what the gradients asked for will need."""
    packs = packing(plan, given)
    packed = _packed(packs, given)
    passes = _by_chunks if blocks.count(plan, given) == 1 else _by_blocks
    scales, added = passes(plan, packed, packs.rounds, _sides(asked))
    return _values(packs, given, added), Found(scales, added["slopes"])


def gradients(
    plan: Plan, given: Given, found: Found, by: Any, asked: Asked
) -> Gradients:
    """The gradients, weighted by `by`, with the logits computed again."""
    plan = _wider(plan, given)
    packs = packing(plan, given)
    packed = _packed(packs, given)._replace(weights=_rows(by, packs.order))
    found = _stretched(found, packs)

    def over_block(index, carry):
        block = blocks.block_of(plan, given, index)

        def over_chunk(i, carry):
            part, known = _chunk(plan, packed, i), _cut(plan, found, i)
            seen = blocks.see(plan, block, part)
            return _added(plan, carry, block, part, seen, known, i)

        rows, heads = carry
        start = rows, {s: _zeros(block.head[s]) for s in heads}
        rows, columns = jax.lax.fori_loop(0, packs.rounds, over_chunk, start)
        return rows, _placed(plan, heads, columns, block)

    rows, heads = _room_of_gradients(packed, asked)
    heads = {side: x.astype(given.head[side].dtype) for side, x in heads.items()}
    return _named(plan, packs, *_each_block(plan, given, over_block, (rows, heads)))


def together(
    plan: Plan, given: Given, asked: Asked
) -> tuple[Any, tuple[Found, Gradients]]:
    """Values and gradients, with each chunk's logits computed once."""
    packs = packing(plan, given)
    packed, sides = _packed(packs, given), _sides(asked)
    block = blocks.block_of(plan, given, 0)

    def over_chunk(i, carry):
        kept, summed = carry
        part = _chunk(plan, packed, i)
        seen, new = _whole(plan, part, block, sides)
        known = Found(new[0], new[1]["slopes"])
        summed = _added(plan, summed, block, part, seen, known, i)
        return _written(plan, kept, new, i), summed

    start = _room(packed, sides), _room_of_gradients(packed, asked)
    last = jax.lax.fori_loop(0, packs.rounds, over_chunk, start)
    (scales, added), (rows, heads) = last
    heads = _placed(plan, heads, heads, block)
    found = Found(scales, added["slopes"])
    return _values(packs, given, added), (found, _named(plan, packs, rows, heads))


def _by_chunks(plan: Plan, packed: Given, rounds: Any, sides: list[str]) -> Any:
    block = blocks.block_of(plan, packed, 0)

    def over_chunk(i, kept):
        new = _whole(plan, _chunk(plan, packed, i), block, sides)[1]
        return _written(plan, kept, new, i)

    return jax.lax.fori_loop(0, rounds, over_chunk, _room(packed, sides))


def _by_blocks(plan: Plan, packed: Given, rounds: Any, sides: list[str]) -> Any:
    """Two passes over the blocks: the log-sum-exps, then the sums that need them."""

    def passing(use, start):
        def over_block(index, kept):
            block = blocks.block_of(plan, packed, index)

            def over_chunk(i, kept):
                part = _chunk(plan, packed, i)
                new = use(_cut(plan, kept, i), blocks.see(plan, block, part), part, i)
                return _written(plan, kept, new, i)

            return jax.lax.fori_loop(0, rounds, over_chunk, kept)

        return _each_block(plan, packed, over_block, start)

    def more(kept, seen, part, i):
        new = blocks.sums(plan, seen, _cut(plan, scales, i), part, sides)
        return jax.tree.map(jnp.add, kept, new)

    length = packed.hidden["student"].shape[:1]
    running = passing(
        lambda kept, seen, part, i: blocks.grown(kept, seen),
        blocks.nothing(packed.hidden, length),
    )
    scales = blocks.whole_scale(plan, running)
    added = passing(more, _room(packed, sides)[1])
    return scales, blocks.everywhere(plan, added)


def _wider(plan: Plan, given: Given) -> Plan:
    """More tokens and fewer words at a time, as many logits as before.

    Where the log-sum-exps are known, no token needs all words at once. A head's
    gradient is then done with one block after another, in few rounds over the tokens,
    and only one block of it is in float32.
    """
    if plan.block is not None:
        return plan
    tokens, columns = given.hidden["student"].shape[0], given.head["student"].shape[1]
    chunks = -(-tokens // plan.chunk)
    many = -(-chunks // -(-chunks // MANY))
    block = -(-columns // (many * LANES)) * LANES
    return plan._replace(chunk=many * plan.chunk, block=block)


def _stretched(found: Found, packs: Packing) -> Found:
    """What was found, with room for as many tokens as are packed now."""
    more = len(packs.order)
    return jax.tree.map(lambda x: jnp.pad(x, (0, more - len(x))), found)


def _whole(plan: Plan, part: Given, block: Block, sides: list[str]) -> tuple[Seen, Any]:
    """The logits of a chunk over the whole vocabulary, its scales and sums."""
    seen = blocks.see(plan, block, part)
    scales = blocks.scale_of(plan, seen)
    added = blocks.sums(plan, seen, scales, part, sides)
    return seen, (scales, blocks.everywhere(plan, added))


def _added(
    plan: Plan, carry: Any, block: Block, part: Given, seen: Seen, known: Found, i: Any
) -> Any:
    """The gradients that are asked for, with those of a chunk and a block."""
    rows, columns = carry
    rows, columns, old = dict(rows), dict(columns), _cut(plan, rows, i)
    for side in known.slopes:
        z = blocks.logit_gradient(plan, seen, known.scales, known.slopes, part, side)
        states = part.hidden[side]
        z = z.astype(states.dtype)
        if side in rows:
            new = old[side] + _product(z, block.head[side].T)
            rows[side] = _written(plan, rows[side], new, i)
        if side in columns:
            weighted = (states * part.weights[:, None]).astype(states.dtype)
            columns[side] += _product(weighted.T, z)
    return rows, columns


def _product(left: Any, right: Any) -> Any:
    return jnp.matmul(left, right, preferred_element_type=jnp.float32)


def _placed(plan: Plan, heads: Any, columns: Any, block: Block) -> dict[str, Any]:
    """Gradients of heads with those of a block, to which all of its tokens added."""

    def one(whole, part):
        if plan.tokens is not None:
            part = jax.lax.psum(part, plan.tokens)
        if whole.shape == part.shape:
            return part.astype(whole.dtype)
        old = jax.lax.dynamic_slice_in_dim(whole, block.start, part.shape[1], axis=1)
        new = old + part.astype(whole.dtype)  # 0 for the words of the block before
        return jax.lax.dynamic_update_slice_in_dim(whole, new, block.start, axis=1)

    return {side: one(heads[side], columns[side]) for side in heads}


def _named(plan: Plan, packs: Packing, rows: Any, heads: Any) -> Gradients:
    rows = {s: _rows(blocks.everywhere(plan, x), packs.place) for s, x in rows.items()}
    named = {("hidden", side): x for side, x in rows.items()}
    return named | {("head", side): x for side, x in heads.items()}


def _values(packs: Packing, given: Given, added: Mapping[str, Any]) -> Any:
    squared = given.numbers.get("temperature", 1.0) ** 2
    return _rows(squared * added["values"], packs.place)


def _sides(asked: Asked) -> list[str]:
    return sorted({side for _, side in asked})


def _packed(packs: Packing, given: Given) -> Given:
    """The tokens in their order, zeros where there is none."""
    states, labels, weights = jax.tree.map(
        lambda x: _rows(x, packs.order),
        (given.hidden, given.labels, given.weights),
    )
    if weights is None:
        weights = jnp.ones(packs.order.shape, jnp.float32)
    return given._replace(hidden=states, labels=labels, weights=weights)


def _rows(x: Any, order: Any) -> Any:
    return x.at[order].get(mode="fill", fill_value=0)


def _chunk(plan: Plan, packed: Given, i: Any) -> Given:
    tokens = (packed.hidden, packed.labels, packed.weights)
    states, labels, weights = _cut(plan, tokens, i)
    return packed._replace(hidden=states, labels=labels, weights=weights)


def _cut(plan: Plan, arrays: Any, i: Any) -> Any:
    def cut(x):
        return jax.lax.dynamic_slice_in_dim(x, i * plan.chunk, plan.chunk)

    return jax.tree.map(cut, arrays)


def _written(plan: Plan, arrays: Any, new: Any, i: Any) -> Any:
    def write(x, y):
        return jax.lax.dynamic_update_slice_in_dim(x, y, i * plan.chunk, axis=0)

    return jax.tree.map(write, arrays, new)


def _room(packed: Given, sides: list[str]) -> Any:
    """Zeros for the scales and the sums of each token."""
    none = jnp.zeros(packed.hidden["student"].shape[:1], jnp.float32)
    scales = {side: Scale(none, none) for side in packed.hidden}
    return scales, {"values": none, "slopes": dict.fromkeys(sides, none)}


def _room_of_gradients(packed: Given, asked: Asked) -> Any:
    rows = {s: _zeros(packed.hidden[s]) for kind, s in asked if kind == "hidden"}
    return rows, {s: _zeros(packed.head[s]) for kind, s in asked if kind == "head"}


def _zeros(like: Any) -> Any:
    return jnp.zeros(like.shape, jnp.float32)


def _each_block(plan: Plan, given: Given, body: Callable[..., Any], carry: Any) -> Any:
    count = blocks.count(plan, given)
    return body(0, carry) if count == 1 else jax.lax.fori_loop(0, count, body, carry)
