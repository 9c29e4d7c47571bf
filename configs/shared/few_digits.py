"""Few labelled 8x8 digits: what configurations of teachers share."""

from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections

CE = dict(on="labels", loss="cross_entropy")
ALONE = [dict(terms=dict(ce=CE))]
SHARE = 0.25


def taught(weight: float = 0.9, hard: float = 0.1, **term: Any) -> dict[str, Any]:
    """The terms of plain distillation, or of another loss between logits."""
    kd = {**dict(on="logits", loss="kl", temperature=2.0, weight=weight), **term}
    return dict(ce=dict(CE, weight=hard), kd=kd)


def from_all(of: str = "teacher", **more: Any) -> dict[str, Any]:
    """A stage of plain distillation on all digits, a quarter of each batch labelled."""
    stage = dict(terms=taught(), others=dict(teacher=of), data=dict(share=SHARE))
    return {**stage, **more}


def cnn(width: int) -> dict[str, Any]:
    """A convolutional network with dropout."""
    widths = (width, 2 * width, 2 * width)
    return dict(name="cnn", widths=widths, hidden=4 * width, dropout=0.5)


def decayed(rate: float) -> dict[str, Any]:
    """AdamW with a cosine to nothing."""
    tx = dict(name="adamw", schedule="cosine", clip_norm=1.0, weight_decay=1e-2)
    return dict(tx, learning_rate=rate)


def from_labels(model: str = "teacher", **more: Any) -> dict[str, Any]:
    """A network that learns from the labels, before any method."""
    return dict(model=model, terms=dict(ce=CE), tx=decayed(3e-3), **more)


def few_digits(
    methods: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    smoke: bool,
    before: Mapping[str, Mapping[str, Any]] | None = None,
    networks: Mapping[str, Mapping[str, Any]] | None = None,
) -> ml_collections.ConfigDict:
    """Students of 32 hidden units that see 150 labels, five folds.

    Args:
        methods: lists of stages, by name; the student alone is added, and plain
            distillation on all digits from a convolutional teacher.
        smoke: a few steps and one fold.
        before: networks that are trained first, beside the teacher.
        networks: more of them, by name.
    """
    c = ml_collections.ConfigDict()
    c.experiment = "teachers"
    c.seeds = (0,) if smoke else (0, 1, 2, 3, 4)
    c.batch_size = 64
    c.eval_batch = 256
    c.num_steps = 8 if smoke else 600
    c.tx = decayed(5e-3)
    c.data = dict(name="digits", num_folds=5)
    c.labelled = 150
    c.networks = dict(
        teacher=dict(name="mlp", widths=(16,)) if smoke else cnn(16),
        student=dict(name="mlp", widths=(32,)),
        **(networks or {}),
    )
    c.before = dict(teacher=from_labels(), **(before or {}))
    c.methods = dict(alone=ALONE, kl=[from_all()], **methods)
    c.against = ("alone", "kl")
    return c
