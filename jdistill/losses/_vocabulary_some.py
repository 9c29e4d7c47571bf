"""Some classes of a teacher, and its tail, in a block of the words.

A value is a sum over the classes that are named, and one summand more for the tail: of
what the student gives to all words without a name, which has a log-sum-exp of its own
and is known once all blocks are seen.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from jdistill.losses._sparse import NOWHERE
from jdistill.losses._vocabulary_rows import Row
from jdistill.typing import SparseTarget


class Named(NamedTuple):
    """The classes of each token of a chunk, in a block.

    * `column` [chunk, k]: where they are; the number of columns where they are not.
    * `log_p` [chunk, k]: never -inf. `inside` [chunk, k]: whether they are there.
    * `others` [chunk, block]: which columns have no name, whether they count or not;
      None where there is no tail.
    * `log_tail` [chunk]: None where there is none.
    """

    column: Any
    log_p: Any
    inside: Any
    others: Any
    log_tail: Any


def named(target: SparseTarget, words: Any, real: Any) -> Named:
    """The classes of a chunk's tokens in a block.

    Args:
        target: of the chunk.
        words: the ids of the block's columns, one after another.
        real: which of them count here, None for all.
    """
    size = len(words)
    column = target.ids - words[0]
    inside = (target.ids >= 0) & (column >= 0) & (column < size)
    if real is not None:
        inside &= real[jnp.clip(column, 0, size - 1)]
    column = jnp.where(inside, column, size)
    log_p = jnp.maximum(target.log_p.astype(jnp.float32), NOWHERE)
    others, tail = None, target.log_tail
    if tail is not None:
        others = jnp.ones((len(column), size), bool)
        others = others.at[_rows(column), column].set(False, mode="drop")
        tail = tail.astype(jnp.float32)
    return Named(column, log_p, inside, others, tail)


def sums(one: Named, row: Row, log_q: Any) -> dict[str, Any]:
    """Over a block: of the summands, and of their slopes.

    Args:
        one: the classes.
        row: the loss's, whose slopes in log q, at logits, are -p.
        log_q: the student's log-probabilities `[chunk, block]`.
    """
    own = log_q.at[_rows(one.column), one.column].get(mode="fill", fill_value=0.0)
    terms = row.terms if one.others is None else row.tailed or row.terms
    values = jnp.where(one.inside, terms(one.log_p, own), 0.0)
    slopes = {"student": -jnp.sum(_share(one), axis=-1)}
    return {"values": jnp.sum(values, axis=-1), "slopes": slopes}


def of_tail(row: Row, log_tail: Any, log_rest: Any) -> Any:
    """The tail's summand.

    Args:
        row: the loss's.
        log_tail: of each token.
        log_rest: of what the student gives to all words without a name; below
            `NOWHERE` where there are none.
    """
    log_tail = jnp.maximum(log_tail.astype(jnp.float32), NOWHERE)
    none = log_rest < NOWHERE
    found = (row.tailed or row.terms)(log_tail, jnp.maximum(log_rest, NOWHERE))
    return jnp.where(none & (log_tail > NOWHERE), jnp.inf, found)


def logit_gradient(one: Named, log_q: Any, slopes: Any, log_share: Any) -> Any:
    r"""The gradient of each token's value at the student's logits, over temperature.

    .. math:: q_v \sum_k p_k - p_v, \quad with a tail q_v - p_v for words with a name
        and q_v - p_r q_v / q_r for the others

    Args:
        one: the classes.
        log_q: the student's log-probabilities `[chunk, block]`.
        slopes: minus the sum of p over the classes of all words.
        log_share: `log q_v / q_r` of the others, None where there is no tail.
    """
    total, found = -slopes[:, None], 0.0
    if log_share is not None:
        tail = jnp.exp(one.log_tail)[:, None]
        total = total + tail
        found = jnp.where(one.others, -tail * jnp.exp(log_share), 0.0)
    found = found + total * jnp.exp(log_q)
    return found.at[_rows(one.column), one.column].add(-_share(one), mode="drop")


def _share(one: Named) -> Any:
    return jnp.where(one.inside, jnp.exp(one.log_p), 0.0)


def _rows(column: Any) -> Any:
    return jnp.arange(len(column))[:, None]
