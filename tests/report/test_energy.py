"""Estimates against the published 45 nm points; meters against counters we move."""

import itertools

import pytest

from jdistill import report
from jdistill.report._meter import Meter, find_meter


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


def counter(*readings):
    values = itertools.chain(readings)
    return Meter("test", lambda: next(values), lambda before, after: after - before)


def test_a_measured_call_costs_what_it_adds_to_idle_power():
    meter = counter(0.0, 0.0, 10.0, 15.0)  # idle: nothing; busy: 5 joules
    said = report.measured_energy(lambda: 1, seconds=0.02, idle=0.01, meter=meter)
    assert said["uJ"] * said["calls"] == pytest.approx(5e6)
    assert said["idle_watts"] == 0
    assert said["method"] == "test"


@pytest.mark.parametrize("readings", [(0, 0, 5, 5), (0, 10, 10, 10.5)])
def test_what_does_not_show_on_the_meter_is_none_and_never_zero(readings):
    said = report.measured_energy(
        lambda: 1, seconds=0.02, idle=0.01, meter=counter(*readings)
    )
    assert said is None


def test_without_a_meter_there_is_no_figure(tmp_path, monkeypatch):
    monkeypatch.setattr("jdistill.report._meter.find_meter", lambda: None)
    assert report.measured_energy(lambda: 1) is None
    assert find_meter(tmp_path) is None


def rapl(root, name, energy, limit=1000):
    folder = root / name
    folder.mkdir(exist_ok=True)
    (folder / "energy_uj").write_text(f"{energy}\n")
    (folder / "max_energy_range_uj").write_text(f"{limit}\n")


def test_processor_counters_add_over_packages_and_wrap_around(tmp_path):
    rapl(tmp_path, "intel-rapl:0", 900)
    rapl(tmp_path, "intel-rapl:1", 100)
    rapl(tmp_path, "intel-rapl:0:0", 0)  # a part of package 0, counted there
    meter = find_meter(tmp_path)
    before = meter.read()
    rapl(tmp_path, "intel-rapl:0", 50)
    rapl(tmp_path, "intel-rapl:1", 130)
    rapl(tmp_path, "intel-rapl:0:0", 70)
    assert meter.method == "rapl"
    assert meter.spent(before, meter.read()) == pytest.approx(180e-6)


def test_a_counter_that_cannot_be_read_is_no_meter(tmp_path):
    rapl(tmp_path, "intel-rapl:0", "secret")
    assert find_meter(tmp_path) is None
