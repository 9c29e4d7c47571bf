import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import models, projections, train, tree
from jdistill.objective import (
    combine,
    connect,
    entry,
    example_mask,
    labels,
    on_features,
    on_labels,
    token_mask,
)
from jdistill.typing import Aux, Frozen, Memory, Outputs, Projection
from tests.seen import seen

RANDOM = np.random.default_rng(0)
S, T = (jnp.asarray(RANDOM.normal(size=(4, n)), jnp.float32) for n in (3, 5))
STUDENT, TEACHER = Outputs(S, {"s": S, "s2": 2 * S}), Outputs(T, {"t": T})
BATCH = {"label": jnp.arange(4), "id": jnp.arange(10, 14)}


def squared(student, teacher):
    return jnp.sum((student - teacher) ** 2, axis=-1)


def total(student, teacher):
    return sum(jnp.sum(x, axis=-1) for x in (*student, *teacher))


def _init(key, feature, like):
    return jax.random.normal(key, (feature.shape[-1], like.shape[-1]))


linear = Projection(_init, lambda w, x, like, *, mask=None, key=None: x @ w)
AUTO = Projection(
    lambda key, x, like: jnp.eye(x.shape[-1]),
    lambda w, x, like, *, mask=None, key=None: x @ w,
)
newest = Memory(
    lambda student, teacher, batch: jnp.zeros_like(teacher),
    lambda tree, student, teacher, batch: teacher,
)


def compute(term, aux=None, batch=BATCH, student=STUDENT, key=None):
    goal = combine(term=term)
    views = seen(student, TEACHER)
    aux = goal.init(jax.random.key(0), views, batch) if aux is None else aux
    return goal.compute(views, batch, aux=aux, step=0, key=key)[0], aux


def test_a_projection_makes_two_widths_comparable_and_is_trained():
    term = on_features(squared, student=connect("s", linear), teacher="t")
    found, aux = compute(term)
    weights = aux["term"].trained["student"]
    assert weights.shape == (3, 5)
    np.testing.assert_allclose(found, squared(S @ weights, T).mean(), rtol=1e-5)
    slope = jax.grad(lambda aux: compute(term, aux)[0])(aux)["term"]
    assert np.all(slope.trained["student"])


def test_either_side_may_be_projected_or_both_with_weights_of_their_own():
    term = on_features(squared, student="s", teacher=connect("t", linear))
    assert compute(term)[1]["term"].trained["teacher"].shape == (5, 3)
    term = on_features(
        squared, student=connect("s", AUTO), teacher=connect("t", linear)
    )
    assert sorted(compute(term)[1]["term"].trained) == ["student", "teacher"]


def test_a_loss_of_one_array_says_so_where_it_gets_several():
    term = on_features(
        lambda s, t: jnp.zeros(s.shape), student=("s", "s2"), teacher="t"
    )
    wanted = "term 'term': the loss takes one array for each argument, got .2, 1."
    with pytest.raises(ValueError, match=wanted):
        compute(term)


def test_a_tap_that_is_not_there_is_named_with_its_term_where_projections_begin():
    term = on_features(squared, student=connect("z", linear), teacher="t")
    with pytest.raises(ValueError, match=r"term 'term': the student has no tap 'z'"):
        compute(term)


def test_a_projection_that_was_not_called_is_refused():
    with pytest.raises(TypeError, match=r"is no projection: call it, as in linear"):
        inspect.unwrap(connect)("s", projections.linear)  # without checks of types


def test_several_taps_reach_the_loss_as_a_tuple():
    term = on_features(total, student=("s", "s2"), teacher=["t"])
    np.testing.assert_allclose(compute(term)[0], (3 * S.sum(-1) + T.sum(-1)).mean())


def test_an_argument_may_be_of_the_other_network():
    term = on_features(squared, student=connect("t", AUTO, of="teacher"), teacher="t")
    assert compute(term)[0] == 0


def test_what_is_fixed_is_used_and_never_trained():
    fixed = jnp.ones((3, 5))
    term = on_features(squared, student=connect("s", linear, fixed=fixed), teacher="t")
    found, aux = compute(term)
    assert aux["term"].trained == {}
    np.testing.assert_allclose(found, squared(S @ fixed, T).mean(), rtol=1e-6)


def test_a_memory_begins_before_the_first_step_and_follows_each():
    def distance(student, teacher, *, memory):
        return jnp.sum(memory, axis=-1) + 0 * jnp.sum(student, axis=-1)

    term = on_features(distance, student="s", teacher="t", memory=newest)
    found, aux = compute(term)
    assert found == 0
    after = combine(term=term).update(aux, seen(STUDENT, TEACHER), BATCH, step=0)
    np.testing.assert_allclose(compute(term, after)[0], T.sum(-1).mean(), rtol=1e-6)


