"""A configuration's component becomes a call, and mistakes become one clear line."""

from types import SimpleNamespace

import ml_collections
import pytest

from jdistill import data, models
from jdistill.build import build
from jdistill.typing import DataSet, Model


def square(*, side, unit="m"):
    return side**2, unit


def anything(**kwargs):
    return kwargs


shapes = SimpleNamespace(
    __name__="jdistill.shapes",
    __all__=["square", "anything"],
    square=square,
    anything=anything,
    hidden=square,
)


def test_calls_the_named_member_with_its_arguments():
    assert build(shapes, {"name": "square", "side": 3}) == (9, "m")


def test_reads_a_config_dict_and_leaves_it_as_it_was():
    config = ml_collections.ConfigDict({"name": "square", "side": 3})
    assert build(shapes, config, unit="cm") == (9, "cm")
    assert config.name == "square"


def test_a_member_that_takes_any_argument_gets_them_all():
    assert build(shapes, {"name": "anything", "a": 1}, b=2) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("spec", "extra", "said"),
    [
        ({"side": 3}, {}, "shapes: 'name' is missing; valid: anything, square"),
        (
            {"name": "sqare"},
            {},
            "shapes has no 'sqare'; did you mean 'square'? valid: anything, square",
        ),
        ({"name": "hidden"}, {}, "shapes has no 'hidden'; valid: anything, square"),
        (
            {"name": "square", "sides": 3},
            {},
            "square takes no argument 'sides'; did you mean 'side'? valid: side, unit",
        ),
        ({"name": "square"}, {}, "square needs 'side'; its arguments: side, unit"),
        (
            {"name": "square", "side": 1},
            {"side": 2},
            "square: the experiment sets 'side'; leave it out",
        ),
        (
            {"name": "square", "side": 1},
            {"classes": 2},
            "square takes no argument 'classes'; valid: side, unit",
        ),
    ],
)
def test_a_mistake_is_named_with_the_valid_choices(spec, extra, said):
    with pytest.raises(ValueError) as caught:
        build(shapes, spec, **extra)
    assert str(caught.value) == said


def test_only_what_makes_the_asked_kind_is_offered():
    assert build(data, {"name": "digits"}, DataSet).train.size > 0
    for name in ("fingerprint", "cache", "EvalBatches", "save_cache"):
        with pytest.raises(ValueError, match=f"^data has no '{name}'; .*digits"):
            build(data, {"name": name, "tree": 0}, DataSet)
    spec = {"name": "dgits"}
    with pytest.raises(
        ValueError, match=r"mean 'digits'\? valid: csv, digits, .*, tfds$"
    ):
        build(data, spec, DataSet)
    with pytest.raises(ValueError, match="models has no 'idf_gates'"):
        build(models, {"name": "idf_gates"}, Model)


def test_an_error_inside_the_member_is_not_mistaken_for_a_wrong_argument():
    def fails(*, side):
        raise TypeError("inside")

    broken = SimpleNamespace(__all__=["fails"], fails=fails)
    with pytest.raises(TypeError, match="inside"):
        build(broken, {"name": "fails", "side": 1})
