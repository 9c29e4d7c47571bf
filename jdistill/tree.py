"""Parameter trees by path: select with a regular expression, count, weigh.

A path is the keys from the root joined by '/': `Dense_0/kernel` in linen,
`layers/0/weight` in a list of plain classes. One language of paths serves compression
(`where=`), sharding rules and messages.
"""

import re
from collections.abc import Callable, Collection
from typing import Any

import jax
import numpy as np

from jdistill.mends import near
from jdistill.typing import Tree

Where = str | Collection[str] | None
"""A regular expression that must match a whole path, or the paths themselves."""


def flatten(tree: Tree) -> dict[str, Any]:
    """The leaves of a tree by path, in the tree's order.

    The array of an nnx variable has the path of the variable.

    Raises:
        ValueError: two leaves have one path, as those of `{'a/b': 1, 'a': {'b': 2}}`.

    Example:
        >>> flatten({'a': {'b': 1, 'c': 2}})
        {'a/b': 1, 'a/c': 2}
    """
    return dict(zip(_paths(tree), jax.tree.leaves(tree), strict=True))


def map_paths(function: Callable[..., Any], tree: Tree, *rest: Tree) -> Tree:
    """`jax.tree.map` whose function gets the path first.

    Raises:
        ValueError: as `flatten`.

    Example:
        >>> map_paths(lambda path, x: x + len(path), {'ab': 1})
        {'ab': 3}
    """
    paths = jax.tree.unflatten(jax.tree.structure(tree), _paths(tree))
    return jax.tree.map(function, paths, tree, *rest)


def unflatten(like: Tree, leaves: dict[str, Any]) -> Tree:
    """The tree of the form of `like` with the given leaves.

    Raises:
        ValueError: a path of `like` has no leaf.

    Example:
        >>> unflatten({'a': {'b': 1}}, {'a/b': 5})
        {'a': {'b': 5}}
    """

    def find(path, _):
        if path not in leaves:
            raise ValueError(f"no leaf for parameter {path!r}; there are {[*leaves]}")
        return leaves[path]

    return map_paths(find, like)


def select(tree: Tree, where: Where, *, default: Where = None) -> frozenset[str]:
    r"""The paths that `where` selects.

    Args:
        tree: any pytree.
        where: a regular expression that must match the whole path, or a collection of
            paths; None takes `default`.
        default: what None stands for.

    Returns:
        The selected paths.

    Raises:
        ValueError: nothing is selected, or `where` and `default` are both None.

    Example:
        >>> sorted(select({'a': {'kernel': 1, 'bias': 2}}, r'.*/kernel'))
        ['a/kernel']
    """
    where = default if where is None else where
    check_where(where)
    paths = list(flatten(tree))
    if where is None:
        raise ValueError(
            "where= is needed here: a regular expression that matches whole parameter "
            f"paths, or the paths that ops.weights finds; there are {paths}"
        )
    if isinstance(where, str):
        found = frozenset(p for p in paths if re.fullmatch(where, p))
        if not found:
            raise ValueError(
                f"where={where!r} matches no parameter; {near(where, paths)}"
                f"valid: {paths}"
            )
        return found
    missing = sorted(set(where) - set(paths))
    if missing or not where:
        name = missing[0] if missing else ""
        raise ValueError(
            f"where names no parameter {name!r}; {near(name, paths)}valid: {paths}"
        )
    return frozenset(where)


def check_where(where: Any) -> None:
    """Refuses what is neither a regular expression nor paths; None passes.

    Raises:
        ValueError: it is no such thing, or an expression that cannot be read.

    Example:
        >>> check_where('(')
        Traceback (most recent call last):
        ValueError: where='(' is no regular expression: missing ), unterminated ...
    """
    if isinstance(where, str):
        try:
            re.compile(where)
        except re.error as error:
            raise ValueError(f"{where=} is no regular expression: {error}") from error
    elif where is not None and not isinstance(where, Collection):
        raise ValueError(f"where must be a regular expression or paths, got {where!r}")


def map_where(
    function: Callable[[str, Any], Any], tree: Tree, where: Where, **default: Where
) -> Tree:
    """Applies `function(path, leaf)` to the selected leaves and keeps the others.

    Example:
        >>> map_where(lambda path, x: -x, {'a': {'kernel': 1, 'bias': 2}}, '.*kernel')
        {'a': {'bias': 2, 'kernel': -1}}
    """
    paths = select(tree, where, **default)
    return map_paths(lambda p, x: function(p, x) if p in paths else x, tree)


def count(tree: Tree) -> int:
    """The number of elements of all leaves.

    Example:
        >>> count({'a': np.zeros((2, 3)), 'b': np.zeros(4)})
        10
    """
    return sum(int(np.prod(np.shape(x))) for x in jax.tree.leaves(tree))


def num_bytes(tree: Tree) -> int:
    """The bytes of all leaves at their own types.

    Example:
        >>> num_bytes({'a': np.zeros((2, 3), np.float32), 'b': np.zeros(4, np.int8)})
        28
    """
    sizes = (np.prod(np.shape(x)) * x.dtype.itemsize for x in jax.tree.leaves(tree))
    return int(sum(sizes))


def _paths(tree: Tree) -> list[str]:
    """The paths of the leaves, in order."""
    keys = [keys for keys, _ in jax.tree_util.tree_flatten_with_path(tree)[0]]
    if any(k and k[-1] == _VALUE for k in keys):
        variables = _variables(tree)
        keys = [k[:-1] if k[:-1] in variables else k for k in keys]
    paths = [jax.tree_util.keystr(k, simple=True, separator="/") for k in keys]
    seen = set()
    for path in paths:
        if path in seen:
            raise ValueError(f"two leaves of the tree have the path {path!r}")
        seen.add(path)
    return paths


_VALUE = jax.tree_util.GetAttrKey("value")


def _variables(tree: Tree) -> set[Any]:
    """Where nnx variables are: boxes around an array, which their paths pass over."""
    found, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf=_is_variable)
    return {keys for keys, leaf in found if _is_variable(leaf)}


def _is_variable(x: Any) -> bool:
    # known by name, because this module imports no framework
    kinds = type(x).__mro__
    return any(
        k.__name__ == "Variable" and k.__module__.startswith("flax.nnx.") for k in kinds
    )
