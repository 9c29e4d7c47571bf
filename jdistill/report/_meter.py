"""Energy as a meter in the machine shows it, where there is one."""

import ctypes
import pathlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

RAPL = pathlib.Path("/sys/class/powercap")


class Meter(NamedTuple):
    """A counter of energy: `read() -> reading`, `spent(before, after) -> joules`."""

    method: str
    read: Callable[[], Any]
    spent: Callable[[Any, Any], float]


def measured_energy(
    call: Callable[[], Any],
    *,
    seconds: float | int = 5.0,
    idle: float | int = 2.0,
    meter: Meter | None = None,
) -> dict[str, Any] | None:
    """Measures the energy of one call above the machine's idle power.

    `uJ = (spent - idle_watts * elapsed) / calls`, over a loop of `seconds`, because
    counters move only every 10 to 100 ms.

    Args:
        call: what to measure; its result is awaited.
        seconds: length of the loop, in seconds.
        idle: length of the idle measurement before it, in seconds.
        meter: a counter; by default the processor's RAPL counter or, where jax runs on
            an NVIDIA device, NVML's.

    Returns:
        `uJ` per call in microjoules, `idle_watts`, `calls`, `seconds` and the `method`;
        None, never 0, where there is no readable meter or the call does not show on it.

    Example:
        >>> still = Meter('test', lambda: 0.0, lambda before, after: after - before)
        >>> measured_energy(lambda: 1, seconds=0.02, idle=0.01, meter=still) is None
        True
    """
    meter = find_meter() if meter is None else meter
    if meter is None:
        return None
    jax.block_until_ready(call())
    before = meter.read()
    idle_seconds, _ = _loop(lambda: time.sleep(idle / 10), idle)
    idle_watts = meter.spent(before, meter.read()) / idle_seconds
    before = meter.read()
    elapsed, calls = _loop(lambda: jax.block_until_ready(call()), seconds)
    joules = meter.spent(before, meter.read()) - idle_watts * elapsed
    if joules <= 1e-3 * idle_watts * elapsed:  # within what reading the clock shifts
        return None
    return {
        "uJ": joules / calls * 1e6,
        "idle_watts": idle_watts,
        "calls": calls,
        "seconds": elapsed,
        "method": meter.method,
    }


def find_meter(rapl: pathlib.Path = RAPL) -> Meter | None:
    """The energy counter of the hardware that jax runs on, or None.

    Example:
        >>> find_meter(pathlib.Path('/nonexistent')) is None
        True
    """
    device = jax.devices()[0]
    if device.platform == "cpu":
        return _rapl(rapl)
    if device.platform in ("gpu", "cuda"):
        return _nvml(device.local_hardware_id or 0)
    return None


def _rapl(root: pathlib.Path) -> Meter | None:
    packages = sorted(p for p in root.glob("intel-rapl:*") if p.name.count(":") == 1)

    def read():
        return [int((p / "energy_uj").read_text()) for p in packages]

    try:
        limits = [int((p / "max_energy_range_uj").read_text()) for p in packages]
        read()
    except (OSError, ValueError):  # readable by the administrator only, or not there
        return None

    def spent(before, after):  # each counter wraps around at its limit
        pairs = zip(before, after, limits, strict=True)
        return sum((b - a) % limit for a, b, limit in pairs) * 1e-6

    return Meter("rapl", read, spent) if packages else None


def _nvml(index: int) -> Meter | None:
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        handle = ctypes.c_void_p()
        failed = nvml.nvmlInit_v2() or nvml.nvmlDeviceGetHandleByIndex_v2(
            index, ctypes.byref(handle)
        )
    except (OSError, AttributeError):
        return None
    millijoules = ctypes.c_ulonglong()

    def read():
        code = nvml.nvmlDeviceGetTotalEnergyConsumption(
            handle, ctypes.byref(millijoules)
        )
        return None if code else millijoules.value

    if failed or read() is None:
        return None
    return Meter("nvml", read, lambda before, after: (after - before) * 1e-3)


def _loop(call: Callable[[], Any], seconds: float | int) -> tuple[float, int]:
    start, calls = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        call()
        calls += 1
    return time.perf_counter() - start, calls
