"""Small recipes and data that the tests of training share."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jdistill import compress, data, losses, models, objective, train, tree
from jdistill.typing import Frozen

HARD = objective.combine(ce=objective.on_labels(losses.cross_entropy))
SOFT = objective.hinton(temperature=2.0, alpha=0.5)
CLASSES, DIM = 3, 5


@functools.cache
def split(size=40, seed=0):
    """Three clouds of points."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, CLASSES, size)
    inputs = rng.normal(size=(size, DIM)) + 2 * np.eye(CLASSES, DIM)[label]
    batch = {"inputs": inputs.astype(np.float32), "label": label}
    return data.in_memory(batch, classes=("a", "b", "c"), name="clouds")


def batch(size=8, start=0):
    found = split().take(np.arange(start, start + size))
    return {name: jnp.asarray(x) for name, x in found.items()}


@functools.cache
def net(*, widths=(6,), dropout=0.0, taps=(), classes=CLASSES):
    return models.mlp(widths=widths, classes=classes, dropout=dropout, taps=taps)


@functools.cache
def frozen(model, seed=9):
    return Frozen(*jax.jit(model.init)(jax.random.key(seed), batch()))


def adam(model=None, goal=HARD, tx=None, **more):
    tx = optax.adam(1e-2) if tx is None else tx
    return train.learner(model or net(), goal, tx, **more)


def begin(recipe, frozen=None, *, key=0):
    """The first state."""
    return jax.jit(recipe.init)(jax.random.key(key), batch(), frozen)


def steps(recipe, count=3, *, batches=None, frozen=None, key=0):
    """The state and the last metrics after some steps of 8 examples."""
    state = begin(recipe, frozen, key=key)
    step = jax.jit(recipe.step)
    metrics = {}
    for number in range(count):
        found = batches[number] if batches else batch(8, 8 * number)
        state, metrics = step(state, found, frozen)
    return state, metrics


def host(values):
    """The leaves by path, keys as their bits."""

    def plain(x):
        x = x if hasattr(x, "dtype") else np.asarray(x)
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x = jax.random.key_data(x)
        return np.asarray(x)

    return {path: plain(x) for path, x in tree.flatten(values).items()}


def same(one, other):
    """Whether two trees are equal bit for bit."""
    one, other = host(one), host(other)
    assert one.keys() == other.keys()
    different = [p for p in one if one[p].tobytes() != other[p].tobytes()]
    assert not different, different
    return True


def close(one, other, *, rtol=1e-5, atol=1e-6):
    """Whether two trees are equal but for rounding."""
    one, other = host(one), host(other)
    assert one.keys() == other.keys()
    for path in one:
        np.testing.assert_allclose(
            one[path], other[path], rtol=rtol, atol=atol, err_msg=path
        )
    return True


def halved(**more):
    """What the model sees is half of the raw parameters; `update` keeps `grads`."""

    def init(params, *, key=None, products=None):
        return (), jax.tree.map(jnp.zeros_like, params)

    def update(params, learned, state, *, step, grads=None, stats=None, key=None):
        return params, learned, state if grads is None else grads

    return compress.identity()._replace(
        init=init,
        update=update,
        apply=lambda params, learned, state: jax.tree.map(lambda x: x / 2, params),
        **more,
    )


def pruned_and_rounded(**more):
    return compress.chain(
        compress.magnitude(sparsity=0.5, every=2), compress.fake_quant(bits=8)
    )
