"""Compressions one after the other, and the one that does nothing."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jdistill import kinds, tree
from jdistill.compress._encoded import Dense, nest
from jdistill.compress._gradient import pull_back
from jdistill.typing import Compression

REFUSED = {("quantize", "mask"): "zeros must stay zero, so masks come first"}
"""Kinds that must not come in this order, and why."""


def identity() -> Compression:
    r"""Changes nothing: the baseline without an if.

    .. math:: \hat w = w

    Returns:
        A compression of no kind, without state.

    Example:
        >>> c = identity()
        >>> c.apply({'w': 1.0}, *c.init({'w': 1.0}))
        {'w': 1.0}
    """

    def init(params, *, key=None, products=None):
        del params, key, products
        return (), ()

    def update(params, learned, state, *, step, grads=None, stats=None, key=None):
        del step, grads, stats, key
        return params, learned, state

    def encode(params, learned, state):
        del learned, state
        return {path: Dense(x) for path, x in tree.flatten(params).items()}

    def trainable(params, learned, state):
        del learned, state
        return jax.tree.map(lambda _: True, params)

    return Compression(
        init, update, lambda params, learned, state: params, encode, trainable
    )


def chain(*compressions: Compression) -> Compression:
    r"""Applies compressions in order, each to what the one before made.

    .. math:: \hat w = apply_n(\dots apply_2(apply_1(w)))

    A later one sees applied parameters in `init` and `update`; the gradient for an
    earlier one is pulled back through the later ones. What a stage sets in `update`
    is written to the raw parameters, where it differs and nowhere else. Chaining is
    associative; learned leaves and states nest as pairs, from the left.

    Args:
        compressions: in the order of their application; none gives `identity`.

    Returns:
        One compression; its kinds are theirs in order.

    Raises:
        ValueError: an order that breaks what an earlier one guarantees, or two stages
            that both give one parameter its codes.

    Example:
        >>> from jdistill import compress
        >>> c = chain(compress.magnitude(sparsity=0.5, where='w'),
        ...           compress.fake_quant(where='w'))
        >>> c.kinds
        ('mask', 'quantize')
    """
    for number, one in enumerate(compressions):
        kinds.compression(**{f"number {number} of chain": one})
    if not compressions:
        return identity()
    return functools.reduce(_then, compressions)


def _then(first: Compression, second: Compression) -> Compression:
    _check_order(first.kinds, second.kinds)

    def init(params, *, key=None, products=None):
        keys = (None, None) if key is None else jax.random.split(key)
        one = first.init(params, key=keys[0], products=products)
        seen = first.apply(params, *one)
        two = second.init(seen, key=keys[1], products=products)
        learned, state = zip(one, two, strict=True)
        jax.eval_shape(encode, params, learned, state)  # refuses codes of codes now
        return learned, state

    def update(params, learned, state, *, step, grads=None, stats=None, key=None):
        (one, two), (here, there) = learned, state
        keys = (None, None) if key is None else jax.random.split(key)
        early = grads
        if grads is not None:
            seen = first.apply(params, one, here)
            early, _ = pull_back(second, seen, two, there, grads)
        params, one, here = first.update(
            params, one, here, step=step, grads=early, stats=stats, key=keys[0]
        )
        seen = first.apply(params, one, here)
        set_to, two, there = second.update(
            seen, two, there, step=step, grads=grads, stats=stats, key=keys[1]
        )
        return jax.tree.map(_write, params, seen, set_to), (one, two), (here, there)

    def apply(params, learned, state):
        seen = first.apply(params, learned[0], state[0])
        return second.apply(seen, learned[1], state[1])

    def encode(params, learned, state):
        outer = first.encode(params, learned[0], state[0])
        seen = first.apply(params, learned[0], state[0])
        inner = second.encode(seen, learned[1], state[1])
        return {path: nest(outer[path], inner[path]) for path in outer}

    def trainable(params, learned, state):
        seen = first.apply(params, learned[0], state[0])
        one = first.trainable(params, learned[0], state[0])
        two = second.trainable(seen, learned[1], state[1])
        return jax.tree.map(_both, one, two)

    kinds = (*first.kinds, *second.kinds)
    statistics = tuple(dict.fromkeys((*first.statistics, *second.statistics)))
    return Compression(init, update, apply, encode, trainable, kinds, statistics)


def _check_order(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    for early in first:
        for late in second:
            if (early, late) in REFUSED:
                raise ValueError(
                    f"chain: {early!r} comes before {late!r}, but "
                    f"{REFUSED[early, late]}"
                )


def _write(raw: Any, seen: Any, set_to: Any) -> Any:
    return raw if set_to is seen else jnp.where(set_to == seen, raw, set_to)


def _both(one: Any, two: Any) -> Any:
    if one is False or two is False:
        return False
    if one is True or two is True:
        return two if one is True else one
    return one & two
