"""What a transformer's attention holds: its scores, its distributions, its relations.

A token that `token_mask` calls padding is neither a query nor a key here, so a batch
gives what each sequence gives alone. Attention runs both ways; a student that looks
back only has fewer keys than these functions read.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.checks import whole
from jdistill.losses._checks import of_tokens, same_shape, several
from jdistill.losses._logits import terms_over
from jdistill.losses._rows import products

HIDDEN = -1e30
"""The score of a key at padding."""

QueryAndKey = tuple[
    Float[Array, "batch steps _heads _dim"], Float[Array, "batch steps _heads _dim"]
]


def attention_scores(
    student: QueryAndKey,
    teacher: QueryAndKey,
    *,
    token_mask: Float[Array, "batch steps"] | None = None,
) -> Float[Array, " batch"]:
    r"""TinyBERT's attention loss: squared differences of scores before the softmax.

    .. math:: L = \frac{1}{heads \, n^2} \sum_{h,i,j} (a^s_{hij} - a^t_{hij})^2, \quad
        a_{hij} = \frac{\langle query_{ih}, key_{jh} \rangle}{\sqrt{dim}}

    over the n real tokens i and j. Both need the same number of heads, and `dim` may
    differ. Where the heads differ, reshape both sides' `[batch, steps, heads, dim]` to
    one number of heads that divides both widths, or take `minilm`, which does so.

    Args:
        student: (query, key), each `[batch, steps, heads, dim]`.
        teacher: the same of the teacher, its own `dim`.
        token_mask: 1 for real tokens, 0 for padding.

    Returns:
        float32, one value for each example; 0 where all tokens are padding.

    Raises:
        ValueError: examples, steps or heads differ, or steps of the mask, or a side is
            one array.

    References:
        Jiao et al., TinyBERT: distilling BERT for natural language understanding,
        Findings of EMNLP 2020 (arXiv:1909.10351).

    Example:
        >>> ones = jnp.ones((1, 3, 2, 4))
        >>> attention_scores((ones, ones), (ones, 2 * ones))
        Array([4.], dtype=float32)
    """
    _same_heads(student, teacher)
    gap = _scores(*student, token_mask) - _scores(*teacher, token_mask)
    real, count = _tokens(token_mask, gap)
    pairs = real[:, None, :, None] * real[:, None, None, :]
    return jnp.sum(pairs * jnp.square(gap), axis=(1, 2, 3)) / (gap.shape[1] * count**2)


def attention_kl(
    student: QueryAndKey,
    teacher: QueryAndKey,
    *,
    token_mask: Float[Array, "batch steps"] | None = None,
) -> Float[Array, " batch"]:
    r"""MiniLM's attention transfer: divergence of the distributions over keys.

    .. math:: L_{AT} = \frac{1}{heads \, n} \sum_{h,i} \sum_j p_{hij}
        (\log p_{hij} - \log q_{hij}), \quad
        p_{hi} = softmax_j(\langle query_{ih}, key_{jh} \rangle / \sqrt{dim})

    over the n real tokens i and j, p of the teacher and q of the student. The paper's
    other half, the value relation, is
    `minilm((value_s,), (value_t,), relation_heads=heads)`.

    Args:
        student: (query, key), each `[batch, steps, heads, dim]`.
        teacher: the same of the teacher, its own `dim`.
        token_mask: 1 for real tokens, 0 for padding.

    Returns:
        float32, in nats, one value for each example; 0 where all tokens are padding.

    Raises:
        ValueError: examples, steps or heads differ, or steps of the mask, or a side is
            one array.

    References:
        Wang et al., MiniLM: deep self-attention distillation for task-agnostic
        compression of pre-trained transformers, NeurIPS 2020 (arXiv:2002.10957).

    Example:
        >>> key = jnp.log(jnp.array([3.0, 1.0])).reshape(1, 2, 1, 1)
        >>> query = jnp.ones((1, 2, 1, 1))
        >>> attention_kl((0 * query, key), (query, key)).round(4)
        Array([0.1308], dtype=float32)
    """
    _same_heads(student, teacher)
    ours, theirs = (_scores(*side, token_mask) for side in (student, teacher))
    return _divergence(ours, theirs, token_mask)


def minilm(
    student: tuple[Float[Array, "batch steps ..."], ...],
    teacher: tuple[Float[Array, "batch steps ..."], ...],
    *,
    relation_heads: int,
    token_mask: Float[Array, "batch steps"] | None = None,
) -> Float[Array, " batch"]:
    r"""MiniLMv2's self-attention relations: query-query, key-key, value-value.

    .. math:: L = \sum_a \frac{1}{R \, n} \sum_{r,i} \sum_j p^a_{rij}
        (\log p^a_{rij} - \log q^a_{rij}), \quad
        p^a_{ri} = softmax_j(\langle a_{ir}, a_{jr} \rangle / \sqrt{d_r})

    for each kind of vector a, over the n real tokens i and j; p of the teacher and q of
    the student. The vectors of all attention heads are joined and split again into R
    relation heads of width :math:`d_r`, so student and teacher may differ in heads and
    width. The paper takes R = 48 for widths of 768 and 64 for 1024.

    Args:
        student: (query, key, value), or any of them, each `[batch, steps, dim]` or
            `[batch, steps, heads, head_dim]`.
        teacher: as many arrays, of any width.
        relation_heads: R, which divides both widths.
        token_mask: 1 for real tokens, 0 for padding.

    Returns:
        float32, in nats, one value for each example; 0 where all tokens are padding.

    Raises:
        ValueError: the tuples differ in length or are empty, a side is one array,
            examples or steps differ, also of the mask, or R does not divide a width.

    References:
        Wang et al., MiniLMv2: multi-head self-attention relation distillation for
        compressing pretrained transformers, Findings of ACL 2021 (arXiv:2012.15828).
        Wang et al., MiniLM: deep self-attention distillation for task-agnostic
        compression of pre-trained transformers, NeurIPS 2020 (arXiv:2002.10957).

    Example:
        >>> narrow, wide = jnp.ones((1, 3, 4)), jnp.ones((1, 3, 8))
        >>> minilm((narrow, narrow), (wide, wide), relation_heads=2)
        Array([0.], dtype=float32)
    """
    several("such as (query, key, value)", student=student, teacher=teacher)
    if len(student) != len(teacher) or not student:
        raise ValueError(
            f"student has {len(student)} arrays and teacher {len(teacher)}: they must "
            "be as many, and at least one"
        )
    total = jnp.zeros(student[0].shape[:1])
    for ours, theirs in zip(student, teacher, strict=True):
        _same_tokens(ours, theirs)
        q, p = (_split(side, relation_heads) for side in (ours, theirs))
        q, p = (_scores(side, side, token_mask) for side in (q, p))
        total += _divergence(q, p, token_mask)
    return total


def hidden_state(
    student: Float[Array, "*batch dim"], teacher: Float[Array, "*batch dim"]
) -> Float[Array, "*batch"]:
    r"""TinyBERT's hidden-state and embedding loss: mean squared error of each token.

    .. math:: L = \frac{1}{dim} \sum_d (x^s_d - x^t_d)^2

    One value for each token, so that padding is left out by the count of tokens and
    the mean over real tokens is the paper's. Widths that differ need a projection.

    Args:
        student: hidden states or embeddings x^s, `[batch, steps, dim]`.
        teacher: those of the teacher, x^t.

    Returns:
        float32, one value for each token.

    Raises:
        ValueError: shapes differ.

    References:
        Jiao et al., TinyBERT: distilling BERT for natural language understanding,
        Findings of EMNLP 2020 (arXiv:1909.10351).

    Example:
        >>> hidden_state(jnp.zeros((1, 2, 4)), jnp.ones((1, 2, 4)))
        Array([[1., 1.]], dtype=float32)
    """
    same_shape(student, teacher)
    gap = student.astype(jnp.float32) - teacher.astype(jnp.float32)
    return jnp.mean(jnp.square(gap), axis=-1)


def _same_tokens(student, teacher):
    if student.shape[:2] != teacher.shape[:2]:
        raise ValueError(
            f"student has shape {student.shape}, teacher {teacher.shape}: their first "
            "two axes, examples and steps, must be equal"
        )


def _same_heads(student, teacher):
    several("(query, key)", student=student, teacher=teacher)
    for name, (query, key) in (("student", student), ("teacher", teacher)):
        if query.shape != key.shape:
            raise ValueError(
                f"the {name}'s query has shape {query.shape}, its key {key.shape}: "
                "they must be equal"
            )
    if student[0].shape[:3] != teacher[0].shape[:3]:
        raise ValueError(
            f"student has shape {student[0].shape}, teacher {teacher[0].shape}: their "
            "first three axes, examples, steps and heads, must be equal; minilm takes "
            "different heads"
        )


def _split(vectors, heads):
    width = math.prod(vectors.shape[2:])
    whole(relation_heads=heads)
    if width % heads:
        raise ValueError(f"relation_heads={heads} does not divide the width {width}")
    return vectors.reshape(*vectors.shape[:2], heads, width // heads)


def _scores(query, key, token_mask):
    """Scaled products `[batch, heads, steps, steps]`, 0 at padding."""
    if token_mask is not None:
        of_tokens(token_mask, query)
        real = token_mask[:, :, None, None] > 0
        query, key = (jnp.where(real, side, 0.0) for side in (query, key))
    query, key = (jnp.swapaxes(side.astype(jnp.float32), 1, 2) for side in (query, key))
    return products(query, key) / math.sqrt(query.shape[-1])


def _tokens(token_mask, scores):
    """1 for each real token, and their number, at least 1."""
    batch, _, steps, _ = scores.shape
    if token_mask is None:
        token_mask = jnp.ones((batch, steps))
    real = token_mask.astype(jnp.float32)
    return real, jnp.maximum(jnp.sum(real, axis=1), 1.0)


def _divergence(student, teacher, token_mask):
    real, count = _tokens(token_mask, student)
    keys = real[:, None, None, :] > 0
    log_q, log_p = (
        jax.nn.log_softmax(jnp.where(keys, scores, HIDDEN))
        for scores in (student, teacher)
    )
    q = jnp.where(keys, jnp.exp(log_q), 0.0)
    gap = jnp.where(keys, log_q - log_p, 0.0)
    queries = jnp.sum(terms_over(log_p, q, gap), axis=(1, -1)) / student.shape[1]
    return jnp.sum(real * queries, axis=1) / count
