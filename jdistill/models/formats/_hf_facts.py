"""What a configuration file says, believed only where it is of the right kind."""

import json
import math
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from jdistill.checks import MOST

_MOST_BYTES = 16_000_000
_MOST_NUMBER = 1e300


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """The object in a small file.

    Args:
        path: of the file.

    Raises:
        ValueError: there is no file, it is too large, or holds no object of JSON.

    Example:
        >>> read_json(pathlib.Path('/nowhere/config.json'))
        Traceback (most recent call last):
        ValueError: no file at /nowhere/config.json
    """
    if not path.is_file():
        raise ValueError(f"no file at {path}")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} is larger than {_MOST_BYTES:,} bytes")
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no object")
    return found


class Facts:
    """Values by their keys, with those of the family where the file says nothing.

    A null is as good as nothing, but for keys whose default is a number that null
    turns off.
    """

    def __init__(self, said: Mapping[str, Any], defaults: Mapping[str, Any]):
        """Joins what is said with the defaults."""
        self._values = {**defaults, **said}

    def get(self, key: str, default: Any = None) -> Any:
        """What is said, whatever it is; the default for nothing and for null."""
        found = self._values.get(key)
        return default if found is None else found

    def whole(self, key: str, default: int | None = None, *, least: int = 1) -> int:
        """A whole number from 1, or from another least one."""
        what = f"a whole number from {least} to {MOST}"
        right = lambda x: _is(x, int) and least <= x <= MOST  # noqa: E731
        return self._of_kind(key, default, what, right)

    def number(self, key: str, default: float | None = None) -> float:
        """A positive number."""
        return float(self._of_kind(key, default, "a number above 0", _is_positive))

    def optional(self, key: str) -> float | None:
        """A positive number or nothing."""
        return None if self.get(key) is None else self.number(key)

    def flag(self, key: str, default: bool = False) -> bool:
        """True or false."""
        return self._of_kind(key, default, "true or false", lambda x: _is(x, bool))

    def object(self, key: str) -> "Facts":
        """An object of its own, empty where there is none."""
        found = self._of_kind(key, {}, "an object", lambda x: isinstance(x, dict))
        return Facts(found, {})

    def one_of(self, key: str, valid: Mapping[str, Any]) -> Any:
        """What a word stands for."""
        word = self.get(key)
        if not isinstance(word, str) or word not in valid:
            raise ValueError(f"{key} must be one of {sorted(valid)}, got {word!r}")
        return valid[word]

    def each(self, key: str, size: int, valid: tuple[Any, ...]) -> list[Any] | None:
        """A list of one word or number a layer, None where there is none."""
        found = self.get(key)
        if found is None:
            return None
        right = isinstance(found, list) and all(x in valid for x in found)
        if not right or len(found) != size:
            raise ValueError(
                f"{key} must list {valid[0]!r} or {valid[1]!r} for {size} layers, got "
                f"{str(found)[:80]}"
            )
        return found

    def _of_kind(
        self, key: str, default: Any, what: str, is_right: Callable[[Any], bool]
    ) -> Any:
        found = self.get(key, default)
        if not is_right(found):
            raise ValueError(f"{key} must be {what}, got {repr(found)[:80]}")
        return found


def _is(x: Any, kind: type) -> bool:
    return isinstance(x, kind) and (kind is bool or not isinstance(x, bool))


def _is_positive(x: Any) -> bool:
    return (_is(x, int) or _is(x, float)) and 0 < x < math.inf and x < _MOST_NUMBER
