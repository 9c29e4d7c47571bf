import pathlib
import shlex

import pytest

from tests import mutants

ROOT = pathlib.Path(__file__).parent.parent


def test_there_are_at_least_ten_and_their_names_differ():
    names = {mutant.name for mutant in mutants.MUTANTS}
    assert len(names) == len(mutants.MUTANTS) >= 10


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.name)
def test_the_line_a_mutant_edits_and_the_tests_that_hold_it_are_there(mutant):
    assert (ROOT / mutant.path).read_text().count(mutant.before) == 1
    assert mutant.before != mutant.after
    assert (ROOT / shlex.split(mutant.tests)[0]).exists()


def test_an_edit_survives_unless_its_tests_fail_and_is_undone(tmp_path, monkeypatch):
    number = tmp_path / "number.py"
    number.write_text("return 2")
    monkeypatch.setattr(mutants, "fails", lambda *_: number.read_text() == "return 3")
    for before, after, wanted in (
        ("return 2", "return 1 + 1", "SURVIVED"),
        ("return 2", "return 3", ""),
        ("return 4", "return 3", "its text is 0 times in number.py"),
    ):
        mutant = mutants.Mutant("", "number.py", before, after, "test_number.py")
        assert mutants.survives(mutant, tmp_path) == wanted
        assert number.read_text() == "return 2"


def test_the_tests_of_all_mutants_are_selected_in_one_run():
    def mutant(tests):
        return mutants.Mutant("", "", "", "", tests)

    chosen = [mutant("tests/test_b.py -k 'x or y'"), mutant("tests/test_a.py")]
    assert shlex.split(mutants.selection(chosen)) == [
        "tests/test_a.py",
        "tests/test_b.py",
        "-k",
        "(x or y) or (test_a)",
    ]
