"""What makes one family of encoders differ from another, and its head, as data."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from jdistill.checks import MOST, one_of, whole
from jdistill.models.transformers._layers import ACTIVATIONS

SIZES = ("vocab", "dim", "depth", "heads", "mlp_dim", "max_steps")
HEADS = ("none", "vocabulary", "classes", "sentence")
POOLINGS = ("first", "mean", "max")


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
    r"""The sizes, the family and the head of an encoder.

    Args:
        vocab: rows of the embedding.
        dim: width of the residual stream; `heads` divides it.
        depth: number of layers.
        heads: attention heads.
        mlp_dim: hidden units of each layer's network.
        max_steps: the most positions of a text.
        family: the name of the family in files: 'bert', 'distilbert', 'roberta', ...
        token_types: kinds of tokens (first text, second text); 0 for no such table.
        position_offset: row of the first position, RoBERTa's id of padding and 1.
        norm_eps: added to the variance.
        activation: 'gelu' (exact), 'gelu_tanh', 'relu' or 'silu'.
        head: 'vocabulary' (a logit for each id at each token), 'classes' (logits of a
            text), 'sentence' (a vector of a text) or 'none' (hidden states only).
        tied: whether logits of a vocabulary are made by the embedding.
        head_activation: of the transform before the vocabulary, None for `activation`.
        labels: names of the classes, as many as logits.
        pooling: what a text's vector is made of: its 'first' token, the 'mean' or the
            'max' of its real ones.
        pooler: activation of a product behind the first token, None for no such
            product. A classifier reads it.
        unit: whether the vector of a sentence has length 1.
        words: how many rows of the embedding, the first, have an id; the rest pads it,
            and losses and figures leave its logits out. None for all.

    Raises:
        ValueError: a size, a word or a number out of range.
    """

    vocab: int
    dim: int
    depth: int
    heads: int
    mlp_dim: int
    max_steps: int
    family: str = "bert"
    token_types: int = 2
    position_offset: int = 0
    norm_eps: float = 1e-12
    activation: str = "gelu"
    head: str = "none"
    tied: bool = True
    head_activation: str | None = None
    labels: Sequence[str] = ()
    pooling: str = "first"
    pooler: str | None = None
    unit: bool = True
    words: int | None = None

    def __post_init__(self) -> None:
        """Checks what was given."""
        whole(**{name: getattr(self, name) for name in SIZES}, most=MOST)
        whole(
            least=0, token_types=self.token_types, position_offset=self.position_offset
        )
        if self.words is not None:
            whole(words=self.words, most=self.vocab)
        if self.dim % self.heads:
            raise ValueError(f"heads must divide dim={self.dim}, got {self.heads}")
        one_of(HEADS, head=self.head)
        one_of(POOLINGS, pooling=self.pooling)
        one_of(tuple(ACTIVATIONS), activation=self.activation)
        for name in ("head_activation", "pooler"):
            one_of((None, *ACTIVATIONS), **{name: getattr(self, name)})
        object.__setattr__(self, "labels", tuple(self.labels))
        if bool(self.labels) != (self.head == "classes"):
            raise ValueError(
                f"labels are the names of the classes of head='classes', got "
                f"{len(self.labels)} of them for head={self.head!r}"
            )

    @property
    def logits(self) -> int:
        """How many logits the head makes, 0 for none."""
        return self.vocab if self.head == "vocabulary" else len(self.labels)

    def as_dict(self) -> dict[str, Any]:
        """The fields as plain values, which `EncoderConfig(**fields)` takes."""
        return dataclasses.asdict(self)
