"""Encoder-decoders of T5's family: config.json, names, and what stands twice."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from jdistill.checks import one_of
from jdistill.models.formats._changes import transpose
from jdistill.models.formats._hf_facts import Facts
from jdistill.models.formats._rows import Row, Source
from jdistill.models.transformers import EncoderDecoderConfig

_SHARED, _HEAD = "shared.weight", "lm_head.weight"
_COPIES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
_UNUSED = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
"""What old files hold and no network reads."""

_KEYS = {
    "vocab": ("vocab_size", 32128),
    "dim": ("d_model", 512),
    "depth": ("num_layers", 6),
    "heads": ("num_heads", 8),
    "head_dim": ("d_kv", 64),
    "mlp_dim": ("d_ff", 2048),
    "buckets": ("relative_attention_num_buckets", 32),
    "max_distance": ("relative_attention_max_distance", 128),
}
"""Sizes by their keys, with what is meant where a file says nothing."""

_WORDS = {
    "relu": (False, "relu"),
    "gelu": (False, "gelu"),
    "gelu_new": (False, "gelu_tanh"),
    "gelu_pytorch_tanh": (False, "gelu_tanh"),
    "silu": (False, "silu"),
    "swish": (False, "silu"),
    "gated-gelu": (True, "gelu_tanh"),  # by this word the exact one is not meant
    "gated-gelu_new": (True, "gelu_tanh"),
    "gated-gelu_pytorch_tanh": (True, "gelu_tanh"),
    "gated-silu": (True, "silu"),
    "gated-swish": (True, "silu"),
    "gated-relu": (True, "relu"),
}
"""`feed_forward_proj`: whether there is a gate, and the activation; of several words
for one the first is written."""


class T5Family(NamedTuple):
    """One family: its `model_type`, and what names may begin with."""

    kind: str
    prefixes: tuple[tuple[str, str], ...] = ()


T5: Mapping[str, T5Family] = {"t5": T5Family("t5")}
"""The families by the names that a configuration has."""


def t5_rows(config: EncoderDecoderConfig) -> tuple[Row, ...]:
    """Every array of a file, by Hugging Face's names.

    Args:
        config: sizes and version.

    Example:
        >>> config = EncoderDecoderConfig(vocab=50, dim=16, depth=2, heads=4,
        ...                               head_dim=4, mlp_dim=32)
        >>> [row.name for row in t5_rows(config)][:2]
        ['shared.weight', 'encoder.final_layer_norm.weight']
    """
    head = () if config.tied else (Row(_HEAD, ("head/kernel",), (transpose,)),)
    sides = (*_side("encoder", config.gated), *_side("decoder", config.gated))
    return (Row(_SHARED, ("embed/embedding",)), *sides, *head)


def read_t5(
    name: str, said: Mapping[str, Any], source: Source, *, head: Any = None, **_: Any
) -> tuple[EncoderDecoderConfig, Source]:
    """A configuration, and the arrays without those that stand there again.

    The arrays decide whether there is a head of its own. One that is reads hidden
    states as they are, unless config.json says that they are scaled: files of
    different ages say `tie_word_embeddings` of the same network differently.

    Args:
        name: of the family.
        said: config.json.
        source: the arrays.
        head: what is asked for of encoders; nothing is here.

    Raises:
        ValueError: a value of the wrong kind, or copies of the embedding that differ.
    """
    if head is not None:
        raise ValueError(f"head={head!r} is for encoders, and {name!r} writes too")
    facts = Facts(said, {"feed_forward_proj": "relu"})
    tie = facts.flag("tie_word_embeddings", True)
    source = _once(source, tie)
    tied = _HEAD not in source.names
    gated, activation = facts.one_of("feed_forward_proj", _WORDS)
    sizes = {own: facts.whole(*key) for own, key in _KEYS.items()}
    config = EncoderDecoderConfig(
        **sizes,
        decoder_depth=facts.whole("num_decoder_layers", sizes["depth"]),
        family=name,
        tied=tied,
        scaled=facts.flag("scale_decoder_outputs", tied and tie),
        norm_eps=facts.number("layer_norm_epsilon", 1e-6),
        activation=activation,
        gated=gated,
        start=_start(facts),
    )
    if max(config.depth, config.decoder_depth or 0) > len(source.names):
        raise ValueError(
            f"{len(source.names)} arrays cannot make up {config.depth} and "
            f"{config.decoder_depth} layers"
        )
    return config, source


def write_t5(config: EncoderDecoderConfig) -> dict[str, Any]:
    """What a config.json says.

    Args:
        config: sizes and version.

    Raises:
        ValueError: the family, or an activation that config.json cannot say.
    """
    one_of(sorted(T5), family=config.family)
    network = config.gated, config.activation
    words = [word for word, meant in _WORDS.items() if meant == network]
    if not words:
        lost = {"gated": config.gated, "activation": config.activation}
        raise ValueError(f"config.json of {config.family!r} cannot say {lost}")
    return {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": T5[config.family].kind,
        "is_encoder_decoder": True,
        **{key: getattr(config, own) for own, (key, _) in _KEYS.items()},
        "num_decoder_layers": config.decoder_depth,
        "feed_forward_proj": words[0],
        "layer_norm_epsilon": config.norm_eps,
        "tie_word_embeddings": config.tied,
        "scale_decoder_outputs": config.scaled,
        "decoder_start_token_id": config.start,
    }


def _side(side: str, gated: bool) -> Iterator[Row]:
    at, ours = f"{side}.block.{{layer}}.layer", f"{side}/layers"
    yield from _norm(f"{side}.final_layer_norm", f"{side}/norm")
    first = f"{side}.block.0.layer.0.SelfAttention"
    yield Row(
        f"{first}.relative_attention_bias.weight", (f"{side}/position/embedding",)
    )
    parts = [("SelfAttention", "attention"), ("EncDecAttention", "cross")]
    for number, (theirs, name) in enumerate(parts[: 1 + (side == "decoder")]):
        yield from _norm(f"{at}.{number}.layer_norm", f"{ours}/{name}_norm")
        for part in ("query", "key", "value", "out"):
            yield _product(f"{at}.{number}.{theirs}.{part[0]}", f"{ours}/{name}/{part}")
    number = 1 + (side == "decoder")
    yield from _norm(f"{at}.{number}.layer_norm", f"{ours}/mlp_norm")
    ups = {"wi_0": "gate", "wi_1": "up"} if gated else {"wi": "up"}
    for theirs, part in (ups | {"wo": "down"}).items():
        theirs = f"{at}.{number}.DenseReluDense.{theirs}"
        yield _product(theirs, f"{ours}/mlp/{part}")


def _product(theirs: str, ours: str) -> Row:
    return Row(f"{theirs}.weight", (f"{ours}/kernel",), (transpose,))


def _norm(theirs: str, ours: str) -> Iterator[Row]:
    yield Row(f"{theirs}.weight", (f"{ours}/scale",))


def _once(source: Source, tie: bool) -> Source:
    """The arrays without the embedding's copies, by the name of the first of them."""
    names = {name: kind for name, kind in source.names.items() if name != _UNUSED}
    there = [name for name in (_SHARED, *_COPIES) if name in names]
    if not there:
        return source._replace(names=names)
    first = there[0]
    for name in there[1:]:
        if not _equal(source, first, name):
            raise ValueError(f"{first!r} and {name!r} are one array, and differ")
    if tie and _HEAD in names and _equal(source, first, _HEAD):
        there.append(_HEAD)
    kinds = {name: kind for name, kind in names.items() if name not in there}
    kinds[_SHARED] = names[first]
    return Source(kinds, lambda name: source.get(first if name == _SHARED else name))


def _equal(source: Source, first: str, second: str) -> bool:
    if source.names[first] != source.names[second]:
        return False
    return np.array_equal(source.get(first), source.get(second))


def _start(facts: Facts) -> int:
    """The id that a text begins with, that of padding where it is not said."""
    pad = facts.whole("pad_token_id", 0, least=0)
    return facts.whole("decoder_start_token_id", pad, least=0)
