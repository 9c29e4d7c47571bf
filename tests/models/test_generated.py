import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import losses, models, objective, train
from jdistill.objective import rerun, taps, term
from jdistill.typing import Frozen

SHAPE = (8, 8, 1)
STUDENT = models.mlp(widths=(8,), classes=4)
TEACHER = models.mlp(widths=(12,), classes=4)
NET = models.generated(STUDENT, shape=SHAPE, latent=6, width=8, low=-1.0, high=2.0)
BATCH = {"inputs": jnp.full((6, *SHAPE), jnp.nan), "id": jnp.arange(6)}
FROZEN = Frozen(
    *jax.jit(TEACHER.init)(jax.random.key(1), {"inputs": jnp.zeros((1, *SHAPE))})
)
FROZEN = jax.tree.map(lambda x: 3 * x, FROZEN)  # sure of some images, not of all


def goal():
    images = taps("student", "images")
    theirs = rerun("teacher", images)
    return objective.combine(
        kd=term(losses.kl, objective.logits("student"), objective.stopped(theirs)),
        sure=term(losses.one_hot, theirs),
        balance=0.1 * term(losses.class_balance, theirs, mask=objective.example_mask()),
    )


def recipe(tx=None):
    tx = optax.adam(1e-2) if tx is None else tx
    return train.learner(NET, goal(), tx, teacher=TEACHER)


def test_images_are_made_in_the_given_range_and_no_data_are_looked_at():
    params, state = jax.jit(NET.init)(jax.random.key(0), BATCH)
    out, after = NET.apply(params, state, BATCH, train=True, key=jax.random.key(2))
    images = out.features["images"]
    assert images.shape == (6, *SHAPE) and images.min() > -1 and images.max() < 2
    again, _ = NET.apply(params, state, BATCH, train=True, key=jax.random.key(3))
    assert not np.array_equal(images, again.features["images"])
    assert jax.tree.structure(after) == jax.tree.structure(state)


def test_each_part_learns_from_its_own_terms():
    state = jax.jit(recipe().init)(jax.random.key(0), BATCH, FROZEN)
    only = train.learner(
        NET,
        objective.combine(
            kd=term(
                losses.kl,
                objective.logits("student"),
                objective.stopped(rerun("teacher", taps("student", "images"))),
            )
        ),
        optax.sgd(0.1),
        teacher=TEACHER,
    )
    moved, _ = jax.jit(only.step)(
        jax.jit(only.init)(jax.random.key(0), BATCH, FROZEN), BATCH, FROZEN
    )

    def change(part):
        parts = zip(
            *(jax.tree.leaves(s.params[part]) for s in (moved, state)), strict=True
        )
        return max(float(jnp.abs(a - b).max()) for a, b in parts)

    assert change("student") > 0 and change("generator") == 0


def test_the_generator_learns_to_make_what_the_teacher_is_sure_of():
    learner = recipe()
    state = jax.jit(learner.init)(jax.random.key(0), BATCH, FROZEN)
    step = jax.jit(learner.step)
    values = []
    for _ in range(30):
        state, metrics = step(state, BATCH, FROZEN)
        values.append(float(metrics["sure"][0] / metrics["sure"][1]))
    assert state.bad == -1
    assert np.mean(values[-5:]) < 0.7 * np.mean(values[:5])


def test_where_nothing_is_trained_it_is_the_student():
    params, state = jax.jit(NET.init)(jax.random.key(0), BATCH)
    real = {"inputs": jnp.ones((3, *SHAPE)), "id": jnp.arange(3)}
    found, _ = NET.apply(params, state, real)
    wanted, _ = STUDENT.apply(params["student"], state["student"], real)
    np.testing.assert_array_equal(found.logits, wanted.logits)


def test_what_cannot_be_made_is_refused():
    with pytest.raises(ValueError, match="multiples of 4, got 6 x 8"):
        models.generated(STUDENT, shape=(6, 8, 1))
    with pytest.raises(ValueError, match="latent must be a whole number from 1"):
        models.generated(STUDENT, shape=SHAPE, latent=0)
    params, state = jax.jit(NET.init)(jax.random.key(0), BATCH)
    with pytest.raises(ValueError, match="pass key= to apply"):
        NET.apply(params, state, BATCH, train=True)
