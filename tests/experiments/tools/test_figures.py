"""What a row says of a model."""

import numpy as np
import pytest

from experiments.tools import figures, recipes
from experiments.tools.training import Job
from jdistill import artifact, compress, data, tree
from jdistill.data import eval_batches
from jdistill.evaluate import predict
from jdistill.typing import DataSet
from tests.train.examples import adam, frozen, net, split, steps

PARTS = DataSet(
    split(40), split(17, 1), split(19, 2), prepare=lambda x: x, info={"n": 5}
)
JOB = Job({"eval_batch": 8, "data": {"name": "digits"}}, PARTS, 0, None)
MODEL, TEACHER = net(), net(widths=(7,))


@pytest.fixture(scope="module")
def found():
    return figures.of(JOB, "any", MODEL, frozen(MODEL), (TEACHER, frozen(TEACHER)))


def test_examples_without_a_label_are_neither_right_nor_wrong():
    test = PARTS.test
    mask = np.arange(test.size) % 3 != 0
    arrays = {**test.arrays, "label_mask": mask.astype(np.float32)}
    some = data.in_memory(arrays, classes=test.classes)
    job = JOB._replace(dataset=PARTS._replace(test=some))
    teacher = (TEACHER, frozen(TEACHER))
    row, correct = figures.of(job, "any", MODEL, frozen(MODEL), teacher)
    assert len(correct) == mask.sum()
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
    assert found.row["bytes"] == 4 * found.row["parameters"]
    assert found.row["stage"] == "any" and found.row["realised"] == "dense"
    assert found.row["classes"] == ["a", "b", "c"]
    assert found.row["data"] == {"n": 5}
    assert found.row["latency_ms"] > 0 and found.row["latency_batch"] == 8


def test_a_stage_behind_an_encoder_has_its_size_and_no_time_of_its_own(found):
    encoder = {"parameters": 1000, "bytes": 2000}
    parts = PARTS._replace(info={"n": 5, "any": encoder})
    job = JOB._replace(dataset=parts, config={**JOB.config, "any": {"prepare": {}}})
    zero = {**found.row, "sparsity": 0.5}
    row = figures._with_reader(zero, job)
    assert row["parameters"] == found.row["parameters"] + 1000
    assert row["bytes"] == found.row["bytes"] + 2000
    assert row["sparsity"] * row["parameters"] == pytest.approx(57 / 2)
    gone = {"latency_ms", "latency_batch", "energy"}
    assert row.keys() == found.row.keys() - gone
    assert figures._with_reader({**zero, "stage": "other"}, job)["bytes"] == 4 * 57
    tokens = parts._replace(info={"any": {"vocab": 9}})
    assert figures._with_reader(zero, job._replace(dataset=tokens)) == zero


def test_a_file_says_what_is_needed_to_predict(tmp_path):
    state, _ = steps(adam(), 1)
    spec = {"name": "mlp", "widths": (6,), "classes": 3}
    told = recipes.description(JOB.config, JOB.dataset, spec)
    encoded = {p: compress.Dense(x) for p, x in tree.flatten(state.params).items()}
    artifact.pack(tmp_path / "f", encoded, {}, description=told)
    read = artifact.unpack(tmp_path / "f").description
    assert read["classes"] == ["a", "b", "c"]
    assert read["model"]["name"] == "mlp" and read["data"] == "digits"
