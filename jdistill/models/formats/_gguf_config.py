"""A decoder's configuration from the metadata of a GGUF file, and the way back."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from jdistill.models.formats._gguf_facts import Facts
from jdistill.models.formats._gguf_families import (
    REFUSED,
    Family,
    architecture_of,
    family_of,
)
from jdistill.models.transformers import DecoderConfig

Shapes = Mapping[str, tuple[int, ...]]

_SLOW, _FAST = 1.0, 4.0
_BEFORE = (8192.0, *(2.0**n for n in range(4, 22) if n != 13))
"""Turns below which Llama 3 slows a rotation whole and above which not at all, and how
many positions there were before: a file holds what came of the three."""


def config_of(
    metadata: Mapping[str, Any], shapes: Shapes, factors: np.ndarray | None = None
) -> DecoderConfig:
    """The configuration that a file's metadata and tensors describe.

    Args:
        metadata: by key.
        shapes: of the tensors by name: they decide on biases and on the head.
        factors: what the file divides the frequencies by, None for nothing.

    Raises:
        ValueError: an architecture that is not known, a key that is missing or out of
            range, or one that changes what a network computes.
    """
    arch = metadata.get("general.architecture")
    family = family_of(arch)
    facts = Facts(metadata, str(arch))
    for key in REFUSED:
        if facts.get(key):
            raise ValueError(f"'{arch}.{key}' is not followed by any decoder here")
    depth = facts.size("block_count")
    if depth > len(shapes):
        raise ValueError(f"{len(shapes)} tensors cannot make up {depth} layers")
    if len(shapes.get("token_embd.weight", ())) != 2:
        raise ValueError("the file has no 'token_embd.weight' with two axes")
    sizes = _sizes(facts, shapes)
    config = DecoderConfig(
        **{
            **sizes,
            "depth": depth,
            "norm_eps": _eps(facts, family),
            **_biases(shapes),
            **_rotation(facts, family, depth, sizes["head_dim"]),
            **_caps(facts, family),
            "score_scale": _score_scale(family, sizes, depth),
            "embed_scale": math.sqrt(sizes["dim"]) if _is_gemma(family) else 1.0,
            "parallel": bool(facts.get("use_parallel_residual", False)),
            **family.fields,
        }
    )
    if family.interleaved and config.rotary_dim != config.head_dim:
        raise ValueError(f"heads that {arch!r} turns in part are not read here")
    return config if factors is None else _scaled(config, factors)


def metadata_of(config: DecoderConfig, shapes: Shapes) -> dict[str, Any]:
    """What a file says of a configuration, which `config_of` reads back.

    Args:
        config: of the decoder.
        shapes: of the tensors by name.

    Raises:
        ValueError: the family has no architecture of GGUF, or the file could not say
            a field; the message lists them.
    """
    arch = architecture_of(config.family)
    keys = {f"{arch}.{k}": x for k, x in _keys(config, family_of(arch)).items()}
    metadata = {"general.architecture": arch, **keys}
    read = config_of(metadata, shapes, rope_factors(config))
    _compare(config, dataclasses.replace(read, family=config.family), arch)
    return metadata


def rope_factors(config: DecoderConfig) -> np.ndarray | None:
    """What Llama 3 divides the frequencies of its rotation by, None for nothing.

    Args:
        config: of the decoder.
    """
    if config.rope_scaling is None:
        return None
    plain = dataclasses.replace(config, rope_scaling=None).frequencies()[0]
    return plain / config.frequencies()[0]


def _sizes(facts: Facts, shapes: Shapes) -> dict[str, Any]:
    dim, heads = facts.size("embedding_length"), facts.size("attention.head_count")
    head_dim = facts.size("attention.key_length", max(dim // heads, 1))
    if facts.size("attention.value_length", head_dim) != head_dim:
        raise ValueError("keys and values of different widths are not read here")
    return {
        "vocab": shapes["token_embd.weight"][0],
        "dim": dim,
        "heads": heads,
        "kv_heads": facts.size("attention.head_count_kv", heads),
        "head_dim": head_dim,
        "mlp_dim": facts.size("feed_forward_length"),
        "max_steps": facts.size("context_length"),
        "tied": "output.weight" not in shapes,
    }


def _eps(facts: Facts, family: Family) -> float:
    rms = family.fields.get("norm", "rms") == "rms"
    return facts.number(f"attention.layer_norm_{'rms_' if rms else ''}epsilon")


def _biases(shapes: Shapes) -> dict[str, bool]:
    parts = {"qkv_bias": "attn_q", "out_bias": "attn_output", "mlp_bias": "ffn_up"}
    return {field: f"blk.0.{name}.bias" in shapes for field, name in parts.items()}


def _is_gemma(family: Family) -> bool:
    return "norm_offset" in family.fields


def _rotation(facts: Facts, family: Family, depth: int, head_dim: int) -> dict:
    """What may differ from layer to layer."""
    factor, theta = _linear(facts), facts.number("rope.freq_base", 1e4)
    local = facts.number("rope.freq_base_swa", family.local_theta or theta)
    near = _near(facts, family, depth)
    bases = [local if n else theta for n in near]
    if family.still:
        bases = [t if (i + 1) % family.still else 0.0 for i, t in enumerate(bases)]
    window = facts.size("attention.sliding_window", family.window) if any(near) else 0
    scaled = [not n or family.local_theta is None for n in near]
    return {
        "rotary_dim": facts.size("rope.dimension_count", head_dim),
        "theta": tuple(bases),
        "position_factor": tuple(factor if s else 1.0 for s in scaled),
        "window": tuple(window if n else 0 for n in near),
    }


def _near(facts: Facts, family: Family, depth: int) -> list[bool]:
    """Which layers look at a window."""
    size = facts.get("attention.sliding_window", family.window)
    if family.period == 1 or not size:
        return [False] * depth
    said = facts.get("attention.sliding_window_pattern", family.period)
    if isinstance(said, np.ndarray) and said.size == depth:
        return said.tolist()
    if type(said) is not int or said < 1:
        raise ValueError(f"the pattern of windows is {said!r}, no period")
    return [(layer + 1) % said != 0 for layer in range(depth)]


def _linear(facts: Facts) -> float:
    """By how much positions are divided."""
    kind = facts.get("rope.scaling.type", "none")
    if kind == "linear":
        return facts.number("rope.scaling.factor")
    if kind != "none":
        raise ValueError(f"rotations scaled by {kind!r} are not read here")
    return facts.number("rope.scale_linear", 1.0)


def _caps(facts: Facts, family: Family) -> dict[str, float | None]:
    keys = "attn_logit_softcapping", "final_logit_softcapping"
    scores, logits = (
        facts.get(key, cap) or None for key, cap in zip(keys, family.caps, strict=True)
    )
    return {"attention_cap": scores, "logit_cap": logits}


def _score_scale(family: Family, sizes: Mapping[str, int], depth: int) -> float | None:
    if depth != family.odd_depth:
        return None
    return (sizes["dim"] / sizes["heads"]) ** -0.5


def _scaled(config: DecoderConfig, factors: np.ndarray) -> DecoderConfig:
    """With the scaling that factors came of; only that of Llama 3 is known."""
    most = float(f"{np.max(factors):.6g}")
    for before in _BEFORE:
        scaling = most, _SLOW, _FAST, before
        found = dataclasses.replace(config, rope_scaling=scaling)
        if _near_to(rope_factors(found), factors):
            return found
    raise ValueError(
        "'rope_freqs.weight' is not the scaling of Llama 3, of a power of two of "
        "positions, that is read here"
    )


def _near_to(one: Any, two: np.ndarray) -> bool:
    return one.shape == two.shape and np.allclose(one, two, rtol=1e-4)


def _keys(config: DecoderConfig, family: Family) -> dict[str, Any]:
    norm = "rms_" if config.norm == "rms" else ""
    keys: dict[str, Any] = {
        "block_count": config.depth,
        "context_length": config.max_steps,
        "embedding_length": config.dim,
        "feed_forward_length": config.mlp_dim,
        "vocab_size": config.vocab,
        "attention.head_count": config.heads,
        "attention.head_count_kv": config.kv_heads,
        "attention.key_length": config.head_dim,
        "attention.value_length": config.head_dim,
        f"attention.layer_norm_{norm}epsilon": config.norm_eps,
    }
    if config.rotary_dim:
        keys |= _rotation_keys(config, family)
    if family.caps != (None, None):
        keys["attn_logit_softcapping"] = config.attention_cap or 0.0
    if config.logit_cap or family.caps != (None, None):
        keys["final_logit_softcapping"] = config.logit_cap or 0.0
    if config.norm == "layer" and config.rotary_dim:
        keys["use_parallel_residual"] = config.parallel
    return keys


def _rotation_keys(config: DecoderConfig, family: Family) -> dict[str, Any]:
    each: Any = config.theta, config.position_factor, config.window
    layers: Any = list(zip(*each, strict=True))
    theta, factor, _ = next((x for x in layers if x[0] and not x[2]), layers[0])
    keys: dict[str, Any] = {
        "rope.dimension_count": config.rotary_dim,
        "rope.freq_base": float(theta),
    }
    if factor != 1:
        keys |= {"rope.scaling.type": "linear", "rope.scaling.factor": float(factor)}
    if family.period > 1:
        keys |= _window_keys(layers, family)
    return keys


def _window_keys(layers: list[tuple[float, float, int]], family: Family) -> dict:
    """The window, and which layers have it where they are not the family's."""
    near = [window > 0 for *_, window in layers]
    keys: dict[str, Any] = {
        "attention.sliding_window": max(window for *_, window in layers)
    }
    usual = [(i + 1) % family.period != 0 for i in range(len(layers))]
    if near != usual and any(near):
        keys["attention.sliding_window_pattern"] = np.array(near)
    bases = {theta for theta, _, window in layers if window}
    if family.local_theta and bases - {family.local_theta}:
        keys["rope.freq_base_swa"] = float(max(bases))
    return keys


def _compare(config: DecoderConfig, read: DecoderConfig, arch: str) -> None:
    """Refuses what would come back different."""
    ours, theirs = _effective(config), _effective(read)
    lost = [
        f"{name}={_shown(x)}" for name, x in ours.items() if not _same(x, theirs[name])
    ]
    if lost:
        raise ValueError(f"a GGUF file of {arch!r} cannot say {', '.join(lost)}")


def _effective(config: DecoderConfig) -> dict[str, Any]:
    """The fields, with one spelling for what computes the same."""
    window: Any = config.window
    wide = [0 if w >= config.max_steps else w for w in window]
    scale = config.score_scale or config.head_dim**-0.5
    same = {"window": tuple(wide), "score_scale": scale}
    return {**config.as_dict(), **same, "rope_scaling": rope_factors(config)}


def _shown(x: Any) -> str:
    return f"({x[0]!r}, ...)" if isinstance(x, tuple) and len(x) > 4 else repr(x)


def _same(one: Any, two: Any) -> bool:
    """Equal, numbers as float32 holds them."""
    if one is None or two is None:
        return one is two
    if isinstance(one, str | bool):
        return one == two
    return np.array_equal(np.float32(one), np.float32(two))
