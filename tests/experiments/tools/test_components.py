"""Components of a configuration: public names, and functions of one's own."""

import textwrap

import jax
import numpy as np
import pytest

from experiments.tools import components, networks, objectives, recipes
from jdistill import data, models
from jdistill.typing import DataSet, Model

OWN = """
import numpy as np
from jdistill import data, models

number = 3

def clouds(*, size, fold=0):
    x = np.random.default_rng(fold).normal(size=(size, 2)).astype(np.float32)
    arrays = {"inputs": x, "label": np.arange(size) % 2}
    part = data.in_memory(arrays, classes=("a", "b"))
    return data.Parts(part, part, part)

def net(*, classes, width):
    return models.mlp(classes=classes, widths=(width,))

def squared(logits, labels):
    return (logits ** 2).mean(-1)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_parts.py").write_text(textwrap.dedent(OWN))
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("own")
def test_a_function_of_ones_own_takes_what_a_public_one_takes():
    parts = data.digits()
    spec = networks.complete({"name": "own_parts:net", "width": 7}, parts)
    assert spec["classes"] == 10
    model = components.build(models, spec, Model)
    params, _ = model.init(jax.random.key(0), parts.train.take([0]))
    assert params["Dense_0"]["kernel"].shape[1] == 7


@pytest.mark.usefixtures("own")
def test_a_term_takes_a_loss_of_ones_own():
    made = objectives.terms_of({"x": {"on": "labels", "loss": "own_parts:squared"}})
    assert set(made) == {"x"}
    with pytest.raises(ValueError, match="term 'x': no loss 'squared'"):
        objectives.terms_of({"x": {"on": "labels", "loss": "squared"}})


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"name": "nowhere:net"}, "module 'nowhere'"),
        ({"name": "own_parts:nets"}, "'own_parts' has no function 'nets'"),
        ({"name": "own_parts:number"}, "is int, no function"),
        ({"name": "own_parts:net", "classes": 2}, "needs 'width'"),
        ({"name": "own_parts:net", "classes": 2, "with": 1}, "no argument 'with'"),
        ({"name": "own_parts:clouds", "size": 4}, "must return a DataSet"),
        ({"name": "cvs"}, "data has no 'cvs'"),
    ],
)
def test_what_is_not_there_is_named(spec, message):
    with pytest.raises(ValueError, match=message):
        components.build(data, spec, DataSet)


def test_a_table_of_ones_own_is_the_data_of_a_configuration(tmp_path):
    rows = "\n".join(f"mail {i},{'ab'[i % 2]}" for i in range(60))
    path = tmp_path / "mail.csv"
    path.write_text(f"text,label\n{rows}")
    prepare = {"name": "hashed_ngrams", "num_buckets": 40}
    config = {"data": {"name": "csv", "train": str(path), "prepare": prepare}}
    made = [recipes.dataset(config, fold) for fold in (0, 1)]
    assert made[0].info["vocab"] == 40 and made[1].info["fold"] == 1
    sizes = recipes.examples(config, 0)
    assert sizes == made[0].info["sizes"] and sum(sizes.values()) == 60
    assert not np.array_equal(
        made[0].test.arrays["inputs"], made[1].test.arrays["inputs"]
    )
