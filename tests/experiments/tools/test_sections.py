"""Whose the sections of a pipeline are, and what is wrong with them."""

import pytest

from experiments.tools import plan, sections
from tests.experiments.tools.test_recipes import config

TAUGHT = {"model": "student", "teacher": "teacher"}


@pytest.fixture
def smoke():
    return config()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stages": ()}, r"config.stages must name some stages, got \(\)"),
        ({"stages": "teacher"}, "config.stages must name some stages, got 'teacher'"),
        ({"stages": ("teacher", "packed")}, "'packed', which is no stage's name"),
        ({"stages": ("teacher", 3)}, "config.stages has 3, which is no stage's name"),
        ({"stages": ("teacher", "teacher")}, "config.stages has 'teacher' twice"),
        ({"stages": ("teacher", "other")}, "config needs 'other'; it has "),
        ({"stages": ("distilled", "teacher")}, "distilled.model has 'student'; valid"),
        ({"distilled.model": None}, "config.distilled needs 'model'"),
        ({"distilled.tx": None}, "config.distilled needs 'tx'"),
        ({"distilled.begin": "pruned"}, "distilled.begin has 'pruned'; valid: teacher"),
        ({"distilled.teacher": "t"}, "config.distilled.teacher has 't'; valid: teach"),
        ({"distilled.teacher": 3}, "config.distilled.teacher has 3; valid: teacher"),
        ({"pruned.begin": {}}, "config.pruned.begin has {}; valid: teacher, student"),
        ({"teacher.model": 3}, "config.teacher.model has 3; valid: "),
        ({"distilled.tecaher": "t"}, "config.distilled has 'tecaher'; valid: model, t"),
        ({"pruned.begin": "teacher"}, "'teacher' is another network than 'student'"),
        (
            {"pruned.model": "distilled"},
            "'distilled' has the network of 'student'; na",
        ),
        ({"quantised.begin": None}, "config.quantised needs 'begin': the ranges of"),
        ({"quantised.compression": None}, "config.quantised needs 'compression'"),
        ({"objective": None}, "config needs 'objective'; it has "),
        ({"student.prepare": {}}, "student.prepare: what is packed reads as config.d"),
        ({"pruned.prepare": {}}, "pruned.prepare: the network is that of 'student'"),
        ({"teacher.prepare": {}}, "config.teacher.prepare: what the others read is "),
        ({"quantised.activations": None}, "comparisons has 'executed'; valid: teac"),
    ],
)
def test_what_cannot_be_carried_out_is_one_line(smoke, change, said):
    smoke["comparisons"] = (("executed", "teacher"),)
    for path, value in change.items():
        *place, key = path.split(".")
        section = smoke[place[0]] if place else smoke
        section.pop(key, None)
        if value is not None:
            section[key] = value
    with pytest.raises(plan.Mistake, match=said):
        sections.check(smoke)


def test_a_teacher_may_read_in_a_way_of_its_own(smoke):
    smoke["data"] = {"name": "stdlib_docs", "prepare": {}}
    smoke["teacher"]["prepare"] = {}
    sections.check(smoke)


def test_other_chains_are_as_good(smoke):
    smoke |= {"stages": ("teacher", "student", "small"), "comparisons": ()}
    smoke["small"] = {**smoke["quantised"], "begin": "student"}
    del smoke["small"]["teacher"]
    sections.check(smoke)
    assert sections.judge(smoke) == "teacher"
    assert sections.needed(smoke, "small") == ["small", "student"]
    del smoke["small"]["begin"], smoke["small"]["activations"]
    sections.check(smoke)


def test_a_stage_needs_those_that_it_is_made_of_and_no_others(smoke):
    assert sections.needed(smoke, "teacher") == ["teacher"]
    assert {*sections.needed(smoke, "pruned")} == {
        *("pruned", "distilled", "student", "teacher", "objective")
    }
    smoke["distilled"]["terms"] = smoke["pruned"]["terms"] = {}
    assert "objective" not in sections.needed(smoke, "pruned")
    assert sections.owners(smoke) == ["teacher", "student"]
    assert sections.last(smoke) == "quantised"
