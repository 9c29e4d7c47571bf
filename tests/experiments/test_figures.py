"""What a row says of a model."""

import types

import jax
import numpy as np
import pytest

from experiments import figures, recipes
from experiments.training import Job
from jdistill import artifact, compress, data, models, tree
from jdistill.data import eval_batches
from jdistill.evaluate import predict
from jdistill.typing import DataSet, Frozen
from tests.train.examples import adam, frozen, net, split, steps

PARTS = DataSet(
    split(40), split(17, 1), split(19, 2), prepare=lambda x: x, info={"n": 5}
)
JOB = Job({"eval_batch": 8, "data": {"name": "digits"}}, PARTS, 0, None)
MODEL, TEACHER = net(), net(widths=(7,))


@pytest.fixture(scope="module")
def found():
    return figures.of(JOB, MODEL, frozen(MODEL), (TEACHER, frozen(TEACHER)))


def test_examples_without_a_label_are_neither_right_nor_wrong():
    test = PARTS.test
    mask = np.arange(test.size) % 3 != 0
    arrays = {**test.arrays, "label_mask": mask.astype(np.float32)}
    some = data.in_memory(arrays, classes=test.classes)
    job = JOB._replace(dataset=PARTS._replace(test=some))
    row, correct = figures.of(job, MODEL, frozen(MODEL), (TEACHER, frozen(TEACHER)))
    assert len(correct) == mask.sum() == row["examples"]
    assert row["accuracy"] == pytest.approx(correct.mean())


def test_quality_is_that_of_the_test_part(found):
    test = PARTS.test
    logits = predict(MODEL, frozen(MODEL), eval_batches(test, batch_size=8))
    right = logits.argmax(-1) == test.arrays["label"]
    assert np.array_equal(found.correct, right)
    assert found.row["accuracy"] == pytest.approx(right.mean())
    assert np.sum(found.row["confusion"]) == 19
    theirs = predict(TEACHER, frozen(TEACHER), eval_batches(test, batch_size=8))
    same = (logits.argmax(-1) == theirs.argmax(-1)).mean()
    assert found.row["agreement"] == pytest.approx(same)


def test_sizes_and_sources_are_told(found):
    assert found.row["parameters"] == 5 * 6 + 6 + 6 * 3 + 3
    assert found.row["examples"] == 19
    assert found.row["sparsity"] == pytest.approx((6 + 3) / 57), "its biases are new"
    assert figures.float_bytes(frozen(MODEL)) == 4 * found.row["parameters"]
    assert found.row["classes"] == ["a", "b", "c"]
    assert found.row["data"] == {"n": 5}
    assert found.row["latency_ms"] > 0 and found.row["latency_batch"] == 8


def adds(monkeypatch, *arguments):
    """What the estimate of energy is given: multiply-adds by type, bytes moved."""
    seen = []
    fake = types.SimpleNamespace(energy=lambda *a: seen.append(a) or {})
    monkeypatch.setattr(figures, "report", fake)
    figures.energy(*arguments)
    return seen[0]


def batch():
    return next(iter(eval_batches(PARTS.test, batch_size=8)))


def test_energy_counts_one_example_with_its_weights_as_stored(monkeypatch):
    counts, moved = adds(monkeypatch, MODEL, frozen(MODEL), batch(), None)
    assert counts == {"float32": 5 * 6 + 6 * 3, "int8": 0}
    packed = types.SimpleNamespace(bytes=figures.float_bytes(frozen(MODEL)) // 4)
    _, less = adds(monkeypatch, MODEL, frozen(MODEL), batch(), packed)
    weights = 4 * (5 * 6 + 6 * 3)
    assert moved - less == pytest.approx(weights * 3 / 4, rel=0.02)


def test_products_in_int8_are_counted_as_such(monkeypatch):
    ready = models.observe_int8(MODEL, frozen(MODEL), [batch()])
    scales = {"Dense_0/kernel": 1.0, "Dense_1/kernel": 1.0}
    state = {**ready.state, "weights": jax.tree.map(np.float32, scales)}
    model = models.execute_int8(MODEL)
    counts, _ = adds(monkeypatch, model, Frozen(ready.params, state), batch(), None)
    assert counts == {"float32": 0, "int8": 5 * 6 + 6 * 3}


def test_a_table_moves_the_rows_of_the_tokens_and_not_itself(monkeypatch):
    def apply(params, x):
        return params["table"][x].mean(axis=1) @ params["w"]

    params = {"table": np.ones((1000, 4), np.float32), "w": np.ones((4, 3), np.float32)}
    model = models.from_function(apply)
    tokens = {"inputs": np.zeros((2, 7), np.int32)}
    _, moved = adds(monkeypatch, model, Frozen(params), tokens, None)
    assert 7 * 4 * 4 + 4 * 4 * 3 <= moved < 1000 * 4 * 4


def test_a_file_says_what_is_needed_to_predict(tmp_path):
    state, _ = steps(adam(), 1)
    spec = {"name": "mlp", "widths": (6,), "classes": 3}
    told = recipes.description(JOB.config, JOB.dataset, spec)
    encoded = {p: compress.Dense(x) for p, x in tree.flatten(state.params).items()}
    artifact.pack(tmp_path / "f", encoded, {}, description=told)
    read = artifact.unpack(tmp_path / "f").description
    assert read["classes"] == ["a", "b", "c"]
    assert read["model"]["name"] == "mlp" and read["data"] == "digits"
