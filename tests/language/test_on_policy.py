"""Learning on own texts: what the step sees, and what is kept."""

import jax
import numpy as np
import optax
import pytest

from jdistill import losses, objective, train
from jdistill.language import generate, greedy, on_policy
from jdistill.models import DecoderConfig, decoder
from jdistill.typing import Frozen, Split

SIZES = dict(depth=1, heads=1, kv_heads=1, head_dim=4, mlp_dim=8, max_steps=16)
MODEL = decoder(DecoderConfig(vocab=9, dim=4, **SIZES))
BATCH = {
    "inputs": np.random.default_rng(0).integers(1, 9, (4, 6)),
    "label": np.random.default_rng(1).integers(1, 9, (4, 6)),
    "token_mask": np.ones((4, 6), "f4"),
}
TEACHER = Frozen(
    jax.tree.map(lambda p: 20 * p, MODEL.init(jax.random.key(5), BATCH)[0])
)


def spy(seen):
    """A recipe whose steps note the batch that they are given."""
    goal = objective.combine(
        kd=objective.on_logits(losses.reverse_kl),
        ce=objective.on_labels(losses.cross_entropy),
    )
    plain = train.learner(MODEL, goal, optax.adam(1e-2), teacher=MODEL)

    def step(state, batch, frozen=None):
        seen.append(batch)
        return plain.step(state, batch, frozen)

    return plain._replace(step=step)


def steps_of(number, **options):
    """The batches that the steps of an on-policy recipe saw, and its states."""
    seen, states = [], []
    recipe = on_policy(spy(seen), MODEL, **options)
    states.append(recipe.init(jax.random.key(0), BATCH, TEACHER))

    @jax.jit
    def step(state):
        seen.clear()
        state, metrics = recipe.step(state, BATCH, TEACHER)
        return state, metrics, seen[0]

    batches = []
    for _ in range(number):
        state, metrics, batch = step(states[-1])
        states.append(state)
        batches.append(batch)
    return recipe, states, batches, metrics


def test_a_share_of_the_rows_is_written_by_the_student_of_that_step():
    recipe, states, (first, second), metrics = steps_of(
        2, share=0.5, prompt=2, choose=greedy
    )
    for state, batch in zip(states, (first, second), strict=False):
        prompts = {"inputs": BATCH["inputs"][:2, :2]}
        wanted = generate(
            MODEL,
            recipe.finish(state),
            prompts,
            key=jax.random.key(0),
            steps=5,
            choose=greedy,
        )
        np.testing.assert_array_equal(batch["label"][:2, 1:], wanted.tokens)
        np.testing.assert_array_equal(batch["inputs"][:2, :2], prompts["inputs"])
        np.testing.assert_array_equal(batch["inputs"][:2, 1:], batch["label"][:2, :-1])
        np.testing.assert_array_equal(batch["inputs"][2:], BATCH["inputs"][2:])
        assert batch["label_mask"].sum(1).tolist() == [0, 0, 6, 6]
    assert metrics["kd"][1] == 24 and metrics["ce"][1] == 12


def test_with_every_and_keep_rows_come_from_the_texts_kept():
    _, states, batches, _ = steps_of(5, share=0.5, every=2, keep=2)
    texts = [state.followers["own_texts"]["inputs"] for state in states]
    assert (texts[1] == texts[2]).all() and (texts[3] == texts[4]).all()
    assert (texts[3][0] == texts[1][0]).all() and (texts[3][1] != 0).any()
    assert (texts[5][1] == texts[4][1]).all() and (texts[5][0] != texts[4][0]).any()
    for text, batch in zip(texts[1:], batches, strict=True):
        for row in range(2):
            assert (text[:, row] == batch["inputs"][row][None]).all(1).any()


def test_distillation_on_own_texts_comes_nearer_to_the_teacher():
    goal = objective.combine(kd=objective.on_logits(losses.reverse_kl))
    plain = train.learner(MODEL, goal, optax.adam(3e-2), teacher=MODEL)
    recipe = on_policy(plain, MODEL)
    state = recipe.init(jax.random.key(0), BATCH, TEACHER)
    step = jax.jit(recipe.step)
    means = []
    for _ in range(60):
        state, metrics = step(state, BATCH, TEACHER)
        means.append(float(metrics["kd"][0] / metrics["kd"][1]))
    assert np.mean(means[-10:]) < 0.5 * np.mean(means[:3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(share=0.0), "share must be above 0"),
        (dict(prompt=0), "prompt must be a whole number from 1"),
        (dict(every=0), "every must be a whole number from 1"),
        (dict(keep=0), "keep must be a whole number from 1"),
    ],
)
def test_a_number_out_of_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        on_policy(spy([]), MODEL, **options)


def test_rows_too_short_and_outputs_ahead_are_refused():
    recipe = on_policy(spy([]), MODEL, prompt=6)
    with pytest.raises(ValueError, match="prompts of 6 tokens leave nothing"):
        recipe.init(jax.random.key(0), BATCH, TEACHER)
    recipe = on_policy(spy([]), MODEL)
    state = recipe.init(jax.random.key(0), BATCH, TEACHER)
    ahead = BATCH | {"outputs": {"teacher": MODEL.apply(TEACHER.params, {}, BATCH)[0]}}
    with pytest.raises(ValueError, match="outputs were computed ahead"):
        recipe.step(state, ahead, TEACHER)


def test_a_run_goes_on_from_its_checkpoint_with_the_texts_kept(tmp_path):
    goal = objective.combine(kd=objective.on_logits(losses.reverse_kl))
    plain = train.learner(MODEL, goal, optax.adam(1e-2), teacher=MODEL)
    recipe = on_policy(plain, MODEL, share=0.5, every=2, keep=2)
    rows = BATCH | {"id": np.arange(4, dtype=np.int32)}
    split = Split(4, lambda at: {name: x[at] for name, x in rows.items()}, rows, ())
    how = dict(key=jax.random.key(0), batch_size=2, frozen=TEACHER)
    whole = train.run(recipe, split, num_steps=6, **how)
    for steps in (3, 6):
        store = train.checkpoints(tmp_path)
        state = train.run(
            recipe, split, num_steps=steps, checkpoints=store, save_every=3, **how
        )
        store.close()
    same = jax.tree.map(
        np.array_equal, (state.params, state.followers), (whole.params, whole.followers)
    )
    assert all(jax.tree.leaves(same))
    assert (state.followers["own_texts"]["inputs"] != 0).any()
