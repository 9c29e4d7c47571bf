"""Measured energy against counters that the tests move."""

import itertools
import types

import pytest

from jdistill import report
from jdistill.report import _meter
from jdistill.report._meter import Meter, find_meter


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


def test_idle_power_is_taken_off_for_as_long_as_the_loop_ran(monkeypatch):
    clock = types.SimpleNamespace(
        perf_counter=itertools.count(0.0).__next__, sleep=lambda seconds: None
    )
    monkeypatch.setattr(_meter, "time", clock)  # one second each time it is looked at
    meter = counter(0.0, 8.0, 100.0, 130.0)
    said = report.measured_energy(lambda: 1, seconds=3, idle=2, meter=meter)
    assert said["idle_watts"] == pytest.approx(8 / 3)
    assert (said["calls"], said["seconds"]) == (2, 4)
    assert said["uJ"] == pytest.approx((30 - 4 * 8 / 3) / 2 * 1e6)


def test_the_first_call_which_compiles_is_not_measured():
    order = []
    meter = Meter(
        "test", lambda: order.append("read") or len(order), lambda b, a: a - b
    )
    report.measured_energy(
        lambda: order.append("call"), seconds=0.01, idle=0.01, meter=meter
    )
    assert order[:2] == ["call", "read"]


def test_a_device_without_a_known_counter_has_no_meter(monkeypatch):
    device = types.SimpleNamespace(platform="tpu")
    monkeypatch.setattr(_meter.jax, "devices", lambda: [device])
    assert find_meter() is None


def nvidia(monkeypatch, *, code=0):
    """A library of NVIDIA's whose counter moves by 250 millijoules at each look."""

    energy = itertools.count(1000, 250)

    def total(handle, pointer):
        pointer._obj.value = next(energy)
        return code

    library = types.SimpleNamespace(
        nvmlInit_v2=lambda: 0,
        nvmlDeviceGetHandleByIndex_v2=lambda index, handle: 0,
        nvmlDeviceGetTotalEnergyConsumption=total,
    )
    device = types.SimpleNamespace(platform="gpu", local_hardware_id=0)
    monkeypatch.setattr(_meter.jax, "devices", lambda: [device])
    monkeypatch.setattr(_meter.ctypes, "CDLL", lambda name: library)
    return find_meter()


def test_an_nvidia_counter_counts_millijoules(monkeypatch):
    meter = nvidia(monkeypatch)
    assert meter.method == "nvml"
    assert meter.spent(meter.read(), meter.read()) == pytest.approx(0.25)


def test_an_nvidia_device_without_a_counter_has_no_meter(monkeypatch):
    assert nvidia(monkeypatch, code=3) is None
    monkeypatch.setattr(_meter.ctypes, "CDLL", missing)
    assert find_meter() is None


def missing(name):
    raise OSError(name)
