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

from experiments.tools.rows import open_rows, read_rows
from experiments.tools.workdir import write_whole
from jdistill.words import plain

ALONE = {
    "teacher": ("teacher",),
    "teacher_half": ("teacher", "teacher_half"),
    "teacher_own": ("teacher_own",),
    "student": ("student",),
}
"""The sections of the configuration that stages which nobody teaches depend on."""
OTHERS = (
    *ALONE,
    *("distilled", "distilled_own", "pruned", "quantised", "equal_bytes"),
    *("objective", "comparisons", "baseline", "folds"),
)
"""The sections that no such stage depends on, but for its own."""
FINISHED = "finished.json"


def recipe(config: Mapping[str, Any], stage: str, fold: int) -> dict[str, Any]:
    """What a stage's training depends on, for `train.checkpoints`.

    Example:
        >>> config = {'seed': 0, 'objective': {'alpha': 1}, 'student': {'num_steps': 3}}
        >>> recipe(config, 'student', 2)['config']
        {'seed': 0, 'student': {'num_steps': 3}}
        >>> recipe(config, 'distilled', 2)['config'] == config
        True
    """
    own = ALONE.get(stage)
    if own is not None:
        config = {k: v for k, v in config.items() if k not in OTHERS or k in own}
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
