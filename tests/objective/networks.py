"""Networks of two rows of numbers that tests of sources read."""

import jax
import jax.numpy as jnp
import numpy as np

from jdistill.objective import combine
from jdistill.typing import Outputs, Projection, View

RANDOM = np.random.default_rng(0)
X = jnp.asarray(RANDOM.normal(size=(4, 3)), jnp.float32)
Y = jnp.asarray(RANDOM.normal(size=(4, 3)), jnp.float32)
BATCH = {"label": jnp.array([0, 1, 2, 0]), "inputs": X}


def total(*arrays):
    return sum(jnp.sum(x, axis=-1) for x in arrays)


def views(student=X, **others):
    found = {"student": View(Outputs(student, {"tap": 2 * student}, 3 * student))}
    for name, x in others.items():
        found[name] = View(Outputs(x, {"tap": 2 * x}, 3 * x))
    return found


def value(made, seen, batch=BATCH, key=None, aux=None):
    goal = combine(one=made)
    aux = goal.init(jax.random.key(0), seen, batch) if aux is None else aux
    return goal.compute(seen, batch, aux=aux, step=0, key=key)[0]


LINEAR = Projection(
    lambda key, x, like: jnp.full((x.shape[-1], like.shape[-1]), 0.5),
    lambda w, x, like, *, mask=None, key=None: x @ w,
)
