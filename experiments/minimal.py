"""The smallest experiment, to copy: does a teacher help a small network on digits?

`run` yields a row for each network that is trained; the rest (flags, the folder, the
progress, going on after a kill, the table and the page) is there already.
"""

import pathlib
from collections.abc import Iterator
from typing import Any

import optax

from experiments.tools import plan
from experiments.tools.runs import trained
from jdistill import data, losses, models, objective, report, train

NEEDS = (
    *("teacher", "student", "objective", "learning_rate"),
    *("num_steps", "batch_size", "seeds"),
)


def run(config: Any, workdir: pathlib.Path) -> Iterator[dict[str, Any]]:
    """Yields the rows of teacher, student alone and distilled student, by seed."""
    config = plan.plain(config, NEEDS)
    hard = objective.combine(ce=objective.on_labels(losses.cross_entropy))
    soft = objective.hinton(**config["objective"])
    teacher, student = (
        models.mlp(widths=config[name], classes=10) for name in ("teacher", "student")
    )
    stages = [("teacher", teacher, hard), ("alone", student, hard)]
    stages.append(("distilled", student, soft))
    size = {"num_steps": config["num_steps"], "batch_size": config["batch_size"]}
    runs = [f"{name} {seed}" for seed in config["seeds"] for name, _, _ in stages]
    shown = train.progress(stages=dict.fromkeys(runs, config["num_steps"]))
    parts = {seed: data.digits(fold=seed) for seed in config["seeds"]}
    for seed, digits in parts.items():
        known = None
        for name, model, goal in stages:
            tx = optax.adam(config["learning_rate"])
            learner = train.learner(
                model, goal, tx, teacher=teacher if goal is soft else None
            )
            folder = pathlib.Path(workdir) / f"seed{seed}"
            frozen = trained(
                *(folder, name, config, learner, digits.train),
                seed=seed,
                frozen=known if goal is soft else None,
                progress=shown,
                **size,
            )
            known = frozen if name == "teacher" else known
            row = report.row(name, model, frozen, digits.test)
            yield {**row, "seed": seed, "fold": seed}
