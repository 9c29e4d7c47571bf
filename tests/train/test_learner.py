"""One step: which gradient, what moves, what never does."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import compress, losses, models, objective, tree
from jdistill.typing import Aux, Frozen, Term
from jdistill.views import logits_of
from tests.train.examples import (
    CLASSES,
    SOFT,
    adam,
    batch,
    begin,
    close,
    frozen,
    halved,
    net,
    pruned_and_rounded,
    same,
    steps,
)


def linear():
    def init(key, x):
        w = jax.random.normal(key, (x.shape[-1], CLASSES))
        return {"w": w, "b": jnp.ones(CLASSES)}

    return models.from_function(lambda p, x: x @ p["w"] + p["b"][None], init)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def clipped_adamw(params, batches, *, rate, decay, norm):
    """Clipping by global norm, then Adam with decoupled weight decay, in float64."""
    p = {n: np.asarray(x, np.float64) for n, x in params.items()}
    m = {n: np.zeros_like(x) for n, x in p.items()}
    v = {n: np.zeros_like(x) for n, x in p.items()}
    for t, b in enumerate(batches, 1):
        x = np.asarray(b["inputs"], np.float64)
        error = (
            softmax(x @ p["w"] + p["b"][None]) - np.eye(CLASSES)[np.asarray(b["label"])]
        )
        g = {"w": x.T @ error / len(x), "b": error.mean(0)}
        length = np.sqrt(sum((g[n] ** 2).sum() for n in g))
        for n in g:
            g[n] = g[n] * min(1.0, norm / length)
            m[n] = 0.9 * m[n] + 0.1 * g[n]
            v[n] = 0.999 * v[n] + 0.001 * g[n] ** 2
            step = (m[n] / (1 - 0.9**t)) / (np.sqrt(v[n] / (1 - 0.999**t)) + 1e-8)
            p[n] = p[n] - rate * (step + decay * p[n])
    return p


def test_steps_equal_adam_with_decay_and_clipping_written_out_in_float64():
    tx = optax.chain(
        optax.clip_by_global_norm(0.5), optax.adamw(0.05, weight_decay=0.1)
    )
    recipe = adam(linear(), tx=tx)
    start = begin(recipe).params
    state, _ = steps(recipe, 3)
    batches = [batch(8, 8 * n) for n in range(3)]
    wanted = clipped_adamw(start, batches, rate=0.05, decay=0.1, norm=0.5)
    for name, x in wanted.items():
        np.testing.assert_allclose(state.params[name], x, rtol=2e-5, atol=2e-6)


def test_the_metrics_are_sums_and_counts_of_the_batch():
    recipe = adam(linear())
    state = begin(recipe)
    _, metrics = jax.jit(recipe.step)(state, batch())
    logits = batch()["inputs"] @ state.params["w"] + state.params["b"][None]
    p = softmax(np.asarray(logits, np.float64))[np.arange(8), batch()["label"]]
    np.testing.assert_allclose(metrics["ce"][0], -np.log(p).sum(), rtol=1e-5)
    assert float(metrics["ce"][1]) == 8
    np.testing.assert_allclose(metrics["loss"][0], -np.log(p).mean(), rtol=1e-5)


def test_the_teacher_receives_no_gradient():
    teacher, student = net(widths=(7,)), net()
    recipe = adam(student, SOFT, tx=optax.sgd(0.1), teacher=teacher)
    variables = frozen(teacher)
    state = begin(recipe, variables)

    def outcome(params):
        after, metrics = recipe.step(state, batch(), Frozen(params))
        moved = sum(jnp.sum(x) for x in jax.tree.leaves(after.params))
        return metrics["loss"][0] + moved

    grads = jax.jit(jax.grad(outcome))(variables.params)
    assert all((x == 0).all() for x in jax.tree.leaves(grads))


def _constants(step, *arguments):
    """Whether a program holds arrays, which it writes in hexadecimal numbers."""
    return 'dense<"0x' in jax.jit(step).lower(*arguments).as_text()


def test_the_teacher_is_data_of_the_step_and_no_constant_of_the_program():
    teacher = net(widths=(50,))
    recipe = adam(goal=SOFT, teacher=teacher)
    variables = frozen(teacher)
    state = begin(recipe, variables)
    traced = jax.make_jaxpr(recipe.step)(state, batch(), variables)
    sizes = [np.size(x) for x in traced.consts] + [
        np.size(v.val) for e in traced.jaxpr.eqns for v in e.invars if hasattr(v, "val")
    ]
    assert max(sizes, default=0) < 50
    assert not _constants(recipe.step, state, batch(), variables)
    closed = recipe._replace(step=lambda s, b: recipe.step(s, b, variables))
    assert _constants(closed.step, state, batch())  # so it is found where there is one
    other = frozen(teacher, seed=10)
    step = jax.jit(recipe.step)
    one, two = step(state, batch(), variables)[0], step(state, batch(), other)[0]
    assert step._cache_size() == 1
    assert not np.array_equal(
        one.params["Dense_0"]["kernel"], two.params["Dense_0"]["kernel"]
    )


def test_outputs_joined_ahead_are_those_of_the_step():
    teacher = net(widths=(7,), taps="Dense_0")
    recipe = adam(goal=SOFT, teacher=teacher)
    variables = frozen(teacher)
    state = begin(recipe, variables)
    joined = jax.jit(recipe.teach)(batch(), variables)
    found = joined["outputs"]["teacher"]
    assert found.logits.shape == (8, 3) and not found.features  # which no term reads
    step = jax.jit(recipe.step)
    assert close(step(state, batch(), variables), step(state, joined))


def test_a_learner_with_a_teacher_asks_for_its_variables():
    recipe = adam(goal=SOFT, teacher=net())
    with pytest.raises(ValueError, match="frozen="):
        recipe.init(jax.random.key(0), batch())


def test_classes_of_teacher_and_student_that_differ_are_named():
    teacher = net(classes=4)
    recipe = adam(goal=SOFT, teacher=teacher)
    variables = frozen(teacher)
    state = begin(recipe, variables)
    with pytest.raises(ValueError, match="student has 3 classes and the teacher 4"):
        recipe.step(state, batch(), variables)


def test_gradients_are_taken_at_the_applied_parameters_and_then_pulled_back():
    recipe = adam(linear(), tx=optax.sgd(1.0), compression=halved())
    state = begin(recipe)
    after, _ = jax.jit(recipe.step)(state, batch())

    def loss(p):
        logits = batch()["inputs"] @ p["w"] + p["b"][None]
        return jnp.mean(losses.cross_entropy(logits, batch()["label"]))

    half = jax.tree.map(lambda x: x / 2, state.params)
    wanted = jax.grad(loss)(half)
    assert close(after.compression, wanted)
    assert close(
        after.params, jax.tree.map(lambda p, g: p - g / 2, state.params, wanted)
    )


def test_penalties_see_the_raw_parameters():
    l1 = objective.on_params(losses.l1, where="w")
    goal = objective.combine(l1=0.5 * l1)
    recipe = adam(linear(), goal, tx=optax.sgd(0.1), compression=halved())
    state = begin(recipe)
    after, metrics = jax.jit(recipe.step)(state, batch())
    raw = state.params["w"]
    np.testing.assert_allclose(metrics["l1"][0], np.abs(raw).sum(), rtol=1e-6)
    moved = after.params["w"] - raw
    np.testing.assert_allclose(moved, -0.05 * np.sign(raw), rtol=1e-4, atol=1e-7)
    assert np.array_equal(after.params["b"], state.params["b"])


HEAVY = {
    "adamw": optax.adamw(0.05, weight_decay=0.3),
    "momentum": optax.chain(
        optax.add_decayed_weights(0.3), optax.sgd(0.05, momentum=0.9)
    ),
}


@pytest.mark.parametrize("tx", HEAVY)
def test_what_a_compression_holds_still_is_moved_by_no_optimiser(tx):
    def trainable(params, learned, state):
        return {**params, "w": jnp.arange(15).reshape(5, 3) % 2 == 0, "b": True}

    still = compress.identity()._replace(trainable=trainable)
    recipe = adam(linear(), tx=HEAVY[tx], compression=still)
    start = begin(recipe).params
    state, _ = steps(recipe, 4)
    held = np.arange(15).reshape(5, 3) % 2 == 1
    moved = np.asarray(state.params["w"] != start["w"])
    assert not moved[held].any()
    assert moved[~held].all()


@pytest.mark.parametrize("tx", HEAVY)
def test_masked_weights_stay_zero(tx):
    prune = compress.magnitude(sparsity=0.5, every=1000)
    recipe = adam(tx=HEAVY[tx], compression=prune)
    first, _ = steps(recipe, 0)
    state, _ = steps(recipe, 4)
    masks = first.compression.masks
    assert same(state.compression.masks, masks)
    for path, mask in masks.items():
        raw = tree.flatten(state.params)[path]
        assert int((~mask).sum()) == mask.size // 2
        assert (np.asarray(raw)[~np.asarray(mask)] == 0).all()


def test_a_schedule_of_a_compression_counts_the_steps_done():
    def update(params, learned, state, *, step, grads=None, stats=None, key=None):
        return params, learned, step

    spy = halved()._replace(update=update, init=lambda p, **_: ((), jnp.int32(0)))
    recipe = adam(linear(), compression=spy)
    state = begin(recipe)
    assert int(state.compression) == 0
    for number in (1, 2):
        state, _ = jax.jit(recipe.step)(state, batch())
        assert int(state.compression) == number


def test_what_is_finished_is_what_the_file_holds_bit_for_bit():
    recipe = adam(compression=pruned_and_rounded())
    state, _ = steps(recipe, 3)
    finished = recipe.finish(state)
    encoded = recipe.encode(state).params
    decoded = {path: compress.decode(x) for path, x in encoded.items()}
    assert same(decoded, tree.flatten(finished.params))
    kernel = np.asarray(finished.params["Dense_0"]["kernel"])
    assert (kernel == 0).mean() >= 0.5
    assert not np.array_equal(kernel, state.params["Dense_0"]["kernel"])


# A matrix that is trained beside the student, and a memory of the steps.


def projecting():
    def values(views, batch, *, aux, **_):
        difference = logits_of(views) @ aux.trained["p"] - batch["inputs"][:, :2]
        return jnp.sum(difference**2, axis=-1)

    def init(key, views, batch):
        shape = (logits_of(views).shape[-1], 2)
        return Aux({"p": jax.random.normal(key, shape)}, jnp.zeros((), jnp.float32))

    def update(aux, views, batch, *, step):
        return aux._replace(memory=aux.memory + jnp.sum(logits_of(views)) + step)

    return Term(values, lambda batch: jnp.ones(len(batch["label"])), 1.0, init, update)


def test_what_a_term_trains_moves_with_the_student_and_is_never_exported():
    recipe = adam(linear(), objective.combine(p=projecting()), tx=optax.adam(0.1))
    state = begin(recipe)
    after, _ = jax.jit(recipe.step)(state, batch())

    def loss(both):
        p, w = both
        logits = batch()["inputs"] @ w["w"] + w["b"][None]
        return jnp.mean(jnp.sum((logits @ p - batch()["inputs"][:, :2]) ** 2, -1))

    trained = state.aux["p"].trained["p"]
    grads = jax.grad(loss)((trained, state.params))
    tx = optax.adam(0.1)
    updates, _ = tx.update(grads, tx.init((trained, state.params)))
    wanted = optax.apply_updates((trained, state.params), updates)
    assert close((after.aux["p"].trained["p"], after.params), wanted)
    assert set(tree.flatten(recipe.finish(after))) == {"params/w", "params/b"}
    assert set(recipe.encode(after).params) == {"w", "b"}


def test_what_a_term_remembers_is_updated_after_each_step():
    recipe = adam(linear(), objective.combine(p=projecting()))
    state, total = begin(recipe), 0.0
    for number in range(2):
        logits = batch()["inputs"] @ state.params["w"] + state.params["b"][None]
        total += float(logits.sum()) + number
        state, _ = jax.jit(recipe.step)(state, batch())
        np.testing.assert_allclose(state.aux["p"].memory, total, rtol=1e-5)


def test_a_state_that_was_trained_is_a_start():
    recipe = adam()
    state, _ = steps(recipe, 2)
    again = jax.jit(recipe.init)(jax.random.key(1), batch(), start=recipe.finish(state))
    assert same(again.params, state.params)
    assert int(again.step) == 0


@pytest.mark.parametrize("parts", [0, -1])
def test_micro_batches_below_one_are_refused(parts):
    with pytest.raises(ValueError, match="micro_batches must be a whole number from 1"):
        adam(micro_batches=parts)
