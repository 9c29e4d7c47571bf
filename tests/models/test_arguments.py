"""What a network is called with follows from its signature."""

import pytest

from jdistill.models._arguments import entries, keywords, names


def test_one_name_and_several_are_both_tuples():
    assert names(inputs="inputs") == ("inputs",)
    assert names(taps=["a", "b"]) == ("a", "b")


def test_a_batch_without_the_inputs_is_an_error_that_lists_its_entries():
    with pytest.raises(ValueError, match=r"'inputs'.*\['image', 'label'\]"):
        entries({"label": 0, "image": 1}, ["inputs"])


@pytest.mark.parametrize("name", ["train", "training", "is_training"])
def test_the_mode_reaches_each_name_it_goes_by(name):
    scope = {}
    exec(f"def call(x, *, {name}): pass", scope)
    supply = keywords(scope["call"], after=1)
    assert supply({}, train=True) == {name: True}
    assert supply({}, train=False) == {name: False}


@pytest.mark.parametrize("name", ["deterministic", "use_running_average"])
def test_the_mode_is_negated_for_names_of_evaluation(name):
    scope = {}
    exec(f"def call(x, *, {name}): pass", scope)
    supply = keywords(scope["call"], after=1)
    assert supply({}, train=True) == {name: False}


def test_a_mask_is_the_token_mask_and_never_the_mask_of_examples():
    supply = keywords(lambda x, mask=None, token_mask=None: x, after=1)
    assert supply({"mask": 1}, train=False) == {}
    assert supply({"mask": 1, "token_mask": 2}, train=False) == {
        "mask": 2,
        "token_mask": 2,
    }


def test_a_parameter_named_like_an_entry_gets_that_entry():
    supply = keywords(lambda x, segment=None, other=3: x, after=1)
    assert supply({"segment": 5, "label": 1}, train=False) == {"segment": 5}


def test_parameters_passed_by_position_are_not_passed_again():
    supply = keywords(lambda tokens, train: tokens, after=1)
    assert supply({"tokens": 1}, train=True) == {"train": True}


def test_what_is_given_beside_the_batch_reaches_a_bare_parameter_as_none_too():
    supply = keywords(lambda x, key: x, after=1)
    assert supply({}, train=True, key=3) == {"key": 3}
    assert supply({}, train=False, key=None) == {"key": None}
    supply = keywords(lambda x, key=7: x, after=1)
    assert supply({}, train=False, key=None) == {}


def test_a_needed_mask_that_the_batch_lacks_is_an_error():
    supply = keywords(lambda x, mask: x, after=1)
    with pytest.raises(ValueError, match=r"needs 'mask'.*has no 'token_mask'"):
        supply({"inputs": 0}, train=True)


def test_keyword_catch_alls_get_nothing():
    assert keywords(lambda x, **rest: x, after=1)({"a": 1}, train=True) == {}
