"""Every configuration of losses runs, and every method of them fits its networks."""

import importlib.util
import pathlib
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import losses, main
from experiments.tools import recipes
from experiments.tools.rows import read_rows
from experiments.tools.training import Job
from jdistill import data, models
from jdistill.data import eval_batches
from jdistill.typing import Frozen
from tests.experiments.small import ROOT

RESIDUAL = ("logits", "features", "relations")
# the smoke run of all losses has those of the residual families, and one teacher
FAMILIES = ("losses", "transformers", "vision_transformers", "sequences")
LAST = FAMILIES[-1:]  # of an experiment of its own, and soon done
# ml_collections loads configuration files so
pytestmark = pytest.mark.filterwarnings(
    "ignore:the load_module.. method:DeprecationWarning"
)


def config(name, arg=""):
    path = ROOT / "configs" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found.get_config(arg).to_dict()


@pytest.mark.parametrize(
    "name",
    ["losses", *(pytest.param(n, marks=pytest.mark.slow) for n in FAMILIES[1:3])],
)
def test_each_family_is_planned_whole_before_its_teacher_is_trained(name, tmp_path):
    row = next(losses.run(config(name, "smoke"), tmp_path))
    assert row["stage"] == "teacher"


@pytest.mark.parametrize(
    "name", [*(pytest.param(n, marks=pytest.mark.slow) for n in FAMILIES[:-1]), *LAST]
)
def test_each_family_runs_in_its_smoke_mode(name, tmp_path):
    flags = [f"--config={ROOT}/configs/{name}.py:smoke", f"--workdir={tmp_path}/run"]
    assert main.main(["main", *flags]) == 0
    rows = read_rows(tmp_path / "run/rows.jsonl")
    wanted = {"teacher", *config(name, "smoke")["methods"]}
    assert {row["stage"] for row in rows} == wanted


def test_the_smoke_runs_meet_projections_memories_and_stages():
    found = {
        m: stages
        for n in FAMILIES
        for m, stages in config(n, "smoke")["methods"].items()
    }
    text = str(found)
    assert "projection" in text and "bank" in text and "learned_in" in text


@pytest.mark.slow
@pytest.mark.parametrize("method", config("losses")["methods"])
def test_every_method_takes_a_step_of_the_published_networks(method):
    c = config("losses")
    job = Job({**c, "seed": 0}, recipes.dataset(c, 0), 0, pathlib.Path())
    nets = losses._networks(c, job.dataset)
    first = eval_batches(job.dataset.train, batch_size=64)[0]
    batch = jax.tree.map(jnp.asarray, first)
    key, learned = jax.random.key(0), {}
    teacher = Frozen(*jax.eval_shape(lambda: nets["teacher"].init(key, batch)))
    for spec in c["methods"][method]:
        recipe = losses._stage(c, method, spec, nets, learned).learner
        state = jax.eval_shape(lambda t, r=recipe: r.init(key, batch, t), teacher)
        zeros = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), state.aux)
        learned[spec.get("name", "0")] = zeros
        after, _ = jax.eval_shape(
            lambda s, t, r=recipe: r.step(s, batch, t), state, teacher
        )
        assert jax.tree.structure(after) == jax.tree.structure(state)


def test_the_table_of_all_losses_has_every_family():
    whole = set(config("losses")["methods"])
    families = {m for name in RESIDUAL for m in config(name)["methods"]}
    assert whole == families | {"l1", "l2", "group_lasso"}


def test_the_outputs_of_the_teacher_stay_with_their_examples():
    split = data.digits().valid
    net = models.mlp(widths=(4,), classes=10, taps="Dense_0")
    frozen = Frozen(*net.init(jax.random.key(0), split.take([0])))
    taught = losses._taught(split, net, frozen)
    for rows, batch in (
        ([5, 2], taught.take([5, 2])),
        ([2, 3], eval_batches(taught, batch_size=2)[1]),
    ):
        expected = net.apply(*frozen, split.take(rows))[0]
        found = batch["outputs"]["teacher"]
        jax.tree.map(partial(np.testing.assert_allclose, atol=1e-5), found, expected)
