"""The smallest experiment, to copy: does a teacher help a small network on digits?

`run` yields a row for each network that is trained; the rest (flags, the folder, the
progress, going on after a kill, the table and the page) is there already.
"""

import pathlib
from collections.abc import Iterator
from typing import Any

import optax

from experiments.tools.runs import trained
from jdistill import data, losses, models, objective, report, train


def run(config: Any, workdir: pathlib.Path) -> Iterator[dict[str, Any]]:
    """Yields the rows of teacher, student alone and distilled student, by seed."""
    config = config.to_dict() if hasattr(config, "to_dict") else dict(config)
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
    for seed in config["seeds"]:
        digits, known = data.digits(fold=seed), None
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
