"""How far a run is, and the curve that it leaves."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import rich.console

from jdistill import kinds
from jdistill.checks import whole
from jdistill.train._dispatch import means
from jdistill.train._displays import Display, Seen, display, quiet, summary

POINTS = 100
"""How many points the curve of a run has, about."""
WAITING = 256
"""Sums that wait to be made a point, at most."""


class Watch(NamedTuple):
    """What the loop tells: `done(step, sums)`, `scored(step, name, score)`."""

    done: Callable[[int, Any], None]
    scored: Callable[[int, str, Any], None]


class Progress(NamedTuple):
    """A display of one run after another, and their learning curves.

    * `of(name)`: the same display and curve for the run of this name.
    * `curve`: points of all runs, dictionaries with `stage`, `seed`, `step`, `split`
      ('train' for the means of losses, 'valid' for what a callback returned), `name`
      and `value`, which `report.html` draws.
    * `name`: of the run.
    * `watch(start, num_steps, seed)`: what `run` opens.
    """

    of: Callable[[str], "Progress"]
    curve: list[dict[str, Any]]
    name: str
    watch: Callable[[int, int, int], contextlib.AbstractContextManager[Watch]]


def progress(
    name: str = "training",
    *,
    stages: Mapping[str, int] | None = None,
    console: rich.console.Console | None = None,
) -> Progress:
    """Shows how far `run` is, how long it will take, and keeps the learning curve.

    On a terminal it is a bar, in a notebook a line of the cell's output, elsewhere a
    line of text now and then, with the memory in use. It looks only at steps that are
    over, so that no device waits for it.

    Args:
        name: of the run; the `stage` of its points.
        stages: where several runs follow each other, how many steps each has by name:
            one bar is then for all of them, `run(progress=shown.of(name))`.
        console: where to show it; by default standard error.

    Returns:
        What `run(progress=)` takes.

    Raises:
        ValueError: a number of steps is below 1.
        TypeError: `name` is no text, `stages` no mapping, or `console` none of rich.

    Example:
        >>> import io, optax
        >>> from jdistill import data, losses, models, objective, train
        >>> hard = objective.combine(ce=objective.on_labels(losses.cross_entropy))
        >>> recipe = train.learner(models.mlp(widths=(8,), classes=10), hard,
        ...                        optax.adam(1e-2))
        >>> log = rich.console.Console(file=io.StringIO(), width=100)
        >>> shown = progress('student', console=log)
        >>> _ = train.run(recipe, data.digits().train, key=jax.random.key(0),
        ...               num_steps=200, progress=shown)
        >>> shown.curve[-1]['step'], shown.curve[-1]['name']
        (200, 'loss')
        >>> log.file.getvalue().splitlines()[0]
        'student: step 0 of 200, ... GB'
    """
    _check(name, stages, console)
    plan, curve = _Plan(dict(stages or {}), {}), []

    def of(name: str) -> Progress:
        def watch(start: int, num_steps: int, seed: int):
            first = jax.process_index() == 0
            shown = display(console) if first else quiet()
            return _watch(shown, plan, curve, _Run(name, start, num_steps, seed))

        return Progress(of, curve, name, watch)

    return of(name)


def _check(name: Any, stages: Any, console: Any) -> None:
    kinds.instance(str, "a text", {"name": name})
    if console is not None:
        wanted = rich.console.Console
        kinds.instance(wanted, "a rich.console.Console", {"console": console})
    if stages is not None:
        kinds.mapping(stages=stages)
        whole(**{f"stages[{stage!r}]": steps for stage, steps in stages.items()})


def watching(
    shown: Progress | bool | None, start: int, num_steps: int, seed: int
) -> contextlib.AbstractContextManager[Watch]:
    """What the loop reports to; a watch that does nothing, where no progress is wanted.

    Example:
        >>> with watching(None, 0, 10, 0) as watch:
        ...     watch.done(10, {})
    """
    if shown is None or shown is False:
        silent = Watch(lambda step, sums: None, lambda step, name, score: None)
        return contextlib.nullcontext(silent)
    if shown is True:
        shown = progress()
    kinds.instance(Progress, "True or a train.progress()", {"progress": shown})
    return shown.watch(start, num_steps, seed)


class _Run(NamedTuple):
    name: str
    start: int
    num_steps: int
    seed: int


class _Plan(NamedTuple):
    """All runs by name with their steps, and what is known of those that are over.

    `spent` holds by name the steps that were done here, and their seconds.
    """

    stages: dict[str, int]
    spent: dict[str, tuple[int, float]]

    def place(self, name: str) -> str:
        """Where a run stands among all."""
        if len(self.stages) < 2 or name not in self.stages:
            return ""
        number = [*self.stages].index(name) + 1
        return f"stage {number} of {len(self.stages)}"

    def ahead(self, name: str) -> int:
        """The steps of the runs after this one."""
        if name not in self.stages:
            return 0
        names = [*self.stages]
        return sum(self.stages[n] for n in names[names.index(name) + 1 :])

    def behind(self, name: str) -> int:
        """The steps of the runs before this one."""
        if name not in self.stages:
            return 0
        return sum(self.stages[n] for n in [*self.stages][: [*self.stages].index(name)])


@contextlib.contextmanager
def _watch(
    shown: Display, plan: _Plan, curve: list[dict[str, Any]], run: _Run
) -> Iterator[Watch]:
    begin = shown_at = time.monotonic()
    _begin(shown, plan, run)
    waiting: list[Any] = []
    figures: dict[str, float] = {}
    at, stride = run.start, -(-run.num_steps // POINTS)
    first = (run.start, begin)  # the step that was compiled tells little of the others

    def done(step: int, sums: Any) -> None:
        nonlocal at, first, shown_at
        waiting.append(sums)
        last, now = step == run.num_steps, time.monotonic()
        if step // stride > at // stride or last or len(waiting) >= WAITING:
            found = means(waiting)
            waiting.clear()
            for name, mean in found.items():
                curve.extend(_points(run, step, "train", name, mean))
            figures.update({n: _one(x) for n, x in found.items() if n == "loss"})
        if now - shown_at >= shown.pause(now - begin) and not last:
            shown_at = now
            pace = None if at == run.start else _pace(first, (step, now))
            shown.show(_seen(plan, run, step, now - begin, pace, figures))
        at, first = step, (step, now) if at == run.start else first

    def scored(step: int, name: str, score: Any) -> None:
        curve.extend(_points(run, step, "valid", name, score))
        figures[name] = _one(score)

    try:
        yield Watch(done, scored)
    finally:
        plan.spent[run.name] = (at - run.start, time.monotonic() - begin)
        shown.end()
    if run.start < run.num_steps:
        seconds = plan.spent[run.name][1]
        shown.say(summary(run.name, run.num_steps - run.start, seconds, figures))


def _points(
    run: _Run, step: int, split: str, name: str, value: Any
) -> Iterator[dict[str, Any]]:
    """A point of the curve; of a sweep, one for each lane."""
    place = {"seed": run.seed, "step": step, "split": split, "name": name}
    for lane, number in enumerate(np.ravel(value)):
        stage = f"{run.name} [{lane}]" if np.ndim(value) else run.name
        yield {"stage": stage, **place, "value": float(number)}


def _one(value: Any) -> float:
    """The number that is shown: of a sweep, the mean of what is finite."""
    values = np.ravel(value).astype(np.float64)
    return (
        float(values[np.isfinite(values)].mean())
        if np.isfinite(values).any()
        else (float("nan"))
    )


def _pace(first, now) -> float | None:
    """Seconds a step; None where only what was compiled is over."""
    (step, moment), (done, present) = first, now
    return None if done == step else (present - moment) / (done - step)


def _begin(shown: Display, plan: _Plan, run: _Run) -> None:
    """Says where a run stands; nothing of one that an earlier process ended."""
    if run.start == run.num_steps:
        return
    place = plan.place(run.name)
    steps = [steps for steps, _ in plan.spent.values()]
    if run.start or (steps and not any(steps)):  # the first that is not over yet
        of = place or str(run.num_steps)
        shown.say(f"{run.name}: resumed at step {run.start} of {of}")
    shown.show(_seen(plan, run, run.start, 0.0, None, {}))


def _seen(
    plan: _Plan,
    run: _Run,
    step: int,
    elapsed: float,
    pace: float | None,
    figures: Mapping[str, float],
) -> Seen:
    """How far all is; what the steps of later runs take is what those so far took."""
    ahead, behind = plan.ahead(run.name), plan.behind(run.name)
    left = None
    if pace is not None:
        steps = step - run.start + sum(n for n, _ in plan.spent.values())
        seconds = elapsed + sum(spent for _, spent in plan.spent.values())
        left = pace * (run.num_steps - step) + ahead * seconds / steps
    return Seen(
        run.name,
        step,
        run.num_steps,
        plan.place(run.name),
        (behind + step) / (behind + run.num_steps + ahead),
        left,
        figures,
    )
