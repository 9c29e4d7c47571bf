"""How likely a network finds that a text goes on in a certain way."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jdistill import kinds, programs, views
from jdistill.language._sizes import refuse_outside
from jdistill.losses import cross_entropy
from jdistill.metrics import by_chunks
from jdistill.typing import Frozen, Metric, Model, Tokenizer

_SHORTEST = 16


class Likelihoods(NamedTuple):
    """Of each pair of a prompt and a continuation.

    * `log_prob`: the sum over the continuation's tokens, in nats; float64 `[pairs]`.
    * `tokens`: how many these are; `[pairs]`.
    * `cut`: whether the prompt has lost its beginning to fit; `[pairs]`.
    """

    log_prob: np.ndarray
    tokens: np.ndarray
    cut: np.ndarray


class _Row(NamedTuple):
    inputs: np.ndarray
    label: np.ndarray
    first: int
    cut: bool


def log_likelihoods(
    model: Model,
    frozen: Frozen,
    tokenizer: Tokenizer,
    pairs: Sequence[tuple[str, str]],
    *,
    steps: int = 1024,
    batch_size: int = 8,
    tokens: int = 1024,
    vocab: int | None = None,
    control: bool = False,
) -> Likelihoods:
    r"""The log-probability of continuations of prompts.

    .. math:: \sum_{i > n} \log q(x_i | x_1 \ldots x_{i-1})

    Prompt and continuation are cut into tokens together; those that the prompt alone
    does not have are the continuation's. Spaces at the end of a prompt belong to the
    continuation, as its first token has them.

    Args:
        model: a network of tokens.
        frozen: its variables.
        tokenizer: its tokenizer; each text begins with 'bos' where that says so.
        pairs: prompt and continuation. Without a prompt the text stands behind 'bos',
            or behind 'eos' where there is no 'bos'.
        steps: the longest text that the network reads; a longer one loses the
            beginning of its prompt.
        batch_size: texts at a time; they are sorted by length.
        tokens: whose logits are held at a time, where the network offers a head.
        vocab: the number of ids that are real, by default the model's `words`.
        control: whether the name of a control token in a text is that token.

    Returns:
        The sums, how many tokens they are over, and what was cut.

    Raises:
        ValueError: there are no pairs, the model does not know an id, a continuation is
            empty or longer than `steps`, or a text without a prompt has nothing to
            stand behind.

    References:
        Gao et al., A framework for few-shot language model evaluation, 2021
        (https://doi.org/10.5281/zenodo.5371628).

    Example:
        >>> from jdistill import tokenizers
        >>> from jdistill.typing import Outputs
        >>> letters = tokenizers.from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': [],
        ...     'tokenizer.ggml.tokens': ['a', 'b']})
        >>> even = Model(None, lambda p, s, batch, **_: (
        ...     Outputs(jnp.zeros((*batch['inputs'].shape, 2))), s))
        >>> found = log_likelihoods(even, Frozen({}), letters, [('ab', 'ba')])
        >>> found.log_prob.round(3), found.tokens
        (array([-1.386]), array([2]))
    """
    kinds.model(model=model)
    kinds.variables(frozen=frozen)
    kinds.instance(Tokenizer, "a Tokenizer", {"tokenizer": tokenizer})
    if not pairs:
        raise ValueError("there are no texts")
    if batch_size < 1 or steps < 1:
        raise ValueError(f"{batch_size=} and {steps=} must be positive")
    encode = functools.partial(tokenizer.encode, control=control)
    rows = [_row(tokenizer, encode, *x, steps) for x in enumerate(pairs)]
    refuse_outside(model, frozen, ({"inputs": row.inputs} for row in rows))
    refuse_outside(model, frozen, ({"label": row.label} for row in rows))
    metric = by_chunks(_by_row(batch_size), tokens=tokens, vocab=vocab)
    sums = _sums(model.apply, model.head, (model.cap, model.words), metric)
    log_prob = np.zeros(len(rows))
    for numbers, batch in _batches(rows, batch_size, steps):
        log_prob[numbers] = np.asarray(sums(frozen, batch))[: len(numbers)]
    return Likelihoods(
        log_prob,
        np.array([len(row.label) - row.first for row in rows]),
        np.array([row.cut for row in rows]),
    )


def _row(
    tokenizer: Tokenizer,
    encode: Callable[[str], np.ndarray],
    number: int,
    pair: tuple[str, str],
    steps: int,
) -> _Row:
    prompt, more = pair
    bare = prompt.rstrip(" ")
    more = prompt[len(bare) :] + more
    whole = encode(bare + more)
    known = len(encode(bare)) if bare else 0
    if known >= len(whole):
        raise ValueError(f"text {number}: the continuation {pair[1]!r} has no token")
    before = _before(tokenizer, known, number)
    room = steps - len(before)
    if len(whole) - known > room:
        raise ValueError(
            f"text {number}: the continuation has {len(whole) - known} tokens, and "
            f"{steps} steps have room for {room}"
        )
    # the last token is only a label
    cut = max(0, len(whole) - 1 - room)
    ids = np.concatenate([before, whole[cut:]]).astype(np.int32)
    return _Row(ids[:-1], ids[1:], known - cut + len(before) - 1, cut > 0)


def _before(tokenizer: Tokenizer, known: int, number: int) -> list[int]:
    special = tokenizer.special
    if tokenizer.begins:
        return [special["bos"]]
    if known:
        return []
    for name in ("bos", "eos"):
        if name in special:
            return [special[name]]
    raise ValueError(
        f"text {number} has no prompt, and the tokenizer no 'bos' or 'eos' to stand "
        "before it"
    )


def _batches(
    rows: Sequence[_Row], batch_size: int, steps: int
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Rows of like length together, padded to few lengths, so that few programs do."""
    lengths = [len(row.label) for row in rows]
    order = np.argsort([-length for length in lengths], kind="stable")
    for start in range(0, len(rows), batch_size):
        numbers = order[start : start + batch_size]
        width = _SHORTEST
        while width < lengths[numbers[0]]:
            width *= 2
        width = max(min(width, steps), lengths[numbers[0]])
        yield numbers, _padded([rows[i] for i in numbers], batch_size, width)


