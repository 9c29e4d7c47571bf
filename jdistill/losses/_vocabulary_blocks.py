"""What a chunk of tokens makes of a block of the vocabulary: logits, sums, gradients.

Each side, 'student' and perhaps 'teacher', has `hidden` [tokens, dim] and `head` [dim,
words]. Arrays of a block are float32 [chunk, block], and nothing here is larger.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jdistill.losses import _vocabulary_some as some
from jdistill.losses._vocabulary_rows import Row

OTHERS = "others"
"""The words without a name: their logits are the student's, `LOW` for the rest."""

LOW = -1e30
"""The logit of a word that is not there: its probability is 0, at any temperature."""


class Plan(NamedTuple):
    """What is known before the arrays are.

    * `chunk`: tokens at a time; `block`: words at a time, None for all.
    * `valid`: how many words there are, None for as many as columns.
    * `caps`: by side, what bounds its logits, None for nothing.
    * `tokens`, `words`: the mesh axes that split them, None for none.
    """

    row: Row
    chunk: int
    block: int | None = None
    valid: int | None = None
    caps: Mapping[str, float | None] = {}
    tokens: Any = None
    words: Any = None


class Given(NamedTuple):
    """The arrays of a call, of one device.

    * `hidden`, `head`: by side.
    * `labels`: [tokens], or a `SparseTarget` of them, None with a teacher.
    * `weights`: [tokens], 0 where a token is left out; None for ones.
    * `numbers`: those of the loss, by name.
    """

    hidden: Any
    head: Any
    labels: Any
    weights: Any
    numbers: Any


class Scale(NamedTuple):
    """The log-sum-exp of each token in two parts, so that nothing is lost of it."""

    peak: Any
    log_total: Any


class Block(NamedTuple):
    """Some words: their columns of each head, their numbers, and which are there.

    `start` is the first column. The last block overlaps the one before it where blocks
    do not divide the vocabulary, and the words that have been there are not `real`.
    """

    head: Mapping[str, Any]
    words: Any
    real: Any
    start: Any


class Seen(NamedTuple):
    """What a chunk sees of a block: logits, before and after the temperature.

    `target` is where the labels are, [chunk, block], or the classes that `some` found;
    None with a teacher.
    """

    capped: Mapping[str, Any]
    logits: Mapping[str, Any]
    target: Any
    real: Any


