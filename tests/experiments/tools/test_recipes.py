"""From a configuration to stages."""

import jax
import pytest
from ml_collections import ConfigDict

from experiments.tools import networks, recipes, stages
from jdistill import artifact, data, tree
from jdistill.data import eval_batches
from tests.experiments.small import ROOT

DIGITS = data.digits(fold=0, num_folds=5)


def config(**changes):
    from configs import digits

    found = ConfigDict(digits.get_config("smoke"))
    found.student.model.widths = (48,)
    found.update_from_flattened_dict(changes)
    return found.to_dict()


def test_the_fold_of_the_job_is_that_of_the_data():
    first, second = (recipes.dataset(config(), fold) for fold in (0, 1))
    assert (
        first.test.size != second.test.size
        or (first.test.arrays["inputs"] != second.test.arrays["inputs"]).any()
    )


def test_stages_are_in_the_order_they_need_each_other():
    whole = config()
    names = ("teacher", "half", "student", "distilled", "pruned", "quantised")
    stages = recipes.stages(
        {**whole, "half": whole["teacher"], "stages": names}, DIGITS
    )
    assert tuple(stages) == names
    for stage in stages.values():
        assert stage.start is None or names.index(stage.start) < names.index(stage.name)
        assert stage.realised == ("masked" if stage.start else "dense")
    taught = {s.name for s in stages.values() if s.taught == "teacher"}
    assert taught == {"distilled", "pruned", "quantised"}


def test_what_the_data_say_completes_a_model_but_never_overrides_it():
    spec = recipes.stages(config(), DIGITS)["teacher"].spec
    assert spec["classes"] == 10
    assert networks.complete({"name": "mlp", "classes": 3}, DIGITS)["classes"] == 3


@pytest.mark.parametrize("budget", [1700, 3000])
def test_the_student_of_equal_bytes_is_the_largest_that_fits(budget):
    c = config()
    stage = recipes.equal_bytes(c, DIGITS, budget)
    width = stage.spec["widths"][0]
    quantise = stages.keeper(c["quantised"]["compression"])

    def size(width):
        spec = {**stage.spec, "widths": (width,)}
        told = recipes.description(c, DIGITS, spec)
        return recipes._file_size(spec, quantise, DIGITS, told)

    assert size(width) <= budget < size(width + 1)


@pytest.mark.parametrize(
    ("size", "share", "wanted"),
    [(8, 0.5, 4), (3, 0.01, 1), ((8, 4), 0.25, (2, 1)), ([48], 1.0, (48,))],
)
def test_sizes_shrink_together_and_never_to_nothing(size, share, wanted):
    assert recipes._shrink(size, share) == wanted


def test_products_are_the_weights_of_the_model():
    model = recipes.stages(config(), DIGITS)["student"].model
    batch = next(iter(eval_batches(DIGITS.train, batch_size=2)))
    params, state = jax.jit(model.init)(jax.random.key(0), batch)
    found = recipes.products(model, params, state, batch)
    assert (
        set(found) == {"Dense_0/kernel", "Dense_1/kernel"} < set(tree.flatten(params))
    )


def test_devices_make_a_mesh_and_one_makes_none():
    assert recipes.mesh({}) is None
    assert recipes.mesh({"devices": 1}) is None
    assert recipes.mesh({"devices": 4}).shape == {"data": 4}
    for wrong in (0, len(jax.devices()) + 1):
        with pytest.raises(ValueError, match=f"config.devices is {wrong}; there are 4"):
            recipes.mesh({"devices": wrong})


def test_the_configuration_is_where_the_tests_look_for_it():
    assert (ROOT / "configs/digits.py").exists()
    assert artifact.pack


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("0.5", "csv: figures need one class for each label"),
        ("", "csv: no example of the test part has a label"),
    ],
)
def test_data_that_no_figure_can_be_made_of_are_refused(tmp_path, label, message):
    lines = [f"mail number {i},{label}" for i in range(60)]
    (tmp_path / "x.csv").write_text("\n".join(["text,label", *lines]))
    config = {"data": {"name": "csv", "train": str(tmp_path / "x.csv")}}
    with pytest.raises(ValueError, match=message):
        recipes.dataset(config, 0)
