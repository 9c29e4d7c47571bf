"""What runs of a sweep have in common is trained once.

The runs are folders of one folder. A stage of one of them that has the recipe of a
stage of another, which is finished, takes over its checkpoints and its curve.
"""

import contextlib
import json
import pathlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.tools import sections
from experiments.tools.rows import open_rows, read_rows
from experiments.tools.workdir import write_whole
from jdistill.words import plain

OF_NONE = ("stages", "objective", "equal_bytes", "comparisons", "baseline", "folds")
"""The sections that are no stage's, and that no stage depends on but for the first."""
FINISHED = "finished.json"


def recipe(config: Mapping[str, Any], stage: str, fold: int) -> dict[str, Any]:
    """What a stage's training depends on, for `train.checkpoints`.

    Example:
        >>> config = {'seed': 0, 'stages': ('a', 'b'), 'objective': {'alpha': 1},
        ...           'a': {}, 'b': {'model': 'a', 'teacher': 'a'}}
        >>> recipe(config, 'a', 2)['config']
        {'seed': 0, 'a': {}}
        >>> sorted(recipe(config, 'b', 2)['config'])
        ['a', 'b', 'objective', 'seed']
    """
    stages = config.get("stages", ())
    if stage in stages:
        rest = {*stages, *OF_NONE} - {*sections.needed(config, stage)}
        config = {key: value for key, value in config.items() if key not in rest}
    return {"config": config, "stage": stage, "fold": fold}


def finish(folder: pathlib.Path, made: Mapping[str, Any]) -> None:
    """Notes that the stage of a folder is finished, and by which recipe."""
    write_whole(folder / FINISHED, _text(made))


def take(
    workdir: pathlib.Path,
    folder: pathlib.Path,
    made: Mapping[str, Any],
    *,
    curve: Sequence[str],
) -> bool:
    """Takes over a stage that another run of the same sweep has finished.

    Args:
        workdir: the folder of this run.
        folder: that of the stage, in it; one that has checkpoints is left as it is.
        made: the recipe.
        curve: the keys that tell the points of the curves apart.

    Returns:
        Whether it has the checkpoints of another run now.
    """
    if (folder / "checkpoints").exists():
        return False
    for other in _runs_beside(workdir):
        theirs = other / folder.relative_to(workdir)
        if _read(theirs / FINISHED) == _text(made):
            partial = folder / "checkpoints.partial"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(theirs / "checkpoints", partial)
            append = open_rows(workdir / "curves.jsonl", curve)
            for point in read_rows(other / "curves.jsonl"):
                if (point["stage"], point["fold"]) == (made["stage"], made["fold"]):
                    append(point)
            partial.rename(folder / "checkpoints")
            return True
    return False


def _runs_beside(workdir: pathlib.Path) -> Iterator[pathlib.Path]:
    """The folders of the other runs, where this is one of a sweep."""
    own = pathlib.Path(workdir).absolute()
    with contextlib.suppress(ValueError):  # another's file, of another form
        config = json.loads(_read(own.parent / "config.json") or "{}")
        if isinstance(config, dict) and "sweep" in config:
            runs = sorted(own.parent.glob("*/config.json"))
            yield from (file.parent for file in runs if file.parent != own)


def _text(made: Mapping[str, Any]) -> str:
    return json.dumps(made, sort_keys=True, default=plain)


def _read(file: pathlib.Path) -> str | None:
    with contextlib.suppress(OSError):
        return file.read_text(encoding="utf-8")
    return None
