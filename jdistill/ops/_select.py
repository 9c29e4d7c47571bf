"""Which products `where` selects."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from jdistill.mends import near
from jdistill.ops._walk import Found, Walk, refuse_closures
from jdistill.tree import Where


def select(walk: Walk, where: Where) -> tuple[Found, ...]:
    """The products that `where` selects by the path of a weight or by key.

    None selects all that read a parameter.

    Raises:
        ValueError: nothing is selected, or a weight that only opaque code reads.
    """
    if where is None:
        refuse_closures(walk)
        return tuple(f for f in walk.found if f.op.weight)
    names = {name: None for found in walk.found for name in _names(found)}
    hidden = {w: o for o in walk.opaque for w in o.weights}
    chosen = _chosen(where, {**names, **hidden})
    for name in chosen:
        if name in hidden:
            opaque = hidden[name]
            raise ValueError(
                f"where selects {name!r}, which {opaque.primitive} reads"
                f"{' in ' + opaque.module if opaque.module else ''}, and that "
                "cannot be looked into; leave it out"
            )
    return tuple(f for f in walk.found if chosen.intersection(_names(f)))


def check_keys(aux: Mapping[str, Any], found: Iterable[Found]) -> None:
    """Raises where `aux` names a product that was not selected."""
    valid = [f.op.key for f in found]
    unknown = sorted(set(aux) - set(valid))
    if unknown:
        raise ValueError(
            f"aux names {unknown[0]!r}, which is no selected product; "
            f"the keys are {valid}"
        )


def _names(found):
    return [found.op.key, *(weight.path for weight in found.op.weight)]


def _chosen(where, names):
    if isinstance(where, str):
        chosen = {n for n in names if re.fullmatch(where, n)}
        if not chosen:
            raise ValueError(
                f"where={where!r} matches no product; {near(where, names)}"
                f"products are {sorted(names)}"
            )
        return chosen
    wanted = set(where)
    if not wanted:
        raise ValueError(f"where is empty; products are {sorted(names)}")
    missing = sorted(wanted - set(names))
    if missing:
        raise ValueError(
            f"where names {missing[0]!r}, which no product reads; "
            f"{near(missing[0], names)}products are {sorted(names)}"
        )
    return wanted
