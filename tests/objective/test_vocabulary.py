"""Terms of hidden states and heads, and of some classes of a vocabulary."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import losses, train
from jdistill.models import decoder
from jdistill.objective import (
    combine,
    on_labels,
    on_logits,
    on_sparse,
    on_vocabulary,
)
from jdistill.typing import Frozen, Outputs, SparseTarget, View
from tests.models.transformers.tiny import TINY

ZEROS = jnp.zeros((2, 3))


def bounded(logits, cap):
    return logits if cap is None else cap * jnp.tanh(logits / cap)


@pytest.mark.parametrize("capped", [False, True])
def test_a_term_over_a_vocabulary_is_that_of_the_logits(capped):
    random = jax.random.split(jax.random.key(0), 4)
    x, y, w, v = (
        jax.random.normal(key, shape)
        for key, shape in zip(
            random, [(2, 3, 4), (2, 3, 5), (4, 7), (5, 7)], strict=True
        )
    )
    mask = jnp.array([[1, 1, 0], [1, 1, 1]])
    batch = {
        "label": jnp.array([[0, 1, 5], [2, 0, 6]]),
        "label_mask": jnp.array([[1, 0, 0], [1, 1, 1]]),
        "token_mask": mask,
        "mask": jnp.array([1, 1]),
    }
    spoilt = jnp.where(mask[..., None] == 1, y, jnp.nan)
    caps = {"student": 2.0, "teacher": None} if capped else {}
    views = {
        name: View(Outputs(bounded(h @ m, caps.get(name)), hidden=h), head=m)
        for name, h, m in (("student", x, w), ("teacher", spoilt, v))
    }
    views = {name: view._replace(cap=caps.get(name)) for name, view in views.items()}
    for parts, whole in (
        (
            on_vocabulary(losses.kl, temperature=lambda step: 2.0, chunk=2),
            on_logits(losses.kl, temperature=2.0),
        ),
        (on_vocabulary(losses.cross_entropy), on_labels(losses.cross_entropy)),
    ):
        assert {part for _, part in parts.needs} == {"hidden", "head"}
        found, sums = combine(term=parts).compute(
            views, batch, aux={}, step=0, key=None
        )
        wanted, counted = combine(term=whole).compute(
            views, batch, aux={}, step=0, key=None
        )
        np.testing.assert_allclose(found, wanted, rtol=2e-6)
        assert sums["term"][1] == counted["term"][1]


def test_a_wrong_argument_of_a_term_over_a_vocabulary_is_named():
    with pytest.raises(TypeError, match=r"temprature.*did you mean 'temperature'"):
        on_vocabulary(losses.kl, temprature=2.0)
    with pytest.raises(ValueError, match="dkd does not go over a vocabulary"):
        on_vocabulary(losses.dkd)
    term = on_vocabulary(losses.kl)
    with pytest.raises(ValueError, match=r"the (student|teacher) offers no head"):
        views = {
            n: View(Outputs(hidden=ZEROS[:, None])) for n in ("student", "teacher")
        }
        batch = {"label": jnp.zeros((2, 1), int)}
        combine(term=term).compute(views, batch, aux={}, step=0, key=None)


BOTH = (on_vocabulary(losses.cross_entropy), on_labels(losses.cross_entropy))


def mean_loss(model, frozen, batch, term):
    """A term's mean in the first step of training."""
    recipe = train.learner(model, combine(ce=term), optax.sgd(0.0))
    state = recipe.init(jax.random.key(0), batch, start=frozen)
    total, count = jax.jit(recipe.step)(state, batch)[1]["ce"]
    return total / count


def test_the_cap_of_a_decoder_reaches_its_terms():
    """As of Gemma 2: a term of its head is that of its logits, without a word of it."""
    model = decoder(dataclasses.replace(TINY, logit_cap=0.5))
    ids = np.array([[1, 2, 3]])
    batch = {"inputs": ids, "label": ids, "token_mask": np.ones((1, 3))}
    frozen = Frozen(
        jax.tree.map(lambda p: 30 * p, model.init(jax.random.key(0), {})[0])
    )
    both = [mean_loss(model, frozen, batch, term) for term in BOTH]
    np.testing.assert_allclose(both[0], both[1], rtol=1e-5)
    bare = model._replace(cap=None)
    assert abs(mean_loss(bare, frozen, batch, BOTH[0]) - both[0]) > 0.1


