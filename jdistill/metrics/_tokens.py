"""Figures of language models: bits per byte, acceptance, and all others by chunks."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp

from jdistill.counting import keep, ratio, weights_of
from jdistill.losses import cross_entropy
from jdistill.metrics._labelled import labelled
from jdistill.typing import Batch, Metric, Outputs, View
from jdistill.views import TEACHER, logits_of


@functools.cache
def bits_per_byte() -> Metric:
    r"""The bits that a byte of text costs, whatever the vocabulary.

    .. math:: \frac{-\sum_i \log_2 q_{i y_i}}{\sum_i b_i}

    :math:`b_i` is `token_bytes`, the bytes of text that label i stands for. Unlike the
    perplexity of tokens it compares models of different vocabularies.

    Returns:
        A metric, 0 or more.

    Raises:
        ValueError: when the sums are taken of batches without `token_bytes`.

    References:
        Gao et al., The Pile: an 800GB dataset of diverse text for language modeling,
        2020 (arXiv:2101.00027).

    Example:
        >>> metric, logits = bits_per_byte(), jnp.zeros((1, 1, 4))
        >>> batch = {"label": jnp.array([[1]]), "token_bytes": jnp.array([[4.0]])}
        >>> sums = metric.sums({"student": View(Outputs(logits))}, batch)
        >>> float(metric.finish(sums))
        0.5
    """

    def sums(views, batch):
        if "token_bytes" not in batch:
            raise ValueError(
                f"no 'token_bytes' in the batch; there are {sorted(batch)}"
            )
        logits, labels, weights = labelled(views, batch)
        sizes = keep(batch["token_bytes"], weights).astype(jnp.float32)
        surprise = jnp.where(weights == 0, 0.0, cross_entropy(logits, labels))
        return jnp.sum(surprise * weights) / math.log(2), jnp.sum(sizes * weights)

    return Metric(sums, ratio)


@functools.cache
def acceptance(*, labeled: bool = False) -> Metric:
    r"""How often a teacher would accept what the student drafts for it.

    .. math:: \frac{1}{n} \sum_i \sum_c \min(p_{ic}, q_{ic})

    It is one less the total variation. With it, speculative decoding with drafts of
    :math:`\gamma` tokens yields :math:`(1 - \alpha^{\gamma + 1}) / (1 - \alpha)` tokens
    for each pass of the teacher.

    Args:
        labeled: whether only what has a label counts.

    Returns:
        A metric, 0 to 1; 1 where both agree.

    References:
        Leviathan et al., Fast inference from transformers via speculative decoding,
        ICML 2023 (arXiv:2211.17192); Zhou et al., DistillSpec: improving speculative
        decoding via knowledge distillation, ICLR 2024 (arXiv:2310.08461).

    Example:
        >>> metric = acceptance()
        >>> views = {"student": View(Outputs(jnp.log(jnp.array([[0.5, 0.5]])))),
        ...          "teacher": View(Outputs(jnp.log(jnp.array([[0.9, 0.1]]))))}
        >>> round(float(metric.finish(metric.sums(views, {"id": jnp.array([7])}))), 4)
        0.6
    """

    def sums(views, batch):
        weights = weights_of(batch, labeled=labeled)
        p, q = (
            jax.nn.softmax(keep(logits_of(views, *name), weights).astype(jnp.float32))
            for name in ((TEACHER,), ())
        )
        both = jnp.sum(jnp.minimum(p, q), axis=-1)
        return jnp.sum(both * weights), jnp.sum(weights)

    return Metric(sums, ratio)


@functools.cache
def by_chunks(
    metric: Metric,
    *,
    tokens: int = 1024,
    vocab: int | None = None,
) -> Metric:
    r"""A metric of tokens that never holds `[batch, steps, vocab]`.

    .. math:: z = c \tanh(hW / c)

    Logits are made from the hidden states h and the head W of each network, for some
    tokens at a time, and the metric's sums are added; c is the network's own, where it
    has one. A network that offers no head gives its logits themselves.

    Args:
        metric: of one value for each token, such as `perplexity()`.
        tokens: how many tokens at a time.
        vocab: the number of ids that are real, where heads are padded past them; by
            default what each network says (`Model.words`).

    Returns:
        A metric with the same figure.

    Raises:
        ValueError: a number is not positive.

    References:
        Wijmans et al., Cut your losses in large-vocabulary language models, ICLR 2025
        (arXiv:2411.09009).

    Example:
        >>> from jdistill.metrics import perplexity
        >>> hidden, batch = jnp.zeros((2, 3, 5)), {"label": jnp.zeros((2, 3), int)}
        >>> views = {"student": View(Outputs(hidden=hidden), head=jnp.ones((5, 7)))}
        >>> metric = by_chunks(perplexity(), tokens=4)
        >>> round(float(metric.finish(metric.sums(views, batch))), 4)
        7.0
    """
    if tokens < 1 or (vocab is not None and vocab < 1):
        raise ValueError(f"tokens and vocab must be positive, got {tokens}, {vocab}")

    def sums(views, batch):
        flat = _flat(batch)
        count = len(flat["mask"])
        chunks = -(-count // tokens)

        def split(x):
            x = jnp.pad(x, [(0, chunks * tokens - count)] + [(0, 0)] * (x.ndim - 1))
            return x.reshape(chunks, tokens, *x.shape[1:])

        made = {name: _rows(view) for name, view in views.items()}
        rows = {name: x.reshape(-1, x.shape[-1]) for name, (x, _) in made.items()}
        heads = {name: head for name, (_, head) in made.items()}

        def of_chunk(chunk):
            rows, part = chunk
            logits = {
                name: _logits(
                    x, heads[name], vocab or views[name].words, views[name].cap
                )
                for name, x in rows.items()
            }
            seen = {name: View(Outputs(x)) for name, x in logits.items()}
            return metric.sums(seen, part)

        pieces = jax.tree.map(split, (rows, flat))
        return jax.tree.map(lambda x: jnp.sum(x, axis=0), jax.lax.map(of_chunk, pieces))

    return Metric(sums, metric.finish)


def _flat(batch: Batch) -> dict[str, Any]:
    """Tokens as examples: their labels, what counts, and what else each has."""
    weights = weights_of(batch, per="token")
    of_tokens = {
        name: jnp.asarray(x).reshape(-1)
        for name, x in batch.items()
        if name != "outputs" and jnp.shape(x) == weights.shape
    }
    if "label_mask" in batch and "label_mask" not in of_tokens:  # of whole examples
        mask = jnp.asarray(batch["label_mask"])[:, None]
        of_tokens["label_mask"] = jnp.broadcast_to(mask, weights.shape).reshape(-1)
    of_tokens.pop("token_mask", None)
    return {**of_tokens, "mask": weights.reshape(-1)}


def _rows(view: View) -> tuple[Any, Any]:
    """Hidden states with the head, or logits with none."""
    outputs = view.outputs
    if outputs.hidden is not None and view.head is not None:
        return outputs.hidden, view.head
    return logits_of({"student": view}), None


def _logits(rows: Any, head: Any, vocab: int | None, cap: float | None) -> Any:
    if head is None:
        return rows[..., :vocab]
    head = head[:, :vocab]
    made = jnp.matmul(rows, head, preferred_element_type=jnp.float32)
    return made if cap is None else cap * jnp.tanh(made / cap)
