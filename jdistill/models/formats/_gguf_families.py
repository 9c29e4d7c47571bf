"""What GGUF's architectures are among our decoders, and what no file says of them."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Family(NamedTuple):
    """One architecture of GGUF.

    * `fields`: of our configuration, where they are always the same.
    * `interleaved`: rows of queries and keys turn pairs of neighbours.
    * `fused`: queries, keys and values are one array.
    * `period`: of so many layers all but the last look at a window; 1 for none.
    * `window`: how far, where the file says nothing of it.
    * `local_theta`: base of the rotation of the layers with a window; None for that
      of the others.
    * `still`: every so manieth layer does not rotate; 0 for none.
    * `caps`: of the scores and of the logits, where the file says nothing of them.
    * `odd_depth`: the depth of the one model of the family whose scores are scaled by
      `(dim / heads) ** -0.5`, which no file says.
    """

    fields: Mapping[str, Any]
    interleaved: bool = False
    fused: bool = False
    period: int = 1
    window: int = 0
    local_theta: float | None = None
    still: int = 0
    caps: tuple[float | None, float | None] = (None, None)
    odd_depth: int | None = None


_GEMMA = {"norm_offset": 1.0, "activation": "gelu_tanh"}
_LAYER_NORM = {
    "norm": "layer",
    "gated": False,
    "qkv_bias": True,
    "out_bias": True,
    "mlp_bias": True,
}

FAMILIES: Mapping[str, Family] = {
    "llama": Family({"family": "llama"}, interleaved=True),
    "smollm3": Family({"family": "smollm3"}, interleaved=True, still=4),
    "qwen2": Family({"family": "qwen2"}),
    "qwen3": Family({"family": "qwen3", "qk_norm": True}),
    "gemma": Family({"family": "gemma", **_GEMMA}),
    "gemma2": Family(
        {"family": "gemma2", "post_norms": True, **_GEMMA},
        period=2,
        window=4096,
        caps=(50.0, 30.0),
        odd_depth=46,
    ),
    "gemma3": Family(
        {"family": "gemma3", "post_norms": True, "qk_norm": True, **_GEMMA},
        period=6,
        local_theta=1e4,
        odd_depth=62,
    ),
    "gpt2": Family(
        {
            "family": "gpt2",
            **_LAYER_NORM,
            "activation": "gelu_tanh",
            "position_offset": 0,
            "rotary_dim": 0,
        },
        fused=True,
    ),
    "gptneox": Family(
        {"family": "neox", **_LAYER_NORM, "activation": "gelu"}, fused=True
    ),
}
"""By the name in `general.architecture`."""

ARCHITECTURES = {f.fields["family"]: name for name, f in FAMILIES.items()} | {
    "mistral": "llama"
}
"""By our name of the family."""

REFUSED = (
    "expert_count",
    "logit_scale",
    "residual_scale",
    "embedding_scale",
    "attention.scale",
    "attention.clamp_kqv",
    "attention.max_alibi_bias",
)
"""Keys that change what a network computes, and that no decoder here follows."""


def family_of(arch: Any) -> Family:
    """The family of an architecture.

    Raises:
        ValueError: it is not known; the message lists those that are.
    """
    if not isinstance(arch, str) or arch not in FAMILIES:
        raise ValueError(
            f"the architecture {arch!r} is not read here; those that are: "
            f"{sorted(FAMILIES)}"
        )
    return FAMILIES[arch]


def architecture_of(family: str) -> str:
    """The architecture of a family of ours.

    Raises:
        ValueError: GGUF has none; the message lists the families that have.
    """
    if family not in ARCHITECTURES:
        raise ValueError(
            f"no architecture of GGUF is known for the family {family!r}; those that "
            f"are: {sorted(ARCHITECTURES)}"
        )
    return ARCHITECTURES[family]