def test_keys_of_projections_differ_from_each_other_and_with_the_step():
    noise = Projection(
        lambda key, x, like: jnp.zeros(()),
        lambda w, x, like, *, mask=None, key=None: x + jax.random.normal(key, x.shape),
    )
    term = on_features(
        squared, student=connect("s", noise), teacher=connect("s", noise, of="student")
    )
    first, aux = compute(term, key=jax.random.key(0))
    assert first > 0  # the two draws differ
    assert first == compute(term, aux, key=jax.random.key(0))[0]
    assert first != compute(term, aux, key=jax.random.key(1))[0]


def test_padding_reaches_neither_projection_nor_loss():
    term = on_features(squared, student=connect("s", linear), teacher="t")
    found, aux = compute(term)
    junk = jnp.concatenate([S, jnp.full((2, 3), jnp.nan)])
    padded = Outputs(junk, {"s": junk})
    theirs = Outputs(T, {"t": jnp.concatenate([T, jnp.full((2, 5), jnp.nan)])})
    batch = {"id": jnp.arange(6), "mask": jnp.array([1, 1, 1, 1, 0, 0])}

    def loss(aux):
        views = seen(padded, theirs)
        return combine(term=term).compute(views, batch, aux=aux, step=0, key=None)[0]

    np.testing.assert_allclose(loss(aux), found, rtol=1e-6)
    for leaf in jax.tree.leaves(jax.grad(loss)(aux)):
        assert np.all(np.isfinite(leaf))


def test_a_loss_is_given_sources_and_numbers_by_name():
    given = {}

    def greedy(student, teacher, *, labels, mask, ids, token_mask, scale):
        given.update(labels=labels, mask=mask, ids=ids, tokens=token_mask, scale=scale)
        return student[:, 0]

    batch = {**BATCH, "mask": jnp.array([1, 1, 1, 0])}
    term = on_features(
        greedy, student="s", teacher="t", scale=lambda step: step + 2,
        labels=labels(), mask=example_mask(), ids=entry("id"), token_mask=token_mask(),
    )  # fmt: skip
    compute(term, batch=batch)
    assert given["labels"].tolist() == [0, 1, 2, 0]  # that of padding is nobody's
    assert given["mask"].tolist() == [1, 1, 1, 0]
    assert given["ids"].tolist() == [10, 11, 12, 13]
    assert given["tokens"] is None and given["scale"] == 2


def test_labels_that_are_not_there_are_asked_for_by_name():
    def loss(student, teacher, *, labels):
        return student[:, 0]

    term = on_features(loss, student="s", teacher="t", labels=labels())
    with pytest.raises(ValueError, match=r"term 'term': no 'label' in the batch"):
        compute(term, batch={"id": jnp.arange(4)})


def test_a_term_that_learns_says_so_when_it_was_not_begun():
    term = on_features(squared, student=connect("s", linear), teacher="t")
    with pytest.raises(ValueError, match="it learns: give `aux` what the objective's"):
        compute(term, {"term": Aux()})


def test_a_projection_trains_with_the_student_and_stays_out_of_the_file():
    student, teacher = (
        models.mlp(widths=(w,), classes=3, taps="Dense_0") for w in (4, 6)
    )
    batch = {"inputs": jnp.asarray(RANDOM.normal(size=(8, 5)), jnp.float32)}
    batch |= {"label": jnp.arange(8) % 3}
    frozen = models_frozen(teacher, batch)
    term = on_features(squared, student=connect("Dense_0", linear), teacher="Dense_0")
    recipe = train.learner(student, combine(hint=term), optax.sgd(0.1), teacher=teacher)
    state = jax.jit(recipe.init)(jax.random.key(0), batch, frozen)
    moved, _ = jax.jit(recipe.step)(state, batch, frozen)
    before, after = (s.aux["hint"].trained["student"] for s in (state, moved))
    assert not np.array_equal(before, after)
    assert set(recipe.encode(moved).params) == set(tree.flatten(moved.params))


def models_frozen(model, batch):
    return Frozen(*jax.jit(model.init)(jax.random.key(1), batch))


def test_an_example_counts_as_much_as_its_weight_says():
    def loss(logits, labels):
        return jnp.sum(logits, axis=-1) + labels

    weight = jnp.array([0.5, 0.0, 3.0, 1.0])
    each = np.asarray(S).sum(-1) + np.arange(4)
    term = on_labels(loss)
    found, _ = compute(term, batch={**BATCH, "weight": weight})
    np.testing.assert_allclose(found, (each * weight).sum() / 4.5, rtol=1e-6)
    some = {**BATCH, "weight": weight, "mask": jnp.array([1, 1, 0, 1])}
    found, _ = compute(term, batch=some)
    np.testing.assert_allclose(found, (0.5 * each[0] + each[3]) / 1.5, rtol=1e-6)


def test_the_tokens_of_an_example_count_as_much_as_its_weight_says():
    logits = jnp.asarray(RANDOM.normal(size=(2, 3, 5)), jnp.float32)
    batch = {"label": jnp.zeros((2, 3), int), "weight": jnp.array([1.0, 3.0])}
    term = on_labels(lambda logits, labels: jnp.sum(logits, axis=-1))
    found, _ = compute(term, batch=batch, student=Outputs(logits))
    each = np.asarray(logits).sum(-1)
    wanted = (each * [[1], [3]]).sum() / 12
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
