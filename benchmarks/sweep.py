"""Four temperatures as lanes of one program, against four runs one after the other.

`python -m benchmarks.sweep`. 'ratio' is the runs' time over the sweep's.
`sweep_steps` is compiled before; `sweep_whole` compiles each of its learners, as one
does who tries temperatures.
"""

import jax
import jax.numpy as jnp
import optax

from benchmarks import _measure, kd_step
from jdistill import models, objective, train
from jdistill.typing import Learner

TEMPERATURES = (1.0, 2.0, 4.0, 8.0)


def learner(temperature) -> Learner:
    """The pair of `kd_step` at a temperature."""
    student = models.mlp(widths=kd_step.STUDENT, classes=kd_step.CLASSES)
    teacher = models.mlp(widths=kd_step.TEACHER, classes=kd_step.CLASSES)
    goal = objective.hinton(temperature=temperature, alpha=0.9)
    return train.learner(student, goal, optax.adam(1e-3), teacher=teacher)


def together() -> list[Learner]:
    """One learner, a lane for each temperature."""
    return [train.sweep(learner, {"temperature": jnp.array(TEMPERATURES)})]


def apart() -> list[Learner]:
    """A learner for each temperature."""
    return [learner(temperature) for temperature in TEMPERATURES]


def measure(*, steps: int = 1000, rounds: int = 3, threads: int = 2) -> list[dict]:
    """Both ratios."""
    arrays = kd_step.examples(12_800)
    split = kd_step.split_of(arrays)
    frozen = kd_step.teacher_of({"inputs": arrays["inputs"][:1]})

    def trained(learners):
        how = {"num_steps": steps, "batch_size": kd_step.BATCH_SIZE, "frozen": frozen}
        return [train.run(one, split, key=jax.random.key(0), **how) for one in learners]

    compiled = {"ours": together(), "theirs": apart()}
    warm = {
        k: lambda x=x: _measure.timed(lambda: trained(x)) for k, x in compiled.items()
    }
    cold = {
        k: lambda make=make: _measure.timed(lambda: trained(make()))
        for k, make in (("ours", together), ("theirs", apart))
    }
    _measure.interleaved(warm, rounds=1)
    columns = {"lanes": len(TEMPERATURES), "steps": steps}
    columns |= _measure.where_and_with(threads)
    found = []
    for name, calls in (("sweep_steps", warm), ("sweep_whole", cold)):
        taken = _measure.interleaved(calls, rounds=rounds)
        row = _measure.speedup(name, taken["ours"], taken["theirs"], **columns)
        found.append(row)
    return found


if __name__ == "__main__":
    given = _measure.arguments(steps=1000, rounds=3, threads=_measure.cores())
    rows = measure(steps=given.steps, rounds=given.rounds, threads=given.threads)
    _measure.write(rows, given.out)
