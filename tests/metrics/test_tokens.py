"""Figures of language models."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses, metrics
from jdistill.evaluate import evaluate
from jdistill.typing import Frozen, Metric, Model, Outputs, View
from tests.metrics.example_sets import figure, make

BATCH, STEPS, DIM, VOCAB, PADDED = 3, 7, 5, 11, 13


def example(seed=0):
    """A batch with padding and repeated context, and views that have both forms."""
    random = np.random.default_rng(seed)
    shape = (BATCH, STEPS)
    batch = {
        "inputs": random.integers(0, VOCAB, shape),
        "label": random.integers(0, VOCAB, shape),
        "token_mask": np.ones(shape, np.float32),
        "label_mask": np.ones(shape, np.float32),
        "token_bytes": random.integers(0, 6, shape).astype(np.float32),
        "mask": np.array([1, 1, 0], np.float32),
        "id": np.arange(BATCH),
    }
    batch["token_mask"][0, 5:] = batch["label_mask"][0, 5:] = 0
    batch["label_mask"][1, :3] = 0
    hidden = random.normal(size=(2, *shape, DIM)).astype(np.float32) * 2
    head = random.normal(size=(2, DIM, PADDED)).astype(np.float32)
    return batch, hidden, head


def logits_of(hidden, head, cap=None):
    made = hidden.astype(np.float64) @ head.astype(np.float64)[:, :VOCAB]
    return made if cap is None else cap * np.tanh(made / cap)


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def plain(batch, hidden, head, caps=(None, None)):
    """The views of both networks as logits, NaN where nothing counts."""
    counted = (batch["token_mask"] * batch["mask"][:, None])[..., None] != 0
    both = [
        np.where(counted, logits_of(h, w, cap), np.nan).astype(np.float32)
        for h, w, cap in zip(hidden, head, caps, strict=True)
    ]
    return {
        n: View(Outputs(x)) for n, x in zip(("student", "teacher"), both, strict=True)
    }


def hidden_views(hidden, head):
    return {
        name: View(Outputs(hidden=jnp.asarray(h)), head=jnp.asarray(w))
        for name, h, w in zip(("student", "teacher"), hidden, head, strict=True)
    }


def finished(metric, views, batch):
    return np.asarray(metric.finish(metric.sums(views, batch)))


def test_bits_per_byte_are_the_bits_of_the_targets_over_their_bytes():
    batch, hidden, head = example()
    q = softmax(logits_of(hidden[0], head[0]))
    weights = batch["mask"][:, None] * batch["token_mask"] * batch["label_mask"]
    picked = np.take_along_axis(q, batch["label"][..., None], -1)[..., 0]
    wanted = -(weights * np.log2(picked)).sum() / (weights * batch["token_bytes"]).sum()
    found = finished(metrics.bits_per_byte(), plain(batch, hidden, head), batch)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    with pytest.raises(ValueError, match="no 'token_bytes' in the batch; there are"):
        metrics.bits_per_byte().sums(
            plain(batch, hidden, head), {"label": batch["label"]}
        )


def test_bits_per_byte_of_a_vocabulary_cut_otherwise_is_the_same():
    """One token of 4 bytes and probability 1/16, or four of one byte and 1/2."""
    long = {"label": np.array([[3]]), "token_bytes": np.array([[4.0]])}
    short = {"label": np.zeros((1, 4), int), "token_bytes": np.ones((1, 4))}
    wide = {"student": View(Outputs(jnp.zeros((1, 1, 16))))}
    narrow = {"student": View(Outputs(jnp.zeros((1, 4, 2))))}
    metric = metrics.bits_per_byte()
    assert finished(metric, wide, long) == pytest.approx(1.0, rel=1e-6)
    assert finished(metric, narrow, short) == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("steps", [None, 3])
def test_acceptance_is_what_two_distributions_share(steps):
    student, teacher, label = make(steps=steps)
    wanted = np.minimum(
        softmax(student.astype(np.float64)), softmax(teacher.astype(np.float64))
    ).sum(axis=-1)
    found = figure(metrics.acceptance(), student, teacher, {"label": label})
    np.testing.assert_allclose(found, wanted.mean(), rtol=1e-6)
    distance = losses.total_variation(jnp.asarray(student), jnp.asarray(teacher))
    np.testing.assert_allclose(found, 1 - distance.mean(), rtol=1e-6)


@pytest.mark.parametrize(
    "make_metric", [metrics.agreement, metrics.kl_to_teacher, metrics.acceptance]
)
def test_only_what_has_a_label_counts_where_that_is_asked(make_metric):
    batch, hidden, head = example()
    views = plain(batch, hidden, head)
    without = {k: x for k, x in batch.items() if k != "label_mask"}
    narrowed = {**without, "token_mask": batch["token_mask"] * batch["label_mask"]}
    assert make_metric() is make_metric()
    all_tokens = finished(make_metric(), views, batch)
    targets = finished(make_metric(labeled=True), views, batch)
    assert all_tokens == finished(make_metric(), views, without)
    assert targets == finished(make_metric(), views, narrowed) != all_tokens


METRICS = {
    "nll": metrics.nll(),
    "perplexity": metrics.perplexity(),
    "bits_per_byte": metrics.bits_per_byte(),
    "accuracy": metrics.accuracy(),
    "ece": metrics.ece(num_bins=5),
    "confusion": metrics.confusion(),
    "agreement": metrics.agreement(),
    "kl": metrics.kl_to_teacher(),
    "kl_labelled": metrics.kl_to_teacher(labeled=True),
    "acceptance": metrics.acceptance(labeled=True),
}


@pytest.mark.parametrize("tokens", [1, 4, 21, 1000])
@pytest.mark.parametrize("name", METRICS)
def test_by_chunks_a_metric_has_the_same_figure(name, tokens):
    batch, hidden, head = example()
    metric = METRICS[name]
    chunked = metrics.by_chunks(metric, tokens=tokens, vocab=VOCAB)
    views = plain(batch, hidden, head, caps=(3.0, None))
    wanted = finished(metric, views, batch)
    assert np.isfinite(wanted).all() and wanted.any()
    broken = np.where((batch["token_mask"] != 0)[..., None], hidden, np.nan)
    given = hidden_views(broken, head)
    given["student"] = given["student"]._replace(cap=3.0)
    found = finished(chunked, given, batch)
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-6)


def test_by_chunks_takes_logits_where_there_is_no_head():
    batch, hidden, head = example()
    logits = plain(batch, hidden, head)
    mixed = {
        "student": logits["student"],
        "teacher": hidden_views(hidden, head)["teacher"],
    }
    metric = metrics.by_chunks(metrics.kl_to_teacher(), tokens=4, vocab=VOCAB)
    wanted = finished(metrics.kl_to_teacher(), logits, batch)
    np.testing.assert_allclose(finished(metric, mixed, batch), wanted, rtol=1e-5)


def test_by_chunks_a_mask_of_whole_examples_is_that_of_their_tokens():
    batch, hidden, head = example()
    batch["label_mask"] = np.array([1, 0, 1], np.float32)
    metric = metrics.by_chunks(metrics.nll(), tokens=4, vocab=VOCAB)
    wanted = finished(metrics.nll(), plain(batch, hidden, head), batch)
    np.testing.assert_allclose(
        finished(metric, hidden_views(hidden, head), batch), wanted, rtol=1e-5
    )


def test_by_chunks_no_array_has_all_tokens_and_all_words():
    steps, dim, vocab = 64, 8, 333
    batch = {"label": jnp.zeros((4, steps), jnp.int32)}
    views = {
        "student": View(
            Outputs(hidden=jnp.ones((4, steps, dim))), head=jnp.ones((dim, vocab))
        )
    }
    metric = metrics.by_chunks(metrics.nll(), tokens=16)
    jaxpr = str(jax.make_jaxpr(metric.sums)(views, batch))
    assert "16,333" in jaxpr and "64,333" not in jaxpr and "256,333" not in jaxpr
    whole = {"student": View(Outputs(jnp.ones((4, steps, vocab))))}
    assert "64,333" in str(jax.make_jaxpr(metrics.nll().sums)(whole, batch))


def test_evaluate_takes_a_metric_by_chunks():
    batch, hidden, head = example()
    frozen = Frozen({"hidden": hidden[0], "head": head[0]})

    def apply(params, state, batch, *, train=False, key=None):
        hidden = params["hidden"][batch["id"]]
        return Outputs(hidden @ params["head"], hidden=hidden), state

    model = Model(None, apply, lambda params: params["head"])
    wanted = {
        "plain": metrics.nll(),
        "chunks": metrics.by_chunks(metrics.nll(), tokens=4),
    }
    found = evaluate(model, frozen, [batch], metrics=wanted)
    assert found["plain"] == pytest.approx(found["chunks"], rel=1e-5)


def test_by_chunks_equal_calls_are_one_metric():
    assert metrics.by_chunks(metrics.nll()) is metrics.by_chunks(metrics.nll())
    assert isinstance(metrics.by_chunks(metrics.nll()), Metric)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokens": 0}, "must be positive, got 0, None"),
        ({"vocab": 0}, "must be positive, got 1024, 0"),
    ],
)
def test_by_chunks_refuses_numbers_that_are_not_positive(options, message):
    with pytest.raises(ValueError, match=message):
        metrics.by_chunks(metrics.nll(), **options)
