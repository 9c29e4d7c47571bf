"""Parameters of the student that are given as data: never trained, kept or copied."""

from typing import Any, NamedTuple

import jax

from jdistill import tree
from jdistill.mends import near
from jdistill.typing import Compression, Frozen, Tree


class Given(NamedTuple):
    """Stands in a state for a parameter that `frozen['student']` holds."""


def without(params: Tree, base: Frozen | None) -> Tree:
    """The parameters with `Given` in the places of those that the base holds.

    Args:
        params: the student's, whole.
        base: some of them, under the same paths.

    Returns:
        A tree without the arrays of the base.

    Raises:
        ValueError: the base holds a path that the student does not have, or another
            shape.

    Example:
        >>> without({'a': 1.0, 'b': 2.0}, Frozen({'b': 2.0}))
        {'a': 1.0, 'b': Given()}
    """
    if base is None:
        return params
    held = _held(params, base)
    return tree.map_paths(lambda path, x: Given() if path in held else x, params)


def whole(params: Tree, base: Frozen | None) -> Tree:
    """The parameters with those of the base in their places.

    Args:
        params: as `without` leaves them, or of a follower.
        base: those that are missing.

    Returns:
        A tree with all arrays.

    Raises:
        ValueError: there is no base, or it lacks what is missing.

    Example:
        >>> whole({'a': 1.0, 'b': Given()}, Frozen({'b': 2.0}))
        {'a': 1.0, 'b': 2.0}
    """
    marked = jax.tree.map(lambda x: _Place(x), params, is_leaf=_is_given)
    places = tree.flatten(marked)
    missing = {path for path, x in places.items() if _is_given(x.holds)}
    if not missing:
        return params
    held = tree.flatten(base.params) if base is not None else {}
    if lacking := sorted(missing - held.keys()):
        raise ValueError(
            f"the state holds no {lacking[0]!r}: pass frozen= with the parameters that "
            "'student' was given, as in the run"
        )
    return tree.map_paths(
        lambda path, x: held[path] if path in missing else x.holds, marked
    )


def begun(params: Tree, base: Frozen | None) -> Tree:
    """The first parameters of a student, those of the base in place of its own."""
    return whole(without(whole(params, base), base), base)


def fixing(compression: Compression, base: Frozen | None) -> Compression:
    """The compression, of which nothing in the base is trainable."""
    if base is None:
        return compression
    held = tree.flatten(base.params)

    def trainable(params, learned, state):
        may = compression.trainable(params, learned, state)
        return tree.map_paths(lambda path, x: False if path in held else x, may)

    return compression._replace(trainable=trainable)


class _Place:
    """A leaf, also where nothing is."""

    def __init__(self, holds: Any):
        self.holds = holds


def _is_given(x: Any) -> bool:
    return isinstance(x, Given)


def _held(params: Tree, base: Frozen) -> dict[str, Any]:
    held, mine = tree.flatten(base.params), tree.flatten(params)
    for path, x in held.items():
        if path not in mine:
            raise ValueError(
                f"frozen['student'] holds {path!r}, which the student has not; "
                f"{near(path, mine)}valid: {', '.join(sorted(mine))}"
            )
        found, wanted = (jax.eval_shape(lambda y=y: y) for y in (x, mine[path]))
        if found.shape != wanted.shape:
            raise ValueError(
                f"frozen['student'] holds {path!r} of shape {found.shape}, the student "
                f"has {wanted.shape}"
            )
    return held
