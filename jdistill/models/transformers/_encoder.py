"""An encoder of texts that looks both ways, its families data, as one scan."""

from collections.abc import Mapping, Sequence
from typing import Any

from jdistill.checks import one_of
from jdistill.models._described import described
from jdistill.models._sizes import float_type
from jdistill.models.transformers._attention import seen
from jdistill.models.transformers._batch import fits, ids_of
from jdistill.models.transformers._encoder_block import block, embed
from jdistill.models.transformers._encoder_config import EncoderConfig
from jdistill.models.transformers._encoder_head import (
    head,
    hidden_of,
    logits_of,
    pooled,
    sentence,
    transformed,
)
from jdistill.models.transformers._encoder_start import start
from jdistill.models.transformers._stack import (
    REMAT,
    from_fields,
    names_of,
    through,
)
from jdistill.typing import Array, Batch, Model, Outputs, Tree

PARTS = ("layer", "query", "key", "value")
"""Of each layer: what it gives, and what its attention reads."""


@described
def encoder(
    config: EncoderConfig | Mapping[str, Any],
    *,
    dtype: str = "float32",
    remat: str = "none",
    taps: str | Sequence[str] = (),
) -> Model:
    r"""A bidirectional transformer: BERT, DistilBERT, RoBERTa, MiniLM by `config`.

    .. math:: y = norm(x + attention(x)), \quad x' = norm(y + network(y))

    All layers are stacked along the first axis of their parameters and run in one
    scan. The batch holds `inputs`, ids `[batch, steps]` with those that begin and end
    a text, and may hold `token_mask` (0 = padding), `token_type` (0 for a first text,
    1 for a second), `segment` (texts packed into a row see only themselves) and
    `position`.

    The head of the configuration says what comes out: logits of a vocabulary
    `[batch, steps, vocab]`, of classes `[batch, classes]`, or none. `hidden` is what
    the head's matrix reads, with a 1 behind it, so that `head(params)` holds the bias
    as its last row; the vectors of sentences `[batch, dim]`; or, without a head, those
    of the tokens.

    Args:
        config: sizes, family and head, or the fields of an `EncoderConfig` by name.
        dtype: type it computes in; statistics of norms, softmax and logits are in
            float32 at least.
        remat: what the backward pass computes again: 'none', 'full' (each layer, from
            its input) or 'dots' (all but the products with weights).
        taps: 'embed', what the first layer reads; 'layer_0', 'layer_1', ..., what each
            gives, and 'layers', all of them, `[depth, batch, steps, dim]`; 'query_0',
            'key_0', 'value_0', ..., `[batch, steps, heads, dim / heads]`; 'pooled', the
            vector of each text.

    Returns:
        A model, with `head` where there are logits. An id outside the vocabulary makes
        its row NaN.

    Raises:
        ValueError: a word or a number out of range; in use, rows longer than
            `config.max_steps`, or texts packed into rows for a head of whole texts.

    References:
        Devlin et al., BERT, arXiv:1810.04805; Sanh et al., DistilBERT,
        arXiv:1910.01108; Liu et al., RoBERTa, arXiv:1907.11692; Reimers and Gurevych,
        Sentence-BERT, arXiv:1908.10084; Wang et al., MiniLM, arXiv:2002.10957.

    Example:
        >>> import jax
        >>> config = EncoderConfig(vocab=50, dim=16, depth=2, heads=4, mlp_dim=32,
        ...                        max_steps=64, head='classes', labels=('no', 'yes'))
        >>> model = encoder(config)
        >>> batch = {'inputs': jax.numpy.array([[2, 9, 3]])}
        >>> params, state = model.init(jax.random.key(0), batch)
        >>> model.apply(params, state, batch)[0].logits.shape
        (1, 2)
    """
    config = from_fields(EncoderConfig, config)
    compute = float_type(dtype)
    one_of(tuple(REMAT), remat=remat)
    taps = names_of(taps, _taps(config), "this encoder")
    wanted = {part for part in PARTS if any(name.startswith(part) for name in taps)}

    def init(key, batch: Batch) -> tuple[Tree, Tree]:
        del batch
        return start(key, config), {}

    def apply(params, state, batch, /, *, train=False, key=None):
        del train, key
        ids = ids_of(batch, "an encoder")
        _check(config, batch, taps)
        segment, mask = batch.get("segment"), batch.get("token_mask")
        visible = seen(segment, segment, mask)

        def layer(x, own):
            x, parts = block(config, own, x, visible)
            return x, {name: parts[name] for name in wanted}

        first = embed(config, params, ids, batch, compute)
        x, each = through(layer, first, params["layers"], remat=remat)
        features = _features(each, taps)
        if "embed" in taps:
            features["embed"] = first
        if "pooled" in taps:
            features["pooled"] = pooled(config, params, x, mask)
        return _outputs(config, params, x, mask)._replace(features=features), state

    name = f"encoder of {config.depth} layers, {config.dim} wide"
    made = Model(init, apply, name=name)
    if not config.logits:
        return made
    words = config.words if config.head == "vocabulary" else None
    return made._replace(head=lambda params: head(config, params), words=words)


def _outputs(config: EncoderConfig, params: Tree, x: Array, mask: Any) -> Outputs:
    """Logits and hidden states, as the head says."""
    if config.head == "none":
        return Outputs(hidden=x)
    if config.head == "vocabulary":
        y = transformed(config, params, x)
    else:
        y = pooled(config, params, x, mask)
    if config.head == "sentence":
        return Outputs(hidden=sentence(config, y))
    return Outputs(logits_of(config, params, y), hidden=hidden_of(y))


def _taps(config: EncoderConfig) -> tuple[str, ...]:
    each = (f"{part}_{i}" for part in PARTS for i in range(config.depth))
    return ("embed", "layers", "pooled", *each)


def _features(each: Mapping[str, Array], taps: Sequence[str]) -> dict[str, Array]:
    """Parts of layers by the names of taps."""
    found = {"layers": each["layer"]} if "layers" in taps else {}
    for name in taps:
        part, _, index = name.partition("_")
        if part in PARTS:
            found[name] = each[part][int(index)]
    return found


def _check(config: EncoderConfig, batch: Batch, taps: Sequence[str]) -> None:
    fits(batch, config.max_steps)
    whole = "pooled" in taps or config.head in ("classes", "sentence")
    if whole and batch.get("segment") is not None:
        raise ValueError(
            "texts packed into a row (segment) have no vector each: give one text a "
            f"row to an encoder with head={config.head!r}"
        )
