"""What the tensors of an entry are called in a file.

A parameter that is written as it is has its own path for a name, so that any reader of
safetensors finds it; the parts of an encoded one follow its path and a dot.
"""

from collections.abc import Iterable
from typing import Any

PARAMETER = "parameter"
TAKEN = "__metadata__"
"""The key of a header that is no tensor."""
MAX_NESTED = 4
"""How deep factors may be made of factors."""

_PARTS = {
    "n": (),
    "d": ("values",),
    "q": ("codes", "scale"),
    "c": ("indices", "centroids"),
}


def names(entries: Iterable[tuple[str, str, Any]]) -> list[list[str]]:
    """The names of the tensors of entries, none of them twice.

    A name that is taken gets a `~` behind it. Reader and writer find the same ones,
    from the entries alone.

    Args:
        entries: section, path and description of each, in order.

    Returns:
        The names for each entry, in the order of its arrays.

    Raises:
        ValueError: factors are nested too deep.

    Example:
        >>> names([('parameter', 'a', {'k': 'q'}), ('parameter', 'a.scale', {'k': 'd'}),
        ...        ('state', 'a', {'k': 'd'})])
        [['a.codes', 'a.scale'], ['a.scale~'], ['state:a']]
    """
    taken, found = {TAKEN}, []
    for section, path, head in entries:
        first = path if section == PARAMETER else f"{section}:{path}"
        own = []
        for part in _parts(head, 0):
            name = ".".join([first, *part])
            while name in taken:
                name += "~"
            taken.add(name)
            own.append(name)
        found.append(own)
    return found


def _parts(head: Any, depth: int) -> list[tuple[str, ...]]:
    """What each array of a description is, none where it is no description."""
    kind = head.get("k") if isinstance(head, dict) else None
    if kind == "f":
        return _factors(head, depth)
    if not isinstance(kind, str) or kind not in _PARTS:
        return []
    if kind == "d" and "p" not in head:
        return [()]
    places = ("places",) if "p" in head else ()
    zero = ("zero",) if "o" in head else ()
    return [(part,) for part in (*places, *_PARTS[kind], *zero)]


def _factors(head: dict[str, Any], depth: int) -> list[tuple[str, ...]]:
    if depth == MAX_NESTED:
        raise ValueError("its factors are nested too deep")
    sides = {"left": head.get("l"), "right": head.get("r")}
    found = [(n, *p) for n, side in sides.items() for p in _parts(side, depth + 1)]
    return [*found, ("mask",)] if "s" in head else found
