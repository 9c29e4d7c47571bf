"""What each family's config.json says in a way of its own, both ways."""

from collections.abc import Mapping
from typing import Any

from jdistill.models.formats._hf_facts import Facts
from jdistill.models.formats._hf_layers import (
    KINDS,
    layer_kinds,
    rotation,
    said_rotation,
    said_two_rotations,
    said_windows,
    two_rotations,
    windows,
)
from jdistill.models.transformers import DecoderConfig

Sizes = Mapping[str, int]
_FULL, _NEAR = KINDS


def plain(facts: Facts, sizes: Sizes) -> dict[str, Any]:
    """The same rotation in each layer."""
    del sizes
    return rotation(facts)


def mistral(facts: Facts, sizes: Sizes) -> dict[str, Any]:
    """Every layer has the window."""
    return rotation(facts) | windows(facts, [_NEAR] * sizes["depth"])


def qwen(facts: Facts, sizes: Sizes) -> dict[str, Any]:
    """The last layers have a window, if it is used."""
    if not facts.flag("use_sliding_window"):
        return rotation(facts)
    first = facts.whole("max_window_layers", least=0)
    kinds = [_NEAR if i >= first else _FULL for i in range(sizes["depth"])]
    return rotation(facts) | windows(facts, kinds)


def said_mistral(config: DecoderConfig) -> dict[str, Any]:
    """The inverse of `mistral`; `layer_types` would make it another family."""
    size = said_windows(config)["sliding_window"]
    return said_rotation(config) | {"sliding_window": size}


def said_qwen(config: DecoderConfig) -> dict[str, Any]:
    """The inverse of `qwen`."""
    return said_rotation(config) | said_windows(config)


def smollm3(facts: Facts, sizes: Sizes) -> dict[str, Any]:
    """Every fourth layer does not rotate."""
    depth = sizes["depth"]
    every = facts.whole("no_rope_layer_interval")
    turns = facts.each("no_rope_layers", depth, (1, 0))
    turns = turns or [int((i + 1) % every != 0) for i in range(depth)]
    found = rotation(facts)
    found["theta"] = tuple(found["theta"] if turn else 0.0 for turn in turns)
    if facts.flag("use_sliding_window"):
        found |= windows(facts, [_FULL if turn else _NEAR for turn in turns])
    return found


def said_smollm3(config: DecoderConfig) -> dict[str, Any]:
    """The inverse of `smollm3`."""
    theta: Any = config.theta
    turns = {"no_rope_layers": [int(bool(t)) for t in theta]}
    return said_rotation(config) | said_windows(config) | turns


def _gemma(facts: Facts, sizes: Sizes) -> dict[str, Any]:
    return {
        "embed_scale": sizes["dim"] ** 0.5,
        "score_scale": facts.number("query_pre_attn_scalar") ** -0.5,
        "logit_cap": facts.optional("final_logit_softcapping"),
    }


def _said_gemma(config: DecoderConfig) -> dict[str, Any]:
    scale = config.score_scale or config.head_dim**-0.5
    return {
        "query_pre_attn_scalar": round(scale**-2),
        "final_logit_softcapping": config.logit_cap,
        **said_windows(config),
    }


def gemma2(facts: Facts, sizes: Sizes) -> dict[str, Any]:
    """Every other layer has a window."""
    kinds = [_FULL if i % 2 else _NEAR for i in range(sizes["depth"])]
    cap = {"attention_cap": facts.optional("attn_logit_softcapping")}
    return rotation(facts) | windows(facts, kinds) | _gemma(facts, sizes) | cap


def gemma3(facts: Facts, sizes: Sizes) -> dict[str, Any]:
    """Of six layers five have a window, and a rotation of their own.

    A cap of the scores that a file says is not applied: transformers does not either.
    """
    every = facts.whole("sliding_window_pattern")
    kinds = [_NEAR if (i + 1) % every else _FULL for i in range(sizes["depth"])]
    turned = two_rotations(facts, layer_kinds(facts, kinds))
    return turned | windows(facts, kinds) | _gemma(facts, sizes)


def said_gemma2(config: DecoderConfig) -> dict[str, Any]:
    """The inverse of `gemma2`."""
    cap = {"attn_logit_softcapping": config.attention_cap}
    return said_rotation(config) | _said_gemma(config) | cap


def said_gemma3(config: DecoderConfig) -> dict[str, Any]:
    """The inverse of `gemma3`."""
    window: Any = config.window
    full = [i + 1 for i, size in enumerate(window) if not size]
    pattern = {"sliding_window_pattern": full[0] if full else config.depth + 1}
    return said_two_rotations(config) | _said_gemma(config) | pattern


def gpt2(facts: Facts, sizes: Sizes) -> dict[str, Any]:
    """Learned positions; scores may be left as they are."""
    del sizes
    return {"score_scale": None if facts.flag("scale_attn_weights") else 1.0}


def said_gpt2(config: DecoderConfig) -> dict[str, Any]:
    """The inverse of `gpt2`."""
    return {"scale_attn_weights": config.score_scale is None}


def opt(facts: Facts, sizes: Sizes) -> dict[str, Any]:
    """Refuses OPT-350M, whose embedding is narrower than its layers."""
    width = facts.whole("word_embed_proj_dim", sizes["dim"])
    if width != sizes["dim"]:
        raise ValueError(
            f"word_embed_proj_dim={width} differs from hidden_size={sizes['dim']}: "
            "that form of OPT, of the 350M model, is not read"
        )
    return {}


def said_opt(config: DecoderConfig) -> dict[str, Any]:
    """What transformers needs to find the network in it."""
    return {"word_embed_proj_dim": config.dim, "do_layer_norm_before": True}


def neox(facts: Facts, sizes: Sizes) -> dict[str, Any]:
    """The first part of each head is rotated."""
    inner = facts.object("rope_parameters")
    share = inner.number("partial_rotary_factor", facts.number("rotary_pct"))
    old = {"rope_theta": facts.number("rotary_emb_base")}
    kinds = ("rope_parameters", "rope_scaling")
    said = {key: facts.get(key) for key in kinds if facts.get(key) is not None}
    return {
        "parallel": facts.flag("use_parallel_residual"),
        "rotary_dim": int(sizes["head_dim"] * share),
        **rotation(Facts(said, old)),
    }


def said_neox(config: DecoderConfig) -> dict[str, Any]:
    """The inverse of `neox`."""
    said = said_rotation(config)
    return {
        "use_parallel_residual": config.parallel,
        "rotary_pct": (config.rotary_dim or 0) / config.head_dim,
        "rotary_emb_base": said["rope_theta"],
        "rope_scaling": said["rope_scaling"],
    }
