"""Where the arguments of a loss come from: what of which network."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jdistill import kinds, tree
from jdistill import views as seen
from jdistill.counting import keep
from jdistill.typing import Array, Batch, Key, Tree, Views
from jdistill.views import STUDENT

Need = tuple[str, str]


class Context(NamedTuple):
    """What a source is read from.

    * `views`, `batch`: of this step.
    * `weights`: of what the term counts, 0 for padding.
    * `key`: draws what is random in a projection; None for nothing random.
    """

    views: Views
    batch: Batch
    weights: Array
    key: Key | None = None

    def kept(self, array: Any) -> Array:
        """The array with 0 where its example or token does not count."""
        return keep(array, self.weights)


class Source(NamedTuple):
    """Where an argument of a loss comes from.

    * `read(context, learned) -> value`: an array, or a tuple of them.
    * `needs`: what it reads of networks, as (network, part).
    * `init(key, context) -> learned`: what trains beside the student, None for nothing.
    * `fixed`: what was learned in an earlier stage and trains no more.
    * `finite(context) -> booleans`: which examples or tokens may be learned from; where
      one may not, the term is NaN, which stops a run.
    * `labeled`: whether it is there only for examples that have a label.
    """

    read: Callable[[Context, Tree], Any]
    needs: frozenset[Need] = frozenset()
    init: Callable[[Key, Context], Tree] | None = None
    fixed: Tree | None = None
    finite: Callable[[Context], Array] | None = None
    labeled: bool = False


def logits(network: str, *, left_out: bool = False) -> Source:
    """The logits of a network, `[batch, ..., classes]`.

    Where those of another network than the student are not finite, the term is NaN,
    which stops a run: comparisons in a loss would take NaN for just another number.

    Args:
        network: its name, such as 'teacher'.
        left_out: whether -inf is no fault, but a class or an item that is left out.

    Returns:
        An argument of `term`.

    Example:
        >>> sorted(logits('teacher').needs)
        [('teacher', 'logits')]
    """
    _check_name(network=network)

    def read(context, learned):
        del learned
        return context.kept(seen.logits_of(context.views, network))

    def finite(context):
        found = read(context, ())
        good = jnp.isfinite(found)
        return (good | jnp.isneginf(found) if left_out else good).all(-1)

    return Source(
        read,
        frozenset({(network, "logits")}),
        finite=None if network == STUDENT else finite,
    )


def hidden(network: str) -> Source:
    """What the head of a network makes logits of, `[batch, ..., dim]`.

    Args:
        network: its name.

    Returns:
        An argument of `term`.

    Example:
        >>> sorted(hidden('student').needs)
        [('student', 'hidden')]
    """
    _check_name(network=network)
    return Source(
        lambda context, _: context.kept(seen.hidden_of(context.views, network)),
        frozenset({(network, "hidden")}),
    )


def sparse(network: str) -> Source:
    """Some classes of a network's distribution, a `SparseTarget`, as caches keep.

    Where one of another network than the student is NaN, so is the term, which stops a
    run.

    Args:
        network: its name.

    Returns:
        An argument of `term`.

    Example:
        >>> sorted(sparse('teacher').needs)
        [('teacher', 'sparse')]
    """

    def read(context, learned):
        del learned
        return jax.tree.map(context.kept, seen.sparse_of(context.views, network))

    def finite(context):
        return ~jnp.isnan(read(context, ()).log_p).any(-1)

    return Source(
        read,
        frozenset({(network, "sparse")}),
        finite=None if network == STUDENT else finite,
    )


def head(network: str) -> Source:
    """The matrix `[dim, classes]` with which a network makes logits of hidden states.

    Args:
        network: its name.

    Returns:
        An argument of `term`.

    Example:
        >>> sorted(head('teacher').needs)
        [('teacher', 'head')]
    """
    _check_name(network=network)
    return Source(
        lambda context, _: seen.head_of(context.views, network),
        frozenset({(network, "head")}),
    )


def taps(network: str, names: str | Sequence[str]) -> Source:
    """Features of a network by the names of their taps; several names give a tuple.

    Args:
        network: its name.
        names: of one tap, or of several.

    Returns:
        An argument of `term`.

    Example:
        >>> sorted(taps('teacher', ['a', 'b']).needs)
        [('teacher', 'features/a'), ('teacher', 'features/b')]
    """
    _check_name(network=network)
    names = names if isinstance(names, str) else _several(names)

    def read(context, learned):
        del learned
        return jax.tree.map(
            lambda name: context.kept(seen.tap_of(context.views, network, name)), names
        )

    every = (names,) if isinstance(names, str) else names
    return Source(read, frozenset((network, f"features/{name}") for name in every))


def weight(network: str, path: str) -> Source:
    """A parameter of a network as it computes with it, by its path.

    Args:
        network: its name.
        path: of the parameter, such as 'Dense_0/kernel'.

    Returns:
        An argument of `term`; it raises ValueError for a path that is not there.

    Example:
        >>> sorted(weight('teacher', 'Dense_0/kernel').needs)
        [('teacher', 'params')]
    """
    _check_name(network=network, path=path)

    def read(context, learned):
        del learned
        params = seen.view(context.views, network).params
        tree.select(params, (path,))
        return tree.flatten(params)[path]

    return Source(read, frozenset({(network, "params")}))


def _check_name(**names: Any) -> None:
    for name, value in names.items():
        if not isinstance(value, str):
            raise TypeError(f"{name} must be a name, got {kinds.got(value)}")


def _several(names: Any) -> tuple[str, ...]:
    several = isinstance(names, Sequence)
    if not several or not all(isinstance(name, str) for name in names):
        raise TypeError(f"names must be those of taps, got {names!r}")
    return tuple(names)
