"""What a cache of tokens is of: a small file beside its shards, and what it refuses."""

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from jdistill.data._token_rows import Form
from jdistill.files import replacing

FILE, VERSION = "about.json", 1

WORDS = {
    "version": "version of the format",
    "teacher": "network",
    "tokenizer": "tokenizer",
    "length": "window length",
    "bos": "BOS rule",
    "temperature": "temperature",
    "targets": "rule of which classes are kept",
    "size": "number of windows",
    "shard_size": "number of windows in a shard",
}
"""What a message calls an entry, where that is not its name."""

About = Mapping[str, Any]


def claim(folder: pathlib.Path, about: About) -> None:
    """Makes the folder a cache of this, or sees that it is one.

    Raises:
        ValueError: it is a cache of something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / FILE).exists():
        refuse_other(about_of(folder), about, f"the cache in {folder}")
        return
    with replacing(folder / FILE) as file:
        file.write(json.dumps(about, indent=1, sort_keys=True).encode())


def about_of(folder: pathlib.Path) -> About:
    """What the cache in a folder is of.

    Raises:
        ValueError: there is none, or its file is not whole.
    """
    if not (folder / FILE).is_file():
        raise ValueError(f"no cache of tokens at {folder}")
    try:
        about = json.loads((folder / FILE).read_bytes())
        if form_in(about).width < 1 or shards_of(about) < 1:
            raise ValueError("a number in it is below 1")
    except Exception as error:
        raise ValueError(f"{folder / FILE} is not whole: {error!r}") from error
    return about


def refuse_other(there: About, here: About, what: str) -> None:
    """Refuses a cache of which an entry is not what it is here.

    Raises:
        ValueError: with the first entry that differs, and both values.

    Example:
        >>> refuse_other({"bos": "none"}, {"bos": "none"}, "the cache")
    """
    for name, value in here.items():
        if there.get(name) != value:
            raise ValueError(
                f"{what} was made with another {WORDS.get(name, name)} "
                f"({there.get(name)!r}, here {value!r}): compute it again elsewhere"
            )


def digest(about: About) -> str:
    """A hash that every shard carries, so that none of another cache is taken.

    Example:
        >>> len(digest({"bos": "none"}))
        16
    """
    text = json.dumps(about, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def form_in(about: About) -> Form:
    """How the rows of a cache are written."""
    return Form(**about["form"])


def shards_of(about: About) -> int:
    """How many shards a whole cache has.

    Example:
        >>> shards_of({"size": 5, "shard_size": 2})
        3
    """
    return -(-about["size"] // about["shard_size"])


def path_of(folder: pathlib.Path, number: int) -> pathlib.Path:
    """The file of a shard.

    Example:
        >>> path_of(pathlib.Path("a"), 7).name
        '000007.safetensors'
    """
    return folder / f"{number:06d}.safetensors"