def count(plan: Plan, given: Given) -> int:
    """How many blocks there are."""
    columns = given.head["student"].shape[1]
    return -(-columns // (plan.block or columns))


def block_of(plan: Plan, given: Given, index: Any) -> Block:
    """A block of the vocabulary by its number, in the type of the hidden states."""
    columns = given.head["student"].shape[1]
    size = min(plan.block or columns, columns)
    start = jnp.minimum(index * size, columns - size)

    def cut(side):
        part = given.head[side]
        if size < columns:
            part = jax.lax.dynamic_slice_in_dim(part, start, size, axis=1)
        return part.astype(given.hidden[side].dtype)

    here = start + jnp.arange(size)
    first = 0 if plan.words is None else jax.lax.axis_index(plan.words) * columns
    words, real = here + first, None
    if columns % size:
        real = here >= index * size
    if plan.valid is not None:
        there = words < plan.valid
        real = there if real is None else real & there
    return Block({side: cut(side) for side in given.head}, words, real, start)


def see(plan: Plan, block: Block, chunk: Given) -> Seen:
    """The logits of a chunk of tokens and a block of words."""
    temperature = chunk.numbers.get("temperature", 1.0)
    capped, logits = {}, {}
    for side, hidden in chunk.hidden.items():
        z = jnp.matmul(hidden, block.head[side], preferred_element_type=jnp.float32)
        cap = plan.caps.get(side)
        capped[side] = z if cap is None else cap * jnp.tanh(z / cap)
        logits[side] = _there(block.real, capped[side] / temperature, LOW)
    target = chunk.labels
    if plan.row.some:
        target = some.named(target, block.words, block.real)
        if target.others is not None:
            logits[OTHERS] = jnp.where(target.others, logits["student"], LOW)
    elif target is not None:
        target = target[:, None] == block.words[None]
    return Seen(capped, logits, target, block.real)


def scale_of(plan: Plan, seen: Seen) -> dict[str, Scale]:
    """The log-sum-exps of a whole vocabulary."""
    return whole_scale(plan, grown(nothing(seen.logits), seen))


def nothing(sides: Mapping[str, Any]) -> dict[str, Any]:
    """The running peaks and totals of no words, for the rows of each side."""
    none = {side: zeros(x.shape[:1], x) for side, x in sides.items()}
    return {side: (x + LOW, x) for side, x in none.items()}


def zeros(shape: tuple[int, ...], like: Any) -> Any:
    """float32 zeros that differ between the devices of a `shard_map` as `like` does."""
    return varying(jnp.zeros(shape, jnp.float32), like)


def varying(array: Any, *like: Any) -> Any:
    """The same array, which differs between the devices of a `shard_map` as others do.

    What is equal on all devices has its gradients added up by JAX.
    """
    if not jax.sharding.get_abstract_mesh().manual_axes:
        return array
    some = sum(jnp.sum(x.reshape(-1)[:1]).astype(array.dtype) for x in like)
    return jnp.where(False, jax.lax.stop_gradient(some), array)


def grown(running: Mapping[str, Any], seen: Seen) -> dict[str, Any]:
    """Running peaks and totals with one more block, each total over its peak's exp."""

    def more(side):
        (peak, total), z = running[side], seen.logits[side]
        higher = jnp.maximum(peak, jnp.max(z, axis=-1))
        added = jnp.sum(jnp.exp(z - higher[:, None]), axis=-1)
        return higher, total * jnp.exp(peak - higher) + added

    return {side: more(side) for side in running}


def whole_scale(plan: Plan, running: Mapping[str, Any]) -> dict[str, Scale]:
    """The log-sum-exps of all words, those of other devices among them."""
    found = {}
    for side, (peak, total) in running.items():
        if plan.words is not None:
            highest = jax.lax.pmax(peak, plan.words)
            total = jax.lax.psum(total * jnp.exp(peak - highest), plan.words)
            peak = highest
        found[side] = Scale(peak, jnp.log(total))
    return found


def sums(
    plan: Plan, seen: Seen, scales: Mapping[str, Scale], given: Given, sides: Any
) -> dict[str, Any]:
    """The sum of the summands over a block, and of their slopes in each side's logs."""
    logs = _logs(seen, scales)
    if plan.row.some:
        found = some.sums(seen.target, plan.row, logs["student"])
        return found | {"slopes": {s: found["slopes"][s] for s in sides}}
    values = jnp.sum(_terms(plan, seen, logs, given), axis=-1)
    slopes = {s: jnp.sum(_slope(plan, seen, logs, given, s), axis=-1) for s in sides}
    return {"values": values, "slopes": slopes}


def everywhere(plan: Plan, found: Any) -> Any:
    """Sums over a device's words, added up over the devices."""
    return found if plan.words is None else jax.lax.psum(found, plan.words)


def logit_gradient(
    plan: Plan,
    seen: Seen,
    scales: Mapping[str, Scale],
    slopes: Mapping[str, Any],
    given: Given,
    side: str,
) -> Any:
    r"""The gradient of each token's value at a side's products of states and head.

    .. math:: \partial L / \partial z_c = T (u_c - q_c \sum_k u_k), \quad
        u_c = \partial f_c / \partial \log q_c
    """
    logs, total = _logs(seen, scales), slopes[side]
    if plan.row.some:
        found = some.logit_gradient(seen.target, logs[side], total, logs.get(OTHERS))
    else:
        slope = _slope(plan, seen, logs, given, side)
        found = slope - jnp.exp(logs[side]) * total[:, None]
    found *= given.numbers.get("temperature", 1.0)
    cap = plan.caps.get(side)
    return found if cap is None else found * (1 - (seen.capped[side] / cap) ** 2)


def _logs(seen: Seen, scales: Mapping[str, Scale]) -> dict[str, Any]:
    """Log-probabilities by side."""
    return {
        side: z - scales[side].peak[:, None] - scales[side].log_total[:, None]
        for side, z in seen.logits.items()
    }


def _terms(plan: Plan, seen: Seen, logs: Mapping[str, Any], given: Given) -> Any:
    numbers = {k: v for k, v in given.numbers.items() if k != "temperature"}
    target = logs["teacher"] if seen.target is None else seen.target
    return _there(seen.real, plan.row.terms(target, logs["student"], **numbers), 0.0)


def _slope(
    plan: Plan, seen: Seen, logs: Mapping[str, Any], given: Given, side: str
) -> Any:
    """The derivative of each summand in a side's log-probability."""

    def terms(own):
        return _terms(plan, seen, {**logs, side: own}, given)

    return jax.jvp(terms, (logs[side],), (jnp.ones_like(logs[side]),))[1]


def _there(real: Any, values: Any, otherwise: float) -> Any:
    return values if real is None else jnp.where(real[None], values, otherwise)
