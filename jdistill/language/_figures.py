"""The figures of a language model on windows of text, with how they were taken."""

import functools
from typing import Any

import jax.numpy as jnp

from jdistill import data, kinds, metrics
from jdistill.evaluate import Network, evaluate
from jdistill.language._sizes import within
from jdistill.typing import Frozen, Metric, Model

_OWN = {
    "nll": metrics.nll(),
    "perplexity": metrics.perplexity(),
    "bits_per_byte": metrics.bits_per_byte(),
    "accuracy": metrics.accuracy(),
    "ece": metrics.ece(),
}
_BESIDE_TEACHER = {
    "kl": metrics.kl_to_teacher(labeled=True),
    "agreement": metrics.agreement(labeled=True),
    "acceptance": metrics.acceptance(labeled=True),
}


def figures(
    model: Model,
    frozen: Frozen,
    windows: data.Windows,
    *,
    teacher: Network | None = None,
    batch_size: int = 8,
    tokens: int = 1024,
    vocab: int | None = None,
) -> dict[str, Any]:
    """The figures of a model on windows of text, as one row.

    All are means over the targets of the windows, each counted once.

    Args:
        model: a network of tokens.
        frozen: its variables.
        windows: what `data.windows` or `data.packed` gave.
        teacher: a network and its variables that the model is compared with.
        batch_size: rows at a time.
        tokens: whose logits are held at a time, where the networks offer a head.
        vocab: the number of ids that are real, by default the `words` of each model.

    Returns:
        `nll`, `perplexity`, `bits_per_byte`, `accuracy` and `ece`; beside a teacher
        `kl`, `agreement` and `acceptance`; and the windows' `protocol`.

    Raises:
        ValueError: the windows have ids that the model does not know, which are
            counted, or more positions than it; or as `evaluate`.

    References:
        Biderman et al., Lessons from the trenches on reproducible evaluation of
        language models, 2024 (arXiv:2405.14782).

    Example:
        >>> from jdistill import tokenizers
        >>> from jdistill.typing import Outputs
        >>> letters = tokenizers.from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': [],
        ...     'tokenizer.ggml.tokens': ['a', 'b']})
        >>> even = Model(None, lambda p, s, batch, **_: (
        ...     Outputs(jnp.zeros((*batch['inputs'].shape, 2))), s))
        >>> windows = data.windows(data.tokenize(['abba'], letters), steps=2)
        >>> row = figures(even, Frozen({}), windows)
        >>> row['bits_per_byte'], row['context']
        (1.0, 2)
    """
    kinds.instance(data.Windows, "what data.windows gave", {"windows": windows})
    wanted = _OWN | (_BESIDE_TEACHER if teacher is not None else {})
    together = metrics.by_chunks(
        _together(tuple(wanted.values())), tokens=tokens, vocab=vocab
    )
    batches = data.eval_batches(windows.split, batch_size=batch_size)
    batches = within(model, frozen, batches)
    found = evaluate(
        model, frozen, batches, metrics={"figures": together}, teacher=teacher
    )["figures"]
    row = dict(zip(wanted, (float(x) for x in found), strict=True))
    return {**row, **windows.protocol}


@functools.lru_cache(maxsize=8)
def _together(several: tuple[Metric, ...]) -> Metric:
    """Figures that share the logits of a chunk."""

    def sums(views, batch):
        return tuple(metric.sums(views, batch) for metric in several)

    def finish(sums):
        made = [m.finish(s) for m, s in zip(several, sums, strict=True)]
        return jnp.stack([jnp.asarray(x, jnp.float32) for x in made])

    return Metric(sums, finish)
