"""One language of stages: what a configuration says of a training run.

| key | what it says |
| --- | --- |
| `model` | the network: a component, or the name of the stage whose network it is |
| `teacher` | the stage that it learns from |
| `begin` | the stage whose variables it begins with; fresh ones without |
| `terms` | what it learns by; without them `config.objective` where it has a teacher, and otherwise the cross entropy of the labels |
| `compression` | of its weights, beside what the stages before it have cut |
| `activations` | 'int8' where products see rounded inputs too |
| `frozen` | the paths of parameters that do not learn |
| `prepare` | how it reads texts, where that is a way of its own |
| `num_steps`, `tx` | how long, and by which optimiser |
"""  # noqa: E501

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from experiments.tools.components import build
from experiments.tools.objectives import combined
from experiments.tools.optimisers import optimiser
from jdistill import compress, losses, models, objective, schedules, train
from jdistill.typing import Compression, Learner, Model, Objective

Spec = Mapping[str, Any]
KEYS = (
    *("model", "teacher", "begin", "terms", "compression", "activations", "frozen"),
    *("prepare", "num_steps", "tx"),
)

LAST = 2**31 - 1  # a step that no run has


class Stage(NamedTuple):
    """One training run.

    * `spec`: the model's configuration, complete.
    * `start`: the stage whose parameters it starts from; fresh ones for None.
    * `taught`: the stage that it learns from, None for labels alone.
    * `plain`: for a model with int8 activations, the model without.
    * `learns`: for a stage of the configuration's objective, its learner with another.
    """

    name: str
    spec: Spec
    model: Model
    learner: Learner
    num_steps: int
    realised: str = "dense"
    start: str | None = None
    taught: str | None = None
    plain: Model | None = None
    learns: Callable[[Objective], Learner] | None = None


def made(
    name: str,
    spec: Spec,
    *,
    model: Model,
    of: Spec | None = None,
    teacher: Model | None = None,
    soft: Objective | None = None,
    learned: Mapping[str, Any] | None = None,
    kept: Sequence[Compression] = (),
) -> Stage:
    """The stage of a section of a configuration.

    Args:
        name: of the stage.
        spec: the section, with KEYS.
        model: its network.
        of: what the network is made of.
        teacher: the network that it learns from.
        soft: what it learns by where it has a teacher and no terms of its own.
        learned: what the terms of earlier stages learned, by stage.
        kept: compressions of the stages before it, at what they ended with.

    Raises:
        ValueError: something in it cannot be carried out.
    """
    plain, steps = None, spec["num_steps"]
    if "activations" in spec:
        if spec["activations"] != "int8":
            raise ValueError(f"activations is {spec['activations']!r}; valid: 'int8'")
        plain, model = model, models.simulate_int8(model)
    goal = _goal(spec, teacher, soft, learned)
    learns = functools.partial(
        train.learner,
        model,
        tx=optimiser(spec["tx"], num_steps=steps),
        teacher=teacher,
        compression=whole(spec, kept),
    )
    return Stage(
        *(name, of or {}, model, learns(goal), steps),
        realised="masked" if kept or "compression" in spec else "dense",
        start=spec.get("begin"),
        taught=spec.get("teacher"),
        plain=plain,
        learns=learns if goal is soft else None,
    )


def _goal(spec, teacher, soft, learned) -> Objective:
    if "terms" in spec:
        return combined(spec["terms"], learned)
    if teacher is None:
        return objective.combine(ce=objective.on_labels(losses.cross_entropy))
    if soft is None:
        raise ValueError("it has a teacher, and neither terms nor config.objective")
    return soft


def whole(spec: Spec, kept: Sequence[Compression] = ()) -> Compression | None:
    """The compression of a stage: what was cut before it, its own, what is frozen.

    Example:
        >>> sparsity = {'name': 'cubic', 'start': 0, 'end': 9, 'target': 0.5}
        >>> own = whole({'compression': {'name': 'magnitude', 'sparsity': sparsity}})
        >>> whole({}) is None
        True
    """
    every = [*kept]
    if "compression" in spec:
        own = spec["compression"]
        numbers = {k: build(schedules, v) for k, v in own.items() if _scheduled(v)}
        every.append(build(compress, {**own, **numbers}))
    if "frozen" in spec:
        every.append(compress.freeze(where=spec["frozen"]))
    return compress.chain(*every) if len(every) > 1 else next(iter(every), None)


def keeper(spec: Spec) -> Compression:
    """A compression at the values that its schedules end with."""
    ended = {k: _end(v) if _scheduled(v) else v for k, v in spec.items()}
    return build(compress, ended)


def _scheduled(value: Any) -> bool:
    return isinstance(value, Mapping) and "name" in value


def _end(spec: Spec) -> float:
    return spec["target"] if "target" in spec else float(build(schedules, spec)(LAST))
