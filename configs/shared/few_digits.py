"""Few labelled 8x8 digits: what configurations of teachers share."""

from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections

CE = dict(on="labels", loss="cross_entropy")
ALONE = [dict(terms=dict(ce=CE))]


def taught(weight: float = 0.9, hard: float = 0.1, **term: Any) -> dict[str, Any]:
    """The terms of plain distillation, or of another loss between logits."""
    kd = {**dict(on="logits", loss="kl", temperature=2.0, weight=weight), **term}
    return dict(ce=dict(CE, weight=hard), kd=kd)


KL = [dict(terms=taught(), others=dict(teacher="teacher"))]


def few_digits(
    methods: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    smoke: bool,
    before: Mapping[str, Mapping[str, Any]] | None = None,
    networks: Mapping[str, Mapping[str, Any]] | None = None,
) -> ml_collections.ConfigDict:
    """Students of 32 hidden units that see 150 labels, five folds.

    Args:
        methods: lists of stages, by name; the student alone and plain KL are added.
        smoke: a few steps and one fold.
        before: networks that are trained first, beside the teacher.
        networks: more of them, by name.
    """
    c = ml_collections.ConfigDict()
    c.experiment = "teachers"
    c.seeds = (0,) if smoke else (0, 1, 2, 3, 4)
    c.batch_size = 32
    c.eval_batch = 256
    c.num_steps = 8 if smoke else 1000
    c.tx = dict(name="adam", schedule="cosine", learning_rate=2e-3)
    c.data = dict(name="digits", num_folds=5)
    c.labelled = 150
    c.networks = dict(
        teacher=dict(name="mlp", widths=(256, 128)),
        student=dict(name="mlp", widths=(32,)),
        **(networks or {}),
    )
    teacher = dict(model="teacher", terms=dict(ce=CE))
    c.before = dict(teacher=teacher, **(before or {}))
    c.methods = dict(alone=ALONE, kl=KL, **methods)
    c.against = ("alone", "kl")
    return c
