"""Names of taps: one call, several calls, none."""

import pytest

from jdistill.models._taps import read_taps


def test_a_name_with_one_call_is_its_value():
    assert read_taps(["a"], {"a": (1,), "b": (2,)}, dict) == {"a": 1}


def test_calls_of_a_shared_layer_are_told_apart():
    assert read_taps(["a", "a#1"], {"a": (1, 2)}, dict) == {"a": 1, "a#1": 2}


def test_a_call_too_many_is_an_error():
    with pytest.raises(ValueError, match=r"no tap 'a#2'.*\['a', 'a#1'\]"):
        read_taps(["a#2"], {"a": (1, 2)}, lambda: {"a": (1, 2)})


def test_a_missing_tap_lists_near_misses_and_all_names():
    everything = {"Block_0/Conv_0": (1,), "Dense_0": (1,)}
    with pytest.raises(ValueError) as error:
        read_taps(["Block_0/Conv_1"], {}, lambda: everything)
    assert str(error.value) == (
        "no tap 'Block_0/Conv_1'; did you mean ['Block_0/Conv_0']? "
        "valid names: ['Block_0/Conv_0', 'Dense_0']"
    )


def test_everything_is_not_asked_for_without_need():
    def refuse():
        raise AssertionError("asked")

    assert read_taps([], {}, refuse) == {}
