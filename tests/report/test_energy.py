"""Estimates against the published 45 nm points."""

import pytest

from jdistill import report


@pytest.mark.parametrize(
    ("kind", "picojoules"),
    [
        ("float32", 3.7 + 0.9),
        (32, 4.6),
        ("float16", 1.1 + 0.4),
        (16, 1.5),
        ("int32", 3.1 + 0.1),
        ("int8", 0.2 + 0.1),
        (8, 0.3),
        ("int4", 0.152),
        ("int1", 0.104),
    ],
)
def test_a_multiply_add_costs_what_the_45_nm_table_says(kind, picojoules):
    said = report.energy({kind: 1_000_000}, 0)
    assert said["compute_uJ"] == pytest.approx(picojoules, rel=2e-3)


def test_a_word_of_32_bits_from_memory_costs_640_picojoules():
    assert report.energy({}, 4e6)["memory_uJ"] == pytest.approx(640)


def test_lenet_300_100_spends_nearly_all_of_it_on_memory():
    weights = 784 * 300 + 300 * 100 + 100 * 10
    said = report.energy({"float32": weights}, 4 * weights)
    assert said["compute_uJ"] == pytest.approx(1.2245, rel=1e-4)
    assert said["memory_uJ"] == pytest.approx(170.37, rel=1e-4)


def test_types_add_up():
    both = report.energy({"int8": 1e6, "float32": 1e6}, 0)["compute_uJ"]
    assert both == pytest.approx(4.9)


def test_the_estimate_names_its_method_and_process():
    said = report.energy({8: 1}, 1)
    assert set(said) == {"compute_uJ", "memory_uJ", "process", "method"}
    assert said["method"] == "estimate"
    assert "45 nm" in said["process"]
    assert "Horowitz" in said["process"]


@pytest.mark.parametrize("kind", ["bfloat16", "int0", "int33", "int", "uint8", 0, -8])
def test_a_number_type_without_a_cost_is_refused(kind):
    with pytest.raises(ValueError, match="valid: float32, float16, int1 to int32"):
        report.energy({kind: 1.0}, 0)


def test_an_unknown_process_and_negative_counts_are_refused():
    with pytest.raises(ValueError, match="no process '7nm'; valid: 45nm"):
        report.energy({}, 0, process="7nm")
    with pytest.raises(ValueError, match="must not be negative"):
        report.energy({8: -1}, 0)
    with pytest.raises(ValueError, match="must not be negative"):
        report.energy({8: 1}, -1)
