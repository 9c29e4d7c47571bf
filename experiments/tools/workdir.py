"""The folder of a run: it belongs to one configuration."""

import contextlib
import errno
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from jdistill.files import replacing
from jdistill.words import plain


def claim(folder: pathlib.Path, config: Mapping[str, Any]) -> None:
    """Makes the folder, or checks that this configuration made it.

    Any configuration may take a folder in which a run has written nothing yet.

    Args:
        folder: where the run writes; `config.json` in it is its configuration.
        config: the configuration, plain values only.

    Raises:
        ValueError: another configuration made the folder, or it has rows and no
            configuration. Nothing is changed then.
    """
    mine = json.loads(json.dumps(config, default=plain))
    file = folder / "config.json"
    there = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if file.is_symlink():
        raise ValueError(f"{file} is a link; take another --workdir")
    if file.exists():
        difference = first_difference(_read(file), mine)
        shown = {name for name in there if not name.startswith(".")}
        unused = shown <= {file.name, "lock"}  # and what a killed write left
        if difference and not unused:
            raise ValueError(
                f"{folder} was made by another config: {difference}; "
                "take another --workdir"
            )
        if not difference:
            return
    elif made := sorted(there & {"rows.jsonl", "curves.jsonl"}):
        raise ValueError(
            f"{folder} has {made[0]} but no config.json; take another --workdir"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(mine, indent=2, sort_keys=True) + "\n")


def check_there(folder: pathlib.Path) -> None:
    """Refuses to go on in a folder that was removed and made again by a later write.

    Raises:
        FileNotFoundError: what `claim` wrote is gone.
    """
    file = folder / "config.json"
    if not file.exists():
        raise FileNotFoundError(errno.ENOENT, "it was removed amid the run", str(file))


def _read(file: pathlib.Path) -> Any:
    with contextlib.suppress(ValueError, RecursionError):  # of JSON, of text
        found = json.loads(file.read_bytes())
        if isinstance(found, dict):
            return found
    raise ValueError(f"{file} is not the config of a run; take another --workdir")


def first_difference(theirs: Any, mine: Any, path: str = "config") -> str | None:
    """Says where two configurations differ first, in alphabetical order of keys.

    Example:
        >>> first_difference({'a': {'b': 1}}, {'a': {'b': 2}})
        'config.a.b is 1 there and 2 here'
        >>> first_difference([{'a': 1, 'b': 2}], [{'b': 2, 'a': 3}])
        'config[0].a is 1 there and 3 here'
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
    if isinstance(theirs, list) and isinstance(mine, list):
        if len(theirs) != len(mine):
            return f"{path} has {len(theirs)} entries there and {len(mine)} here"
        each = (
            first_difference(one, other, f"{path}[{number}]")
            for number, (one, other) in enumerate(zip(theirs, mine, strict=True))
        )
        return next(filter(None, each), None)
    same = json.dumps(theirs) == json.dumps(mine)  # as text, so that NaN is itself
    return None if same else f"{path} is {_short(theirs)} there and {_short(mine)} here"


def _short(value: Any, most: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def write_whole(path: pathlib.Path, text: str) -> None:
    """Writes a file so that a kill leaves the old one or the new one.

    What the name was is replaced; where it was a link, its target is left alone.
    """
    if path.is_symlink():
        path.unlink()
    with replacing(path) as file:
        file.write(text.encode(errors="backslashreplace"))
