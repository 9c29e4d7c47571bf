"""Runs of a sweep that differ in numbers of the objective alone, as lanes of one run.

`lanes.json`, in the folder of the sweep, says which runs these are: what was trained
together is found again by it, whatever values are added later.
"""

import contextlib
import copy
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.tools.flags import Variant
from experiments.tools.recipes import goal
from experiments.tools.stages import Stage
from experiments.tools.variants import folder_of
from experiments.tools.workdir import write_whole
from jdistill import train
from jdistill.typing import Frozen, Learner

FILE, SECTION = "lanes.json", "objective."


class Lanes(NamedTuple):
    """The runs that one belongs to.

    * `folder`: of what they train together.
    * `runs`: the names of their folders.
    * `values`: the numbers in which they differ, one of each run, by their keys.
    * `index`: which of them this run is.
    * `learners`: of all of them, by stage.
    * `ended`: the variables that a stage of this fold ended with in all of them.
    """

    folder: pathlib.Path
    runs: Sequence[str]
    values: Mapping[str, Sequence[float]]
    index: int
    learners: dict[str, Learner]
    ended: dict[str, Frozen]


def note(workdir: pathlib.Path, variants: Sequence[Variant]) -> None:
    """Notes which runs of a sweep, of those that have not begun, train together.

    Args:
        workdir: the folder of the sweep.
        variants: its runs.
    """
    groups = _read(workdir)
    alike: dict[Any, list[tuple[str, dict[str, float]]]] = {}
    for variant in variants:
        name, numbers = folder_of(variant.values), _numbers(variant)
        if numbers and not (workdir / name).exists():
            rest = [pair for pair in variant.values.items() if pair[0] not in numbers]
            alike.setdefault(tuple(rest), []).append((name, numbers))
    for runs in alike.values():
        names = [name for name, _ in runs]
        values = {key: [numbers[key] for _, numbers in runs] for key in runs[0][1]}
        if len(runs) > 1 and not any(names == group["runs"] for group in groups):
            groups.append({"runs": names, "values": values})
    if groups:
        write_whole(workdir / FILE, json.dumps(groups, indent=2) + "\n")


def of(folder: pathlib.Path) -> Lanes | None:
    """The runs that the run of a folder trains with, None where it is alone."""
    own = pathlib.Path(folder).absolute()
    for number, group in enumerate(_read(own.parent)):
        if own.name in group["runs"]:
            folder, index = own.parent / f"lanes{number}", group["runs"].index(own.name)
            return Lanes(folder, group["runs"], group["values"], index, {}, {})
    return None


def learner(
    group: Lanes, stage: Stage, spec: Mapping[str, Any], *, own_starts: bool
) -> Learner:
    """The learner of a stage in all runs, one for all folds.

    Args:
        group: the runs.
        stage: that of one of them.
        spec: the objective's section of one of them.
        own_starts: whether each run begins with variables of its own.
    """

    def make(**values: Any) -> Learner:
        return stage.learns(goal(section(spec, values)))

    if stage.name not in group.learners:
        values = {key: np.array(each, np.float32) for key, each in group.values.items()}
        group.learners[stage.name] = train.sweep(make, values, own_starts=own_starts)
    return group.learners[stage.name]


def one(ended: Frozen, index: int) -> Frozen:
    """The variables of one of the runs."""
    return jax.tree.map(lambda x: x[index], ended)


def recipe(
    config: Mapping[str, Any], stage: str, fold: int, group: Lanes
) -> dict[str, Any]:
    """What the training of a stage in all runs depends on."""
    whole = {**config, "objective": section(config["objective"], group.values)}
    return {"config": whole, "stage": stage, "fold": fold}


def section(spec: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The objective's section with these values.

    Example:
        >>> section({'name': 'hinton', 'alpha': 0.5}, {'objective.alpha': 0.9})
        {'name': 'hinton', 'alpha': 0.9}
    """
    made = copy.deepcopy(dict(spec))
    for key, value in values.items():
        *path, last = key.removeprefix(SECTION).split(".")
        place = made
        for part in path:
            place = place[part]
        place[last] = value
    return made


def _numbers(variant: Variant) -> dict[str, float]:
    """The keys of the objective that a run has values of; none if one is no number."""
    found = {}
    for key in (key for key in variant.values if key.startswith(SECTION)):
        value: Any = variant.config
        for part in key.split("."):
            value = value.get(part) if hasattr(value, "get") else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return {}
        found[key] = float(value)
    return found


def _read(workdir: pathlib.Path) -> list[dict[str, Any]]:
    """What was noted; nothing where the file is another's, of another form."""
    with contextlib.suppress(OSError, ValueError):
        groups = json.loads((workdir / FILE).read_text(encoding="utf-8"))
        if isinstance(groups, list) and all(map(_whole, groups)):
            return groups
    return []


def _whole(group: Any) -> bool:
    """Whether a group has runs, and numbers of each."""
    if not isinstance(group, dict) or {*group} != {"runs", "values"}:
        return False
    runs, values = group["runs"], group["values"]
    if not isinstance(runs, list) or not isinstance(values, dict):
        return False
    each = [value for value in values.values() if isinstance(value, list)]
    return len(each) == len(values) > 0 and {len(x) for x in each} == {len(runs)}
