"""What makes one family of decoders differ from another, as data."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from jdistill.checks import MOST, one_of, whole

SIZES = (
    *("vocab", "dim", "depth", "heads", "kv_heads", "head_dim", "mlp_dim"),
    "max_steps",
)
DEEPEST = 10_000
"""The most layers that a decoder may have: each has numbers of its own."""
NORMS = ("rms", "layer")
ACTIVATIONS = ("silu", "gelu", "gelu_tanh", "relu")


@dataclasses.dataclass(frozen=True)
class DecoderConfig:
    r"""The sizes and the family of a decoder; all that differs between families.

    Args:
        vocab: rows of the embedding.
        dim: width of the residual stream.
        depth: number of layers.
        heads: heads of the queries.
        kv_heads: heads of keys and values; `heads / kv_heads` queries share one.
        head_dim: width of a head; `heads * head_dim` may differ from `dim`.
        mlp_dim: hidden units of each layer's network.
        max_steps: the most positions the model was made for.
        family: the name of the family in files, such as 'llama'.
        tied: whether logits are made by the embedding.
        norm: 'rms' or 'layer'.
        norm_eps: added to the mean square, or to the variance.
        norm_offset: what is added to a norm's scale, 1 for Gemma.
        post_norms: whether each branch has a norm behind it too.
        parallel: whether attention and network read the same residual stream.
        activation: 'silu', 'gelu' (exact), 'gelu_tanh' or 'relu'.
        gated: whether the network is `down(f(gate x) * up x)`, or `down(f(up x))`.
        qkv_bias: whether query, key and value have one.
        out_bias: whether the output of attention has one.
        mlp_bias: whether the network's products have one.
        qk_norm: whether queries and keys are normalised, head by head.
        score_scale: factor of the scores, `head_dim ** -0.5` for None.
        attention_cap: `c` of `c tanh(score / c)`, None for no cap.
        logit_cap: the same of the logits.
        embed_scale: factor of the embedded tokens, rounded to the type computed in.
        position_offset: learned positions, and the row of the first; None for none.
        rotary_dim: how many of the head's numbers are rotated, 0 for none.
        theta: base of the rotation in each layer, one for all; 0 for no rotation.
        position_factor: by what positions are divided, in each layer or in all.
        rope_scaling: `(factor, low, high, max_steps before)` of Llama 3, or None.
        window: how many tokens a layer looks at, itself among them; 0 for all.
        words: how many rows of the embedding, the first, have an id; the rest pads it,
            and losses, figures and generation leave its logits out. None for all.

    Raises:
        ValueError: a size, a word or a number out of range.
    """

    vocab: int
    dim: int
    depth: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp_dim: int
    max_steps: int
    family: str = "llama"
    tied: bool = True
    norm: str = "rms"
    norm_eps: float = 1e-5
    norm_offset: float = 0.0
    post_norms: bool = False
    parallel: bool = False
    activation: str = "silu"
    gated: bool = True
    qkv_bias: bool = False
    out_bias: bool = False
    mlp_bias: bool = False
    qk_norm: bool = False
    score_scale: float | None = None
    attention_cap: float | None = None
    logit_cap: float | None = None
    embed_scale: float = 1.0
    position_offset: int | None = None
    rotary_dim: int | None = None
    theta: float | Sequence[float] = 10000.0
    position_factor: float | Sequence[float] = 1.0
    rope_scaling: Sequence[float] | None = None
    window: int | Sequence[int] = 0
    words: int | None = None

    def __post_init__(self) -> None:
        """Checks what was given, and gives each layer its own numbers."""
        whole(depth=self.depth, most=DEEPEST)
        whole(**{name: getattr(self, name) for name in SIZES}, most=MOST)
        if self.heads % self.kv_heads:
            raise ValueError(
                f"kv_heads must divide heads={self.heads}, got {self.kv_heads}"
            )
        if self.words is not None:
            whole(words=self.words, most=self.vocab)
        one_of(NORMS, norm=self.norm)
        one_of(ACTIVATIONS, activation=self.activation)
        if self.rotary_dim is None:
            object.__setattr__(self, "rotary_dim", self.head_dim)
        if not 0 <= self._rotary <= self.head_dim or self._rotary % 2:
            raise ValueError(
                "rotary_dim must be even and at most "
                f"head_dim={self.head_dim}, got {self.rotary_dim}"
            )
        if self.rope_scaling is not None:
            object.__setattr__(self, "rope_scaling", tuple(self.rope_scaling))
        for name in ("theta", "position_factor", "window"):
            object.__setattr__(self, name, self._each_layer(name))

    @property
    def _rotary(self) -> int:
        return self.rotary_dim or 0

    def _each_layer(self, name: str) -> tuple[Any, ...]:
        value = getattr(self, name)
        many = isinstance(value, list | tuple)
        several: tuple[Any, ...] = tuple(value) if many else (value,) * self.depth
        if len(several) != self.depth:
            raise ValueError(
                f"{name} must be one number, or {self.depth} for the layers, got "
                f"{len(several)}"
            )
        if any(x < 0 for x in several):
            raise ValueError(f"{name} must not be negative, got {value!r}")
        return several

    def frequencies(self) -> np.ndarray:
        """The angle of a step in each layer, `[depth, rotary_dim / 2]`, in float32.

        0 where a layer does not rotate.
        """
        half = np.arange(0, self._rotary, 2, dtype=np.float64) / max(self._rotary, 1)
        rows = []
        for theta, factor in zip(
            np.asarray(self.theta, float), np.asarray(self.position_factor), strict=True
        ):
            angle = theta**-half if theta else np.zeros_like(half)
            rows.append(_llama3(angle, self.rope_scaling) / factor)
        return np.stack(rows).astype(np.float32)

    def as_dict(self) -> dict[str, Any]:
        """The fields as plain values, which `DecoderConfig(**fields)` takes."""
        return dataclasses.asdict(self)


def _llama3(angle: np.ndarray, scaling: Any) -> np.ndarray:
    """Slows what turns less than `low` times in `before` steps; to `high`, a blend."""
    if scaling is None:
        return angle
    factor, low, high, before = scaling
    turns = before * angle / (2 * np.pi)
    blend = np.clip((turns - low) / (high - low), 0, 1)
    return angle * (blend + (1 - blend) / factor)
