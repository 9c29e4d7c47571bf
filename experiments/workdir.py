"""The folder of a run: it belongs to one configuration."""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any


def claim(folder: pathlib.Path, config: Mapping[str, Any]) -> None:
    """Makes the folder, or checks that this configuration made it.

    A folder in which a run wrote nothing yet belongs to nobody.

    Args:
        folder: where the run writes; `config.json` in it says whose it is.
        config: the configuration, plain values only.

    Raises:
        ValueError: another configuration made the folder, or it holds rows of none.
            Nothing is changed then.
    """
    mine = json.loads(json.dumps(config, default=str))
    file = folder / "config.json"
    if file.exists():
        difference = first_difference(json.loads(file.read_text()), mine)
        unused = [path.name for path in folder.iterdir()] == [file.name]
        if difference and not unused:
            raise ValueError(
                f"{folder} was made by another config: {difference}; "
                "take another --workdir"
            )
        if not difference:
            return
    if (folder / "rows.jsonl").exists():
        raise ValueError(
            f"{folder} has rows but no config.json; take another --workdir"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(mine, indent=2, sort_keys=True) + "\n")


def first_difference(theirs: Any, mine: Any, path: str = "config") -> str | None:
    """Says where two configurations differ first, in alphabetical order of keys.

    Example:
        >>> first_difference({'a': {'b': 1}}, {'a': {'b': 2}})
        'config.a.b is 1 there and 2 here'
    """
    if isinstance(theirs, dict) and isinstance(mine, dict):
        for key in sorted({*theirs, *mine}):
            if key not in mine:
                return f"{path}.{key} is there and not here"
            if key not in theirs:
                return f"{path}.{key} is here and not there"
            found = first_difference(theirs[key], mine[key], f"{path}.{key}")
            if found:
                return found
        return None
    return None if theirs == mine else f"{path} is {theirs!r} there and {mine!r} here"


def write_whole(path: pathlib.Path, text: str) -> None:
    """Writes a file so that a kill leaves the old one or the new one."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
