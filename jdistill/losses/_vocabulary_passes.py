"""The passes over chunks of tokens and blocks of words that give values and gradients.

Only chunks that hold tokens that count are visited; gradients are added up in float32.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jdistill.losses import _vocabulary_blocks as blocks
from jdistill.losses import _vocabulary_some as some
from jdistill.losses._vocabulary_blocks import Block, Given, Plan, Scale, Seen
from jdistill.losses._vocabulary_packing import (
    Packing,
    chunk_of,
    cut,
    fitted,
    packed_of,
    packing,
    rows_in,
    written,
)

MANY, PARTS = 8, 32
"""Where gradients are computed anew: how many chunks of tokens are taken as one, and
in how many parts the words."""

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


def values(plan: Plan, given: Given, asked: Asked) -> tuple[Any, Found]:
    """One value for each token, and what the gradients asked for will need."""
    plan = fitted(plan, given)
    packs = packing(plan, given)
    packed = packed_of(packs, given)
    passes = _by_chunks if blocks.count(plan, given) == 1 else _by_blocks
    scales, added = passes(plan, packed, packs.rounds, _sides(asked))
    found = Found(scales, added["slopes"])
    return _values(plan, packs, packed, scales, added), found


def gradients(
    plan: Plan, given: Given, found: Found, by: Any, asked: Asked
) -> Gradients:
    """The gradients, weighted by `by`, with the logits computed again."""
    plan = _wider(fitted(plan, given), given)
    packs = packing(plan, given)
    packed = packed_of(packs, given)._replace(weights=rows_in(by, packs.order))
    found = _stretched(found, packs)

    def over_block(index, carry):
        block = blocks.block_of(plan, given, index)

        def over_chunk(i, carry):
            part, known = chunk_of(plan, packed, i), cut(plan, found, i)
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
    plan = fitted(plan, given)
    packs = packing(plan, given)
    packed, sides = packed_of(packs, given), _sides(asked)
    block = blocks.block_of(plan, given, 0)

    def over_chunk(i, carry):
        kept, summed = carry
        part = chunk_of(plan, packed, i)
        seen, new = _whole(plan, part, block, sides)
        known = Found(new[0], new[1]["slopes"])
        summed = _added(plan, summed, block, part, seen, known, i)
        return written(plan, kept, new, i), summed

    start = _room(packed, sides), _room_of_gradients(packed, asked)
    last = jax.lax.fori_loop(0, packs.rounds, over_chunk, start)
    (scales, added), (rows, heads) = last
    heads = _placed(plan, heads, heads, block)
    found = Found(scales, added["slopes"])
    values = _values(plan, packs, packed, scales, added)
    return values, (found, _named(plan, packs, rows, heads))


def _by_chunks(plan: Plan, packed: Given, rounds: Any, sides: list[str]) -> Any:
    block = blocks.block_of(plan, packed, 0)

    def over_chunk(i, kept):
        new = _whole(plan, chunk_of(plan, packed, i), block, sides)[1]
        return written(plan, kept, new, i)

    return jax.lax.fori_loop(0, rounds, over_chunk, _room(packed, sides))


def _by_blocks(plan: Plan, packed: Given, rounds: Any, sides: list[str]) -> Any:
    """Two passes over the blocks: the log-sum-exps, then the sums that need them."""

    def passing(use, start):
        def over_block(index, kept):
            block = blocks.block_of(plan, packed, index)

            def over_chunk(i, kept):
                part = chunk_of(plan, packed, i)
                new = use(cut(plan, kept, i), blocks.see(plan, block, part), part, i)
                return written(plan, kept, new, i)

            return jax.lax.fori_loop(0, rounds, over_chunk, kept)

        return _each_block(plan, packed, over_block, start)

    def more(kept, seen, part, i):
        new = blocks.sums(plan, seen, cut(plan, scales, i), part, sides)
        return jax.tree.map(jnp.add, kept, new)

    running = passing(
        lambda kept, seen, part, i: blocks.grown(kept, seen),
        blocks.nothing(_scaled(packed)),
    )
    scales = blocks.whole_scale(plan, running)
    added = passing(more, _room(packed, sides)[1])
    return scales, blocks.everywhere(plan, added)


def _wider(plan: Plan, given: Given) -> Plan:
    """More tokens and fewer words at a time, a quarter of the logits.

    Where the log-sum-exps are known, no token needs all words at once. A head's
    gradient is then done with one block after another, in few rounds over the tokens,
    and only one block of it is in float32.
    """
    if plan.block is not None:
        return plan
    tokens, columns = given.hidden["student"].shape[0], given.head["student"].shape[1]
    chunks = max(-(-tokens // plan.chunk), 1)
    many = -(-chunks // -(-chunks // MANY))
    block = -(-columns // (PARTS * LANES)) * LANES
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
    rows, columns, old = dict(rows), dict(columns), cut(plan, rows, i)
    for side in known.slopes:
        z = blocks.logit_gradient(plan, seen, *known, part, side)
        states = part.hidden[side]
        z = z.astype(states.dtype)
        if side in rows:
            new = old[side] + _product(z, block.head[side].T)
            rows[side] = written(plan, rows[side], new, i)
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
    rows = {
        s: rows_in(blocks.everywhere(plan, x), packs.place) for s, x in rows.items()
    }
    named = {("hidden", side): x for side, x in rows.items()}
    return named | {("head", side): x for side, x in heads.items()}


def _values(
    plan: Plan, packs: Packing, packed: Given, scales: Any, added: Mapping[str, Any]
) -> Any:
    values = added["values"]
    if blocks.OTHERS in scales:
        rest, whole = scales[blocks.OTHERS], scales["student"]
        log_rest = rest.peak - whole.peak + rest.log_total - whole.log_total
        values = values + some.of_tail(plan.row, packed.labels.log_tail, log_rest)
    squared = packed.numbers.get("temperature", 1.0) ** 2
    return rows_in(squared * values, packs.place)


def _scaled(packed: Given) -> dict[str, Any]:
    """What has a log-sum-exp: each side, and words without a name beside a tail."""
    tail = getattr(packed.labels, "log_tail", None) is not None
    return packed.hidden | ({blocks.OTHERS: packed.hidden["student"]} if tail else {})


def _sides(asked: Asked) -> list[str]:
    return sorted({side for _, side in asked})


def _room(packed: Given, sides: list[str]) -> Any:
    """Zeros for the scales and the sums of each token."""
    states = packed.hidden["student"]
    none = blocks.zeros(states.shape[:1], states)
    scales = {side: Scale(none, none) for side in _scaled(packed)}
    return scales, {"values": none, "slopes": dict.fromkeys(sides, none)}


def _room_of_gradients(packed: Given, asked: Asked) -> Any:
    rows = {s: _zeros(packed.hidden[s]) for kind, s in asked if kind == "hidden"}
    return rows, {s: _zeros(packed.head[s]) for kind, s in asked if kind == "head"}


def _zeros(like: Any) -> Any:
    return blocks.zeros(like.shape, like)


def _each_block(
    plan: Plan, given: Given, body: Callable[[Any, Any], Any], carry: Any
) -> Any:
    count = blocks.count(plan, given)
    return body(0, carry) if count == 1 else jax.lax.fori_loop(0, count, body, carry)
