"""The pairs of networks that configurations of losses share, and what they train on."""

from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections

STUDENT = ("Block_0", "Block_1", "Block_2")
"""The last block of each resolution: 8x8, 4x4 and 2x2."""

MASK = dict(name="example_mask")
TOKENS = dict(name="token_mask")
LABELS = dict(name="labels")
"""What losses of rows, of tokens and of labels are given beside the networks'."""

HARD = dict(on="labels", loss="cross_entropy")
ALONE = [dict(terms=dict(ce=HARD))]
KL = [
    dict(
        terms=dict(
            ce={**HARD, "weight": 0.1},
            kd=dict(on="logits", loss="kl", temperature=4.0, weight=0.9),
        )
    )
]


def beside(weight: float = 1.0, hard: float = 1.0, **term: Any) -> list[dict]:
    """A method of one stage: the true labels and one more term."""
    terms = dict(ce={**HARD, "weight": hard}, kd=dict(term, weight=weight))
    return [dict(terms=terms)]


def through(projection: str, taps: str | Sequence[str], **more: Any) -> dict[str, Any]:
    """Taps behind a projection."""
    return dict(taps=taps, projection=dict(name=projection), **more)


def teacher_taps(smoke: bool) -> tuple[str, str, str]:
    """The teacher's last block of each resolution: it is as small when it smokes."""
    return STUDENT if smoke else ("Block_2", "Block_5", "Block_8")


def residual_digits(
    methods: Mapping[str, Any], *, smoke: bool, few: Sequence[str]
) -> ml_collections.ConfigDict:
    """Residual networks of 20 and 8 layers on 8x8 digits, five folds.

    Args:
        methods: lists of stages, by name; the student alone and plain KL are
            added, but not to the smoke run.
        smoke: networks of a few channels, a few steps, one fold and few methods.
        few: the methods of the smoke run.
    """
    c = ml_collections.ConfigDict()
    c.experiment = "losses"
    c.seeds = (0,) if smoke else (0, 1, 2, 3, 4)
    c.batch_size = 64
    c.eval_batch = 256
    c.eval_every = c.save_every = 6 if smoke else 400
    c.num_steps = 6 if smoke else 800
    c.tx = dict(name="adam", schedule="cosine", learning_rate=5e-3)
    c.data = dict(name="digits", num_folds=5)
    size = dict(depth=8, width=5) if smoke else dict(depth=20, width=8)
    c.teacher = dict(
        model=dict(name="resnet", taps=teacher_taps(smoke), **size),
        terms=dict(ce=HARD),
    )
    c.student = dict(model=dict(name="resnet", depth=8, width=4, taps=STUDENT))
    named = {n: m for n, m in methods.items() if not smoke or n in few}
    c.methods = named if smoke else {"alone": ALONE, "kl": KL, **named}
    c.against = tuple(n for n in ("alone", "kl") if n in c.methods)
    return c
