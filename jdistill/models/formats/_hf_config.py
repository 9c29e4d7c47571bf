"""A decoder's configuration from config.json, in the old or the new spelling."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from jdistill.checks import one_of
from jdistill.models.formats._families import hf_rows
from jdistill.models.formats._hf_encoders import ENCODERS
from jdistill.models.formats._hf_facts import Facts
from jdistill.models.formats._hf_families import FAMILIES, Family
from jdistill.models.formats._hf_t5 import T5
from jdistill.models.transformers import DecoderConfig

_BIASES = {
    "qkv_bias": "layers/attention/query/bias",
    "out_bias": "layers/attention/out/bias",
    "mlp_bias": "layers/mlp/up/bias",
}
_HEAD = "head/kernel"
_KEYS = {
    "vocab": "vocab_size",
    "dim": "hidden_size",
    "depth": "num_hidden_layers",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "mlp_dim": "intermediate_size",
    "max_steps": "max_position_embeddings",
}
"""Sizes by the keys that most families use."""


def family_of(said: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The name of the family, and what is said of the network that reads text.

    Args:
        said: config.json; one of several networks holds `text_config`.

    Raises:
        ValueError: a family that is not known; the message lists those that are.

    Example:
        >>> family_of({'model_type': 'gpt_neox'})[0]
        'neox'
    """
    kind = said.get("model_type")
    inner = said.get("text_config")
    if isinstance(inner, dict):
        default = f"{kind}_text"
        tied = said.get("tie_word_embeddings")
        own = {} if tied is None else {"tie_word_embeddings": tied}
        kind, said = inner.get("model_type", default), {**own, **inner}
    families: Mapping[str, Any] = {**FAMILIES, **ENCODERS, **T5}
    by_kind = {family.kind: name for name, family in families.items()}
    if not isinstance(kind, str) or kind not in by_kind:
        raise ValueError(
            f"model_type {str(kind)[:80]!r} is not known; those that are read: "
            f"{', '.join(sorted(by_kind))}"
        )
    if said.get("quantization_config") is not None:
        raise ValueError("quantization_config: quantised weights are not read")
    return by_kind[kind], said


def read_config(
    name: str, said: Mapping[str, Any], names: Collection[str]
) -> DecoderConfig:
    """A configuration from what is said, and from which arrays there are.

    The arrays decide which products have a bias and whether there is a head.

    Args:
        name: of the family.
        said: config.json.
        names: those of the arrays, in the family's spelling.

    Raises:
        ValueError: a value of the wrong kind, or a form of the network that is not
            read.
    """
    family = FAMILIES[name]
    facts = Facts(said, family.defaults)
    _refuse(name, family, facts)
    sizes = _sizes(family, facts)
    if sizes["depth"] > len(names):
        raise ValueError(f"{len(names)} arrays cannot make up {sizes['depth']} layers")
    given = {
        **family.fixed,
        **sizes,
        "family": name,
        "activation": facts.one_of(family.activation, family.activations),
    }
    if family.eps:
        given["norm_eps"] = facts.number(family.eps)
    given |= family.read(facts, sizes)
    config = DecoderConfig(**given)
    return dataclasses.replace(config, **_found(config, names))


def write_config(config: DecoderConfig) -> dict[str, Any]:
    """What a config.json says, in the old spelling, which all readers know.

    Args:
        config: sizes and family.

    Raises:
        ValueError: the family, or what config.json cannot say of it.
    """
    one_of(sorted(FAMILIES), family=config.family)
    family = FAMILIES[config.family]
    biases = config.qkv_bias, config.out_bias, config.mlp_bias
    if biases not in family.biases:
        raise _unsayable(config, dict(zip(_BIASES, biases, strict=True)))
    words = [w for w, ours in family.activations.items() if ours == config.activation]
    keys = {**_KEYS, **family.keys}
    said = {
        "architectures": [family.architecture],
        "model_type": family.kind,
        **{keys[name]: getattr(config, name) for name in keys if keys[name]},
        **({family.eps: config.norm_eps} if family.eps else {}),
        family.activation: words[0],
        "tie_word_embeddings": config.tied,
        **family.biases[biases],
        **family.write(config),
    }
    _understood(config, said)
    return said


def _sizes(family: Family, facts: Facts) -> dict[str, int]:
    keys = {**_KEYS, **family.keys}
    own = ("vocab", "dim", "depth", "heads", "max_steps")
    sizes = {name: facts.whole(keys[name]) for name in own}
    defaults = {
        "kv_heads": sizes["heads"],
        "head_dim": max(sizes["dim"] // sizes["heads"], 1),
        "mlp_dim": 4 * sizes["dim"],
    }
    for name, default in defaults.items():
        key = keys[name]
        sizes[name] = facts.whole(key, default) if key else default
    return sizes


def _refuse(name: str, family: Family, facts: Facts) -> None:
    for key, only in family.only.items():
        found = facts.get(key, only)
        if found != only:
            raise ValueError(
                f"{key}={str(found)[:80]} is a form of {name!r} that is not read, only "
                f"{key}={only}"
            )


def _found(config: DecoderConfig, names: Collection[str]) -> dict[str, bool]:
    """Which biases there are and whether the head is the embedding's transpose."""
    full = dataclasses.replace(config, tied=False, **dict.fromkeys(_BIASES, True))
    by_path = {path: row.name for row in hf_rows(full) for path in row.paths}

    def there(path: str) -> bool:
        return by_path[path].replace("{layer}", "0") in names

    return {
        "tied": not there(_HEAD),
        **{field: there(path) for field, path in _BIASES.items()},
    }


def _understood(config: DecoderConfig, said: Mapping[str, Any]) -> None:
    """Refuses what would be read as another network."""
    names = {
        row.name.replace("{layer}", str(layer))
        for row in hf_rows(config)
        for layer in range(config.depth)
    }
    again = read_config(config.family, said, names).as_dict()
    lost = {k: v for k, v in config.as_dict().items() if again[k] != v}
    if lost:
        raise _unsayable(config, lost)


def _unsayable(config: DecoderConfig, lost: Mapping[str, Any]) -> ValueError:
    return ValueError(f"config.json of {config.family!r} cannot say {lost}")
