"""An encoder's configuration from config.json and the arrays that there are."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from jdistill.checks import one_of
from jdistill.models.formats._hf_encoders import (
    ENCODERS,
    EncoderFamily,
    bias_of,
    encoder_rows,
)
from jdistill.models.formats._hf_facts import Facts
from jdistill.models.formats._hf_families import ACTIVATIONS
from jdistill.models.formats._hf_sentence import Sentence
from jdistill.models.formats._rows import Source
from jdistill.models.transformers import EncoderConfig

_LOGITS = ("vocabulary", "classes")
_SIZES = ("vocab", "dim", "depth", "heads", "mlp_dim", "max_steps")
_ASIDE = re.compile(r"cls\.seq_relationship\..*|\w+\.pooler\..*")
"""What a file may hold that the head which is read does not use."""


def read_encoder(
    name: str,
    said: Mapping[str, Any],
    source: Source,
    *,
    head: str | None = None,
    sentence: Sentence | None = None,
) -> tuple[EncoderConfig, Source]:
    """A configuration, and the arrays that its head and its body need.

    Args:
        name: of the family.
        said: config.json.
        source: the arrays, in the family's spelling.
        head: the one that is asked for, None for the one that there is.
        sentence: how texts become vectors, where the folder says so.

    Raises:
        ValueError: a value of the wrong kind, a form of the network that is not read,
            or a head that the file does not have.
    """
    family = ENCODERS[name]
    head = _head(family, source, head, sentence)
    source = _one_matrix(family, said, source)
    config = _config(name, said, source.names, head, sentence)
    if config.depth > len(source.names):
        raise ValueError(
            f"{len(source.names)} arrays cannot make up {config.depth} layers"
        )
    return config, _needed(family, config, source)


def write_encoder(config: EncoderConfig) -> dict[str, Any]:
    """What a config.json says, in the old spelling, which all readers know.

    Args:
        config: sizes, family and head.

    Raises:
        ValueError: the family, or what config.json cannot say of it.
    """
    one_of(sorted(ENCODERS), family=config.family)
    family = ENCODERS[config.family]
    words = [w for w, ours in ACTIVATIONS.items() if ours == config.activation]
    given = dataclasses.asdict(config) | {"activation": (words or [""])[0]}
    said = {
        "architectures": [family.architectures[config.head]],
        "model_type": family.kind,
        **{key: given[field] for field, key in family.keys.items() if key},
        "tie_word_embeddings": config.tied,
    }
    if family.offset:
        said["pad_token_id"] = config.position_offset - 1
        said[family.keys["max_steps"]] = config.max_steps + config.position_offset
    if config.labels:
        said["id2label"] = {str(i): label for i, label in enumerate(config.labels)}
        said["label2id"] = {label: i for i, label in enumerate(config.labels)}
    _understood(config, said)
    return said


def _config(
    name: str,
    said: Mapping[str, Any],
    names: Mapping[str, Any],
    head: str,
    sentence: Sentence | None,
) -> EncoderConfig:
    family = ENCODERS[name]
    facts = Facts(said, family.defaults)
    for key, only in family.only.items():
        if (other := facts.get(key, only)) != only:
            raise ValueError(
                f"{key}={str(other)[:80]} is a form of {name!r} that is not read, only "
                f"{key}={only}"
            )
    keys = family.keys
    given: dict[str, Any] = {field: facts.whole(keys[field]) for field in _SIZES}
    if keys["token_types"]:
        given["token_types"] = facts.whole(keys["token_types"])
    if family.offset:
        given["position_offset"] = facts.whole("pad_token_id", least=0) + 1
        given["max_steps"] -= given["position_offset"]
    activation = facts.one_of(keys["activation"], ACTIVATIONS)
    if family.head_activation not in (None, activation) and head == "vocabulary":
        given["head_activation"] = family.head_activation
    if keys["norm_eps"]:
        given["norm_eps"] = facts.number(keys["norm_eps"])
    if head == "sentence":
        found = sentence or Sentence()
        given |= {"pooling": found.pooling, "unit": found.unit}
    return EncoderConfig(
        **{**family.fixed, **given},
        family=name,
        activation=activation,
        head=head,
        tied=head != "vocabulary" or family.matrix not in names,
        labels=_labels(family, facts, names) if head == "classes" else (),
        pooler=_pooler(family, head, names),
    )


def _head(
    family: EncoderFamily, source: Source, asked: str | None, sentence: Any
) -> str:
    """The head that is asked for, or the one that there is."""
    there = [
        head
        for head in _LOGITS
        if any(f"{name}.weight" in source.names for name in _own(family, head))
    ]
    valid = [*there, "sentence", "none"]
    if asked is not None:
        if asked not in valid:
            raise ValueError(f"the file has no head {asked!r}; it has {valid}")
        return asked
    if sentence is not None:
        return "sentence"
    if len(there) > 1:
        raise ValueError(f"the file has several heads, {there}: say which, head=")
    return there[0] if there else "none"


def _own(family: EncoderFamily, head: str) -> list[str]:
    """Their names of the parts that only a head has."""
    parts = family.heads[head]
    return [x for x in parts.values() if not x.startswith(family.prefix)]


def _pooler(family: EncoderFamily, head: str, names: Mapping[str, Any]) -> str | None:
    if head == "classes":
        return family.pooler
    theirs = family.heads["none"].get("pooler")
    there = head != "vocabulary" and f"{theirs}.weight" in names
    return family.pooler if there else None


def _labels(
    family: EncoderFamily, facts: Facts, names: Mapping[str, Any]
) -> tuple[str, ...]:
    """The names in the file, else as many as the classifier has rows."""
    said = facts.get("id2label")
    if said is None:
        weight = names.get(f"{family.heads['classes']['head']}.weight")
        shape = getattr(weight, "shape", None) or (0,)
        return tuple(f"LABEL_{i}" for i in range(shape[0]))
    order = [str(i) for i in range(len(said))] if isinstance(said, dict) else []
    if not order or set(said) != set(order):
        raise ValueError(f"id2label must name classes 0, 1, ..., got {str(said)[:80]}")
    return tuple(str(said[i]) for i in order)


def _needed(family: EncoderFamily, config: EncoderConfig, source: Source) -> Source:
    """The arrays without those of other heads, and without a second copy of a bias."""
    own = {row.name for row in encoder_rows(config)}
    others = {
        name
        for head in _LOGITS
        if head != config.head
        for stem in _own(family, head)
        for name in (f"{stem}.weight", f"{stem}.bias")
    }
    others |= {family.bias, family.matrix, bias_of(family, tied=False)}
    source = _one_bias(family, config, source)
    left = {
        name: kind
        for name, kind in source.names.items()
        if name in own or not (name in others or _ASIDE.fullmatch(name))
    }
    return source._replace(names=left)


def _one_matrix(family: EncoderFamily, said: Mapping[str, Any], source: Source):
    """Without a matrix that is the embedding once more, as some files hold it."""
    embedding = f"{family.prefix}{family.body['embed']}.weight"
    names = source.names
    if said.get("tie_word_embeddings") is False or family.matrix not in names:
        return source
    if names[family.matrix] != names.get(embedding):
        return source
    if not np.array_equal(source.get(family.matrix), source.get(embedding)):
        return source
    rest = {name: kind for name, kind in names.items() if name != family.matrix}
    return source._replace(names=rest)


def _one_bias(family: EncoderFamily, config: EncoderConfig, source: Source) -> Source:
    """The bias of a vocabulary by the name in the table, whichever the file has.

    Raises:
        ValueError: there are two that differ, of one matrix.
    """
    wanted, other = (
        bias_of(family, tied=tied) for tied in (config.tied, not config.tied)
    )
    names = source.names
    if config.head != "vocabulary" or other not in names or wanted == other:
        return source
    if wanted not in names:
        given = {**names, wanted: names[other]}
        return Source(given, lambda name: source.get(other if name == wanted else name))
    if config.tied and not np.array_equal(source.get(wanted), source.get(other)):
        raise ValueError(f"{wanted!r} and {other!r} are one array, and differ")
    return source


def _understood(config: EncoderConfig, said: Mapping[str, Any]) -> None:
    """Refuses what would be read as another network."""
    names = {row.name: None for row in encoder_rows(config)}
    sentence = Sentence(config.pooling, config.unit)
    again = _config(config.family, said, names, config.head, sentence).as_dict()
    lost = {k: v for k, v in config.as_dict().items() if again[k] != v}
    if lost:
        raise ValueError(f"config.json of {config.family!r} cannot say {lost}")
