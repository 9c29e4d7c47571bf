"""A step with shapes alone: nothing computed, mistakes told, no trace made twice."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import compress, models, objective, train, tree
from jdistill.typing import Frozen
from tests.train.examples import CLASSES, adam, batch, frozen, net, split

KEY = jax.random.key(0)
TEACHER = net(widths=(7,))


def counted(model):
    """The model, and a list with an entry for each trace of it."""
    calls = []

    def apply(*args, **more):
        calls.append(1)
        return model.apply(*args, **more)

    return model._replace(apply=apply), calls


def taught(student, teacher=TEACHER):
    return train.learner(
        student,
        objective.hinton(),
        optax.adam(1e-2),
        teacher=teacher,
        compression=compress.magnitude(sparsity=0.5, every=2),
    )


@pytest.mark.parametrize("steps_per_dispatch", [2, 1, None])
def test_a_run_does_not_trace_what_a_dry_run_has(steps_per_dispatch):
    student, calls = counted(net())
    learner, known = taught(student), frozen(TEACHER)
    shapes = jax.eval_shape(lambda x: x, known)
    planned = train.dry_run(learner, split().take(np.arange(8)), frozen=shapes)
    traced = len(calls)
    state = train.run(
        *(learner, split()),
        key=KEY, num_steps=4, batch_size=8, frozen=known,
        steps_per_dispatch=steps_per_dispatch,
    )  # fmt: skip
    again = 1 if steps_per_dispatch == 1 else 0  # such a step teaches itself
    assert len(calls) == traced + again
    shape = lambda x: (x.shape, x.dtype)  # noqa: E731
    assert jax.tree.map(shape, planned) == jax.tree.map(shape, state)


def test_nothing_is_computed_whatever_the_size():
    huge = models.mlp(widths=(10**6, 10**6), classes=CLASSES)
    rows = {k: jax.ShapeDtypeStruct((2**30, *x.shape[1:]), x.dtype)
            for k, x in batch().items()}  # fmt: skip
    state = train.dry_run(adam(huge), rows)
    assert tree.num_bytes(state.params) > 4e12


def test_shapes_to_start_from_are_those_of_the_state():
    half = jax.eval_shape(
        lambda: jax.tree.map(lambda x: x.astype(jnp.bfloat16), frozen(net()))
    )
    state = train.dry_run(adam(), batch(), start=half)
    assert {str(x.dtype) for x in jax.tree.leaves(state.params)} == {"bfloat16"}


def test_what_a_step_would_refuse_is_refused():
    other = net(classes=CLASSES + 1)
    shapes = Frozen(*jax.eval_shape(other.init, KEY, batch()))
    with pytest.raises(ValueError, match="classes"):
        train.dry_run(taught(net(), other), batch(), frozen=shapes)
    with pytest.raises(TypeError, match="learner"):
        train.dry_run(net(), batch())
    with pytest.raises(TypeError, match=r"batch\['inputs'\]"):
        train.dry_run(taught(net()), {"inputs": [1.0]}, frozen=frozen(TEACHER))
