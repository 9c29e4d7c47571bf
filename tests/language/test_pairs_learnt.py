"""A small encoder-decoder learns from another one what to write about a source."""

import functools

import jax
import numpy as np
import optax

from jdistill import data, losses, metrics, objective, train
from jdistill.evaluate import evaluate
from jdistill.language import continued, generate, greedy, on_policy
from jdistill.models import EncoderDecoderConfig, encoder_decoder

SIZES = dict(vocab=12, heads=2, head_dim=4, mlp_dim=16, depth=1, buckets=8)
BIG = encoder_decoder(EncoderDecoderConfig(dim=16, **SIZES))
SMALL = encoder_decoder(
    EncoderDecoderConfig(
        dim=8, **SIZES, gated=True, activation="gelu_tanh", tied=False, scaled=False
    )
)
TEXTS = np.random.default_rng(0).integers(2, 12, (8, 4)).tolist()
BATCH = data.pairs(TEXTS, [text[::-1] for text in TEXTS], end=1).arrays
PROMPTS = {name: BATCH[name] for name in ("source", "source_mask")}
PROMPTS["inputs"] = BATCH["inputs"][:, :1]
ON_LABELS = objective.combine(ce=objective.on_labels(losses.cross_entropy))


def learnt(model, goal, batch, steps, teacher=None):
    """What steps on one batch make of a model, and the means of each step."""
    recipe = train.learner(model, goal, optax.adam(2e-2), teacher=BIG)

    @jax.jit
    def run(batch, teacher):
        state = recipe.init(jax.random.key(1), batch, teacher)
        step = lambda state, _: recipe.step(state, batch, teacher)  # noqa: E731
        return jax.lax.scan(step, state, None, length=steps)

    state, sums = run(batch, teacher)
    means = {name: np.asarray(s / n) for name, (s, n) in sums.items()}
    return recipe.finish(state), means


@functools.cache
def teacher():
    """One that reverses its sources, after some steps on the pairs."""
    return learnt(BIG, ON_LABELS, BATCH, 100)[0]


@jax.jit
def log_probs(theirs, ours):
    """Of all tokens at each place of the pairs, by the teacher and by a student."""
    logits = BIG.apply(*theirs, BATCH)[0].logits, SMALL.apply(*ours, BATCH)[0].logits
    return jax.tree.map(jax.nn.log_softmax, logits)


def test_a_student_learns_what_a_teacher_wrote_and_how_likely_all_else_was():
    write = functools.partial(generate, BIG, steps=5, choose=greedy, stop=(1,))
    wrote = jax.jit(write)(teacher(), PROMPTS, key=jax.random.key(0))
    assert [row[:4].tolist() for row in wrote.tokens] == [x[::-1] for x in TEXTS]
    batch = continued(PROMPTS, wrote)
    goal = objective.combine(
        ce=objective.on_labels(losses.cross_entropy),
        kd=objective.on_vocabulary(losses.kl, chunk=8),
    )
    student, means = learnt(SMALL, goal, batch, 60, teacher())
    for name in ("ce", "kd"):
        assert means[name][-1] < 0.2 * means[name][0]

    padded = {  # examples, and tokens behind the sources
        name: np.pad(x, [(0, 3)] + [(0, 2 if "source" in name else 0)] * (x.ndim - 1))
        for name, x in BATCH.items()
    } | {"mask": np.arange(11) < 8}
    figures = {"kl": metrics.kl_to_teacher(), "accuracy": metrics.accuracy()}
    found = evaluate(
        SMALL, student, [padded], metrics=figures, teacher=(BIG, teacher())
    )
    p, q = (np.float64(x) for x in log_probs(teacher(), student))
    np.testing.assert_allclose(found["kl"], (np.exp(p) * (p - q)).sum(-1).mean(), 1e-3)
    np.testing.assert_allclose(found["kl"], means["kd"][-1], rtol=0.2)
    right = (q.argmax(-1) == BATCH["label"]).mean()
    assert found["accuracy"] == np.float32(right) and right > 0.8


def test_texts_that_a_student_wrote_stay_with_their_sources():
    seen = []
    goal = objective.combine(kd=objective.on_vocabulary(losses.reverse_kl))
    plain = train.learner(SMALL, goal, optax.sgd(0.0), teacher=BIG)

    def spied(state, batch, frozen=None):
        seen.append(batch)
        return plain.step(state, batch, frozen)

    recipe = on_policy(
        plain._replace(step=spied), SMALL, share=0.5, every=2, keep=2, choose=greedy
    )
    halves = [{k: x[at : at + 4] for k, x in BATCH.items()} for at in (0, 4)]
    state = recipe.init(jax.random.key(3), halves[0], teacher())

    @jax.jit
    def step(state, batch):
        state, _ = recipe.step(state, batch, teacher())
        return state, seen.pop()

    logits = jax.jit(lambda frozen, batch: SMALL.apply(*frozen, batch)[0].logits)
    for number in range(4):
        state, batch = step(state, halves[number // 2])
        likeliest = logits(recipe.finish(state), batch).argmax(-1)
        np.testing.assert_array_equal(batch["label"][:2], likeliest[:2])
        assert not batch["label_mask"][:2].any() and batch["label_mask"][2:].any()
    kept = state.followers["own_texts"]["source"]
    np.testing.assert_array_equal(kept, [half["source"][:2] for half in halves])
