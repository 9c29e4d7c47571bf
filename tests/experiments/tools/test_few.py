"""Few labels: who keeps one, and who learns from the others."""

import types

import numpy as np
import pytest

from experiments.tools import few, figures, plan, training
from experiments.tools.objectives import combined
from experiments.tools.stages import Stage
from jdistill import data
from jdistill.data import index_batches
from jdistill.data._splits import digests
from jdistill.typing import DataSet
from tests.train.examples import split

PARTS = DataSet(split(40), split(17, 1), split(19, 2), prepare=lambda x: x)
LABELS = dict(examples=24, share=0.25)
CONFIG = {"labels": LABELS, "batch_size": 8, "seed": 0, "eval_every": 5}
CONFIG |= {"save_every": 5, "eval_batch": 8}
GOAL = combined(
    dict(
        ce=dict(on="labels", loss="cross_entropy"),
        kd=dict(on="logits", loss="kl", temperature=1.0),
    )
)


def found(**more):
    return few.parted({**CONFIG, "labels": {**LABELS, **more}}, PARTS)


def everything(some):
    return some.take(np.arange(some.size))


def keys(some):
    """Each example by its inputs."""
    return {x.tobytes() for x in np.asarray(everything(some)["inputs"])}


def test_so_many_examples_keep_their_label_and_their_inputs():
    labelled, whole = found().dataset.train, everything(PARTS.train)
    kept = few.rows(CONFIG, 40)
    assert labelled.size == kept.sum() == 24
    for name in ("inputs", "label"):
        assert np.array_equal(everything(labelled)[name], whole[name][kept])
    assert found().dataset.valid is PARTS.valid and found().dataset.test is PARTS.test


def test_the_others_teach_without_a_label_and_no_term_of_labels_counts_them():
    transfer = found().transfer
    assert keys(transfer) == keys(PARTS.train)
    marked = everything(transfer)["label_mask"]
    assert keys(few.subset(transfer, marked == 0)) == keys(
        few.subset(PARTS.train, ~few.rows(CONFIG, 40))
    )
    assert not everything(transfer)["label"][marked == 0].any()
    batch = transfer.take(transfer.order(batch_size=8, seed=0).window(0, 1)[0])
    counts = GOAL.count({**batch, "mask": np.ones(8, np.float32)})
    assert (int(counts["ce"]), int(counts["kd"])) == (2, 8)


@pytest.mark.parametrize("taught", [None, "teacher"])
def test_a_student_on_labels_alone_sees_exactly_the_labelled_examples(
    taught, tmp_path, monkeypatch
):
    parts, seen = found(), []

    def run(learner, split, **rest):
        seen.append(split)
        raise StopIteration

    monkeypatch.setattr(training.train, "run", run)
    monkeypatch.setattr(training, "_start", lambda *_: None)
    job = training.Job(CONFIG, parts.dataset, 0, tmp_path, None, parts.transfer)
    stage = Stage("s", {}, None, None, 5, taught=taught)
    with pytest.raises(StopIteration):
        training.train_stage(job, stage, {"teacher": None})
    wanted = PARTS.train if taught else parts.dataset.train
    assert keys(seen[0]) == keys(wanted)
    assert ("label_mask" in everything(seen[0])) == bool(taught)


def test_without_the_section_all_have_labels_and_nothing_is_mixed():
    assert few.parted({}, PARTS) == (PARTS, None)
    assert few.rows({}, 40).all()


def prepare(texts):
    """Each text as its hash, which tells it from every other."""
    return {"inputs": digests(text.encode() for text in texts).view("<i8")}


@pytest.mark.parametrize("fold", [0, 3])
def test_texts_without_labels_join_the_others_and_none_is_in_another_part(fold):
    texts = data.stdlib_texts(fold=fold)
    parts = DataSet(
        *(
            data.in_memory({**prepare(t.texts), "label": t.label}, classes=t.classes)
            for t in texts
        ),
        prepare=prepare,
    )
    spec = dict(examples=1000, share=0.5, pool="stdlib_comments")
    dataset, transfer = few.parted({"labels": spec, "batch_size": 8}, parts)
    comments = data.stdlib_comments()
    wanted = {x.tobytes() for x in prepare([*texts.train.texts, *comments])["inputs"]}
    assert keys(transfer) == wanted
    assert dataset.info["unlabelled"] == transfer.size - 1000 == len(wanted) - 1000
    assert not keys(transfer) & (keys(parts.test) | keys(parts.valid))


def test_the_linear_baseline_reads_the_labelled_texts_alone(monkeypatch):
    read = []

    def baseline(texts):
        read.append(texts)
        return types.SimpleNamespace(
            accuracy=0, recall_macro=0, features=1, C=1, correct=None
        )

    monkeypatch.setattr(figures.data, "tfidf_baseline", baseline)
    config = {"labels": dict(examples=1000), "data": {"name": "stdlib_docs"}}
    figures.tfidf(training.Job(config, PARTS, 1, None))
    whole, (some,) = data.stdlib_texts(fold=1).train, read
    kept = index_batches(len(whole.texts), batch_size=1000, seed=0).window(0, 1)[0]
    assert {*some.train.texts} == {whole.texts[row] for row in kept}
    label = dict(zip(whole.texts, whole.label, strict=True))
    assert [label[t] for t in some.train.texts] == some.train.label.tolist()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (dict(examples=40), r"labels.examples must be 1 to 39, got 40"),
        (dict(examples=1), "none of the labelled is"),
        (dict(share=0.01), "has 0 labelled examples: both kinds must be in it"),
        (dict(share=1.5), "config.labels: share"),
        (dict(shares=1), "config.labels has 'shares'; valid: examples, share, pool"),
        (dict(pool="stdlib_comment"), "data has no 'stdlib_comment'"),
    ],
)
def test_a_mistake_is_one_line_that_names_its_place(more, said):
    with pytest.raises(plan.Mistake, match=said):
        found(**more)
