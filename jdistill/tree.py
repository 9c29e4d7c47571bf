"""Parameter trees by path: select with a regular expression, count, weigh.

A path is the keys from the root joined by '/': `Dense_0/kernel` in linen,
`layers/0/weight` in a list of plain classes. One language of paths serves compression
(`where=`), sharding rules and messages.
"""

import difflib
import re
from collections.abc import Callable, Collection
from typing import Any

import jax
import numpy as np

from jdistill.typing import Tree

Where = str | Collection[str] | None
"""A regular expression that must match a whole path, or the paths themselves."""


def path_of(keys: Any) -> str:
    """The path of a leaf from its key path.

    Example:
        >>> jax.tree_util.tree_map_with_path(lambda k, _: path_of(k), {'a': {'b': 1}})
        {'a': {'b': 'a/b'}}
    """
    path = jax.tree_util.keystr(keys, simple=True, separator="/")
    return path.removesuffix("/value")  # nnx.State ends each path in `.value`


def flatten(tree: Tree) -> dict[str, Any]:
    """The leaves of a tree by path, in the tree's order.

    Example:
        >>> flatten({'a': {'b': 1, 'c': 2}})
        {'a/b': 1, 'a/c': 2}
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {path_of(keys): leaf for keys, leaf in leaves}


def map_paths(function: Callable[..., Any], tree: Tree, *rest: Tree) -> Tree:
    """`jax.tree.map` whose function gets the path first.

    Example:
        >>> map_paths(lambda path, x: x + len(path), {'ab': 1})
        {'ab': 3}
    """
    return jax.tree_util.tree_map_with_path(
        lambda keys, *leaves: function(path_of(keys), *leaves), tree, *rest
    )


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
                f"where={where!r} matches no parameter; {_near(where, paths)}"
            )
        return found
    missing = sorted(set(where) - set(paths))
    if missing or not where:
        name = missing[0] if missing else ""
        raise ValueError(f"where names no parameter {name!r}; {_near(name, paths)}")
    return frozenset(where)


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


def _near(wanted: str, paths: list[str]) -> str:
    plain = re.sub(r"[.*\\^$?+()\[\]|]", "", wanted)
    close = difflib.get_close_matches(plain, paths, n=3, cutoff=0.3)
    close += [p for p in paths if plain and plain in p and p not in close]
    return f"did you mean {close}? all paths: {paths}" if close else f"paths: {paths}"
