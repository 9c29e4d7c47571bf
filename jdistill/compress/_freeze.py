"""Parameters that stay what they are."""

import jax

from jdistill import tree
from jdistill.compress._combine import identity
from jdistill.typing import Compression


def freeze(*, where: tree.Where) -> Compression:
    r"""Keeps the selected parameters as they are: neither steps nor decay move them.

    .. math:: \hat w = w, \quad \partial \hat w / \partial w = 0

    A stage of training that is for some layers only is a recipe with the others
    frozen; `chain` joins it with masks and codes.

    Args:
        where: a regular expression of whole paths, or the paths, of what stays.

    Returns:
        A compression of no kind, without state.

    Raises:
        ValueError: on `init`: `where` matches nothing.

    Example:
        >>> c = freeze(where='a')
        >>> c.trainable({'a': 1.0, 'b': 2.0}, (), ())
        {'a': False, 'b': True}
    """
    tree.check_where(where)

    def init(params, *, key=None, products=None):
        del key, products
        tree.select(params, where)
        return (), ()

    def apply(params, learned, state):
        del learned, state
        return tree.map_where(lambda _, x: jax.lax.stop_gradient(x), params, where)

    def trainable(params, learned, state):
        del learned, state
        still = tree.select(params, where)
        return tree.map_paths(lambda path, _: path not in still, params)

    return identity()._replace(init=init, apply=apply, trainable=trainable)
