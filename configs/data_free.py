"""How much of a teacher is left where its student sees no data at all?

Question: a generator makes images that a fixed teacher is sure of, and a student learns
from the teacher on them (Chen et al. 2019). How near does it come to one that sees the
150 digits?
Cost: seven minutes on two CPU cores beside other work, nothing to download.
Command: python -m experiments.main --config=configs/data_free.py --workdir=runs/none
Expected: the table of docs/results.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.few_digits import few_digits


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    smoke = is_smoke(arg)
    return few_digits(methods(8 if smoke else 3000, 8 if smoke else 32), smoke=smoke)


def methods(steps: int, width: int) -> dict[str, list[dict]]:
    """The three terms of the generator, and the student's."""
    theirs = dict(
        name="rerun",
        network="teacher",
        inputs=dict(name="taps", network="student", names="images"),
    )
    mine = dict(name="logits", network="student")
    fixed = dict(name="stopped", source=theirs)
    terms = dict(
        kd=dict(loss="kl", arguments=[mine, fixed]),
        sure=dict(loss="one_hot", arguments=[theirs]),
        balance=dict(
            loss="class_balance",
            arguments=[theirs],
            mask=dict(name="example_mask"),
            weight=5.0,
        ),
    )
    model = dict(name="generated", of="student", shape=(8, 8, 1), width=width)
    stage = dict(
        model=model,
        take="student",
        terms=terms,
        others=dict(teacher="teacher"),
        num_steps=steps,
        batch_size=128,
    )
    return {"no data": [stage]}
