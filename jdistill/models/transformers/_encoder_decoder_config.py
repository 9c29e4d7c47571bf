"""The sizes of an encoder-decoder, and what its versions differ in."""

import dataclasses
from typing import Any

from jdistill.checks import MOST, above_zero, one_of, whole
from jdistill.models.transformers._decoder_config import ACTIVATIONS

SIZES = ("vocab", "dim", "depth", "heads", "head_dim", "mlp_dim")
MOST_DISTANT = 2**16


@dataclasses.dataclass(frozen=True)
class EncoderDecoderConfig:
    r"""The sizes of an encoder-decoder, and what its versions differ in.

    T5 1.0 is `tied` and `scaled` with 'relu'; 1.1 and Flan are gated with 'gelu_tanh'
    and have a head of their own, which reads what is not scaled.

    Args:
        vocab: rows of the embedding, which both sides share.
        dim: width of the residual stream.
        depth: number of the encoder's layers.
        heads: heads of each attention.
        head_dim: width of a head; `heads * head_dim` may differ from `dim`.
        mlp_dim: hidden units of each layer's network.
        decoder_depth: number of the decoder's layers, None for that of the encoder's.
        family: the name of the family in files.
        tied: whether logits are made by the embedding.
        scaled: whether they are made of hidden states times `dim ** -0.5`.
        norm_eps: added to the mean square.
        activation: 'silu', 'gelu' (exact), 'gelu_tanh' or 'relu'.
        gated: whether the network is `down(f(gate x) * up x)`, or `down(f(up x))`.
        buckets: of distances, a multiple of 4; the encoder has half of them for keys
            after the query.
        max_distance: from which distance on all are alike.
        start: the id that a text begins with.
        words: how many rows of the embedding, the first, have an id, as of
            `DecoderConfig`.

    Raises:
        ValueError: a size, a word or a number out of range.
    """

    vocab: int
    dim: int
    depth: int
    heads: int
    head_dim: int
    mlp_dim: int
    decoder_depth: int | None = None
    family: str = "t5"
    tied: bool = True
    scaled: bool = True
    norm_eps: float = 1e-6
    activation: str = "relu"
    gated: bool = False
    buckets: int = 32
    max_distance: int = 128
    start: int = 0
    words: int | None = None

    def __post_init__(self) -> None:
        """Checks what was given."""
        if self.decoder_depth is None:
            object.__setattr__(self, "decoder_depth", self.depth)
        sizes = (*SIZES, "decoder_depth", "buckets")
        whole(**{name: getattr(self, name) for name in sizes}, most=MOST)
        above_zero(norm_eps=self.norm_eps)
        one_of(ACTIVATIONS, activation=self.activation)
        whole(max_distance=self.max_distance, most=MOST_DISTANT)
        whole(start=self.start, least=0, most=self.vocab - 1)
        if self.words is not None:
            whole(words=self.words, most=self.vocab)
        if self.buckets % 4:
            raise ValueError(f"buckets must be a multiple of 4, got {self.buckets}")
        if self.max_distance <= self.buckets // 2:
            raise ValueError(
                f"max_distance must be above {self.buckets // 2}, half of the buckets, "
                f"got {self.max_distance}"
            )

    def as_dict(self) -> dict[str, Any]:
        """The fields as plain values, which `EncoderDecoderConfig(**fields)` takes."""
        return dataclasses.asdict(self)