def test_some_classes_of_a_capped_head_are_those_of_its_logits():
    hidden, head = (
        3 * jax.random.normal(jax.random.key(i), shape)
        for i, shape in enumerate([(1, 2, 4), (4, 7)])
    )
    target = SparseTarget(
        jnp.array([[[0, 3], [6, 1]]]),
        jnp.log(jnp.array([[[0.5, 0.2], [0.6, 0.1]]])),
        jnp.log(jnp.array([[0.3, 0.3]])),
    )
    outputs = Outputs(bounded(hidden @ head, 2.0), hidden=hidden)
    views = {
        "student": View(outputs, head=head, cap=2.0),
        "teacher": View(Outputs(sparse=target)),
    }
    batch = {"label": jnp.zeros((1, 2), int)}
    found, wanted = (
        combine(kd=term).compute(views, batch, aux={}, step=0, key=None)[0]
        for term in (
            on_vocabulary(losses.sparse_kl),
            on_sparse(losses.sparse_kl),
        )
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def loss_of(term, views, batch):
    return combine(term=term).compute(views, batch, aux={}, step=0, key=None)[0]


def padded_views(**words):
    """A student and a teacher of 7 words, whose heads may have more columns."""
    random = np.random.default_rng(0)
    views = {}
    for name, width in (("student", 9), ("teacher", 8)):
        h, m = random.normal(size=(2, 3, 4)), random.normal(size=(4, width))
        m[:, 7:] += 3.0  # what pads would have most of the probability
        h, m = jnp.asarray(h, jnp.float32), jnp.asarray(m, jnp.float32)
        views[name] = View(Outputs(h @ m, hidden=h), head=m, words=words.get(name))
    return views


def narrow(views):
    return {
        name: View(
            Outputs(view.outputs.logits[..., :7], hidden=view.outputs.hidden),
            head=view.head[:, :7],
        )
        for name, view in views.items()
    }


@pytest.mark.parametrize("loss", [losses.kl, losses.reverse_kl, losses.cross_entropy])
@pytest.mark.parametrize("form", ["forward", "recompute"])
def test_what_pads_a_vocabulary_is_left_out_as_the_models_say(loss, form):
    views = padded_views(student=7, teacher=7)
    batch = {"label": jnp.array([[0, 1, 5], [2, 0, 6]])}
    dense = on_labels if loss is losses.cross_entropy else on_logits
    wanted = loss_of(dense(loss), narrow(views), batch)
    term = on_vocabulary(loss, form=form, chunk=4)
    for each in (term, dense(loss)):
        np.testing.assert_allclose(loss_of(each, views, batch), wanted, rtol=1e-5)
    only = {**views, "teacher": views["teacher"]._replace(words=None)}
    np.testing.assert_allclose(loss_of(term, only, batch), wanted, rtol=1e-5)


def test_words_that_are_given_are_those_compared_and_others_must_agree():
    views = padded_views(student=7, teacher=6)
    batch = {"label": jnp.array([[0, 1, 5], [2, 0, 6]])}
    with pytest.raises(ValueError, match="'student': 7, 'teacher': 6} ids are real; v"):
        loss_of(on_vocabulary(losses.kl), views, batch)
    wanted = loss_of(on_vocabulary(losses.kl), narrow(views), batch)
    found = loss_of(on_vocabulary(losses.kl, valid=7), views, batch)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    labels = on_vocabulary(losses.cross_entropy)
    alone = loss_of(labels, {"student": views["student"]}, batch)
    np.testing.assert_allclose(loss_of(labels, views, batch), alone)


def test_some_classes_of_a_padded_head_are_those_of_its_words():
    views = padded_views(student=7)
    target = SparseTarget(
        jnp.array([[[0, 3]] * 3] * 2),
        jnp.log(jnp.array([[[0.5, 0.2]] * 3] * 2)),
        jnp.log(jnp.full((2, 3), 0.3)),
    )
    views["teacher"] = View(Outputs(sparse=target))
    plain = {**narrow({"student": views["student"]}), "teacher": views["teacher"]}
    batch = {"label": jnp.zeros((2, 3), int)}
    wanted = loss_of(on_sparse(losses.sparse_kl), plain, batch)
    for term in (
        on_sparse(losses.sparse_kl),
        on_vocabulary(losses.sparse_kl),
    ):
        np.testing.assert_allclose(loss_of(term, views, batch), wanted, rtol=1e-5)


def test_the_words_of_a_decoder_reach_its_terms():
    ids = jnp.array([[1, 2, 3]])
    batch = {"inputs": ids, "label": ids, "token_mask": jnp.ones((1, 3))}
    model = decoder(dataclasses.replace(TINY, words=6))
    frozen = Frozen(*model.init(jax.random.key(0), {}))
    logits = model.apply(frozen.params, {}, batch)[0].logits
    assert logits.shape[-1] == 9
    wanted = losses.cross_entropy(logits[..., :6], ids).mean()
    for term in BOTH:
        found = mean_loss(model, frozen, batch, term)
        np.testing.assert_allclose(found, wanted, rtol=1e-5)