def _padded(rows: Sequence[_Row], size: int, width: int) -> dict[str, np.ndarray]:
    shape = (size, width)
    batch: dict[str, Any] = {
        name: np.zeros(shape, np.int32) for name in ("inputs", "label")
    }
    batch["token_mask"], batch["label_mask"] = np.zeros((2, *shape), np.float32)
    batch["row"] = np.broadcast_to(np.arange(size, dtype=np.int32)[:, None], shape)
    for i, row in enumerate(rows):
        length = len(row.label)
        batch["inputs"][i, :length] = row.inputs
        batch["label"][i, :length] = row.label
        batch["token_mask"][i, :length] = 1
        batch["label_mask"][i, row.first : length] = 1
    # a network of tokens reads one real token at least
    batch["token_mask"][len(rows) :, 0] = 1
    return batch


@functools.lru_cache(maxsize=8)
def _by_row(size: int) -> Metric:
    def sums(seen, batch):
        weights = batch["mask"] * batch["label_mask"]
        surprise = cross_entropy(views.logits_of(seen), batch["label"])
        counted = jnp.where(weights == 0, 0.0, -surprise)
        return jnp.zeros(size).at[batch["row"]].add(counted)

    return Metric(sums, lambda sums: sums)


@programs.kept
def _sums(apply: Any, head: Any, known: tuple[Any, Any], metric: Metric):
    cap, words = known
    model = Model(lambda *_: ({}, {}), apply, head, cap=cap, words=words)

    def sums(frozen, batch):
        networks = {views.STUDENT: (model, frozen)}
        batch = views.join(batch, networks, None)
        return metric.sums(views.views_of(networks, batch["outputs"]), batch)

    return jax.jit(sums)
