"""Every configuration of teachers runs, and each method is what it says."""

import numpy as np
import pytest

from configs import (
    assistants,
    begun,
    born_again,
    consistent,
    data_free,
    mean_teacher,
    mutual,
    recipes,
    several_teachers,
    unlabelled,
)
from experiments import teachers
from experiments.tools.few import rows as rows_with_labels
from jdistill import models

FAMILIES = {
    m.__name__.rpartition(".")[2]: m
    for m in (
        *(assistants, begun, born_again, consistent, data_free),
        *(mean_teacher, mutual, several_teachers, unlabelled),
    )
}


def joined():
    """The methods of all families in one run, which trains what they share once."""
    whole = mutual.get_config("smoke")
    whole.methods = {}
    for module in FAMILIES.values():
        config = module.get_config("smoke")
        whole.networks.update(config.networks)
        whole.before.update(config.before)
        whole.methods.update(
            {n: m for n, m in config.methods.items() if n not in ("alone", "kl")}
        )
    whole.against = ()
    return whole


def test_every_method_of_every_family_is_planned_before_anything_is_trained():
    assert set(teachers.planned(joined())["methods"]) == set(joined().methods)


@pytest.mark.slow
def test_every_method_of_every_family_runs_in_its_smoke_mode(tmp_path):
    config = joined()
    rows = {row["stage"]: row for row in teachers.run(config, tmp_path)}
    assert set(rows) == {*config.before, *config.methods}
    assert all(0 <= row["accuracy"] <= 1 for row in rows.values())


def test_a_run_goes_on_from_where_it_was(tmp_path):
    config = mean_teacher.get_config("smoke")
    config.methods = {"mean teacher": config.methods["mean teacher"]}
    config.against = ()
    rows = list(teachers.run(config, tmp_path))
    assert list(teachers.run(config, tmp_path)) == rows


def test_the_published_runs_differ_from_the_smoke_runs_in_size_only():
    for module in FAMILIES.values():
        whole, smoke = module.get_config(), module.get_config("smoke")
        assert set(whole.methods) == set(smoke.methods)
        assert len(whole.seeds) == 5 and whole.num_steps > smoke.num_steps


def test_every_data_set_is_asked_the_same_of_its_recipes():
    asked = {name: recipes.get_config(name) for name in recipes.NAMES}
    assert len({tuple(config.methods) for config in asked.values()}) == 1
    for config in asked.values():
        before = {spec.model for spec in config.before.values()}
        assert set(config.networks) == {*before, "student"}
        assert config.before.early.num_steps * 8 <= config.num_steps
    with pytest.raises(ValueError, match="no run 'cifar'; valid: digits, docs"):
        recipes.get_config("cifar")


def test_gates_begin_with_the_rarities_of_the_labelled_texts(tmp_path):
    config = recipes.get_config("docs")
    config.update(seeds=(0,), num_steps=1, labelled=200, against=())
    config.methods = {"alone": config.methods["alone"]}
    config.before = {"teacher": dict(config.before.teacher, model="student")}
    config.data.prepare.update(num_buckets=64, max_length=16)
    config.networks = {"student": dict(config.networks.student, num_buckets=64)}
    begun = {}

    def seen(name, stage, done):
        begun[name] = teachers._begin(stage, {})
        return begun[name]

    config = teachers.planned(config)
    parts = teachers.recipes.dataset(config, 0)
    list(teachers._walk(config, parts, 0, seen))
    labelled = teachers._split(config, parts.train, {})
    texts = labelled.take(np.arange(labelled.size))
    some = {"labels": {"examples": 200}}
    drawn = np.flatnonzero(rows_with_labels(some, parts.train.size))
    assert drawn.max() > 1000, "the first of a set may be of few writers"
    assert np.array_equal(texts["inputs"], parts.train.take(drawn)["inputs"])
    for frozen in begun.values():
        expected = models.idf_gates(frozen.params, texts)["gate"]["embedding"]
        assert np.array_equal(frozen.params["gate"]["embedding"], expected)
        assert np.ptp(expected) > 0 and labelled.size == 200


def small(**changes):
    config = mean_teacher.get_config("smoke").to_dict()
    return {**config, "methods": {"one": [changes]}, "against": ()}


def test_words_that_name_nothing_are_told_with_the_valid_ones(tmp_path):
    terms = {"ce": {"on": "labels", "loss": "cross_entropy"}}
    with pytest.raises(
        ValueError, match="no network 'studnt'; valid: student, teacher"
    ):
        list(teachers.run(small(model="studnt", terms=terms), tmp_path))
    wrong = small(terms=terms, others={"teacher": "techer"})
    with pytest.raises(ValueError, match="nothing is called 'techer'; valid: teacher"):
        list(teachers.run(wrong, tmp_path))
    with pytest.raises(ValueError, match="'one' has no stage"):
        list(teachers.run({**small(), "methods": {"one": []}}, tmp_path))


def test_few_labels_are_the_same_ones_for_every_method():
    config = small()
    split = teachers.recipes.dataset(config, 0).train
    few = teachers._split(config, split, {})
    mixed = teachers._split(config, split, {"share": 0.25})
    experts = [
        teachers._split(config, split, {"only": d}) for d in (range(5), range(5, 10))
    ]
    assert few.size == config["labelled"] and mixed.size == split.size
    rows = mixed.take(np.arange(few.size))
    assert rows["label_mask"].all()
    np.testing.assert_array_equal(rows["inputs"], few.arrays["inputs"])
    assert sum(e.size for e in experts) == few.size
    assert experts[0].arrays["half"].max() == 0 and experts[1].arrays["half"].min() == 1
