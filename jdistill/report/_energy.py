"""Energy of one inference, estimated from what it computes and what it moves."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Process(NamedTuple):
    """What one operation costs on one process, in picojoules.

    `multiply` and `add` map a number type to its cost; `integer_multiply(bits)` and
    `integer_add(bits)` give it for integers of any width.
    """

    source: str
    multiply: Mapping[str, float]
    add: Mapping[str, float]
    integer_multiply: tuple[float, float]
    integer_add: float
    dram_byte: float


PROCESSES = {
    "45nm": Process(
        source="45 nm, 0.9 V (Horowitz, ISSCC 2014)",
        multiply={"float32": 3.7, "float16": 1.1},
        add={"float32": 0.9, "float16": 0.4},
        # a b^2 + c b through the published 8-bit (0.2) and 32-bit (3.1) points
        integer_multiply=(23 / 7680, 1 / 960),
        integer_add=0.1 / 32,
        dram_byte=640 / 4,
    )
}

ACCUMULATOR_BITS = 32


def energy(
    multiply_adds: Mapping[str | int, float | int],
    bytes_moved: float | int,
    *,
    process: str = "45nm",
) -> dict[str, Any]:
    """Estimates the energy of computing and of moving data, apart.

    `compute = sum_t n_t (multiply_t + add_t)`, `memory = bytes_moved * dram_byte`.
    Integers of any width are added into 32 bits. Nothing is assumed to be reused: count
    a byte once for each time that it comes from memory.

    Args:
        multiply_adds: how many multiply-adds of each number type: 'float32', 'float16',
            'int8', 'int4' and so on. A plain number of bits stands for floats at 32 and
            16 and for integers elsewhere.
        bytes_moved: bytes that come from memory (DRAM) for one inference.
        process: which table of costs.

    Returns:
        `compute_uJ` and `memory_uJ` in microjoules, `process` and `method` in words.

    Raises:
        ValueError: an unknown process or number type, or a negative count.

    References:
        Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC
        2014.

    Example:
        >>> energy({'int8': 1e6}, 1e6)['compute_uJ']
        0.3
    """
    if process not in PROCESSES:
        raise ValueError(f"no process {process!r}; valid: {', '.join(PROCESSES)}")
    if bytes_moved < 0 or any(n < 0 for n in multiply_adds.values()):
        raise ValueError("multiply_adds and bytes_moved must not be negative")
    table = PROCESSES[process]
    compute = sum(n * _multiply_add(table, t) for t, n in multiply_adds.items())
    return {
        "compute_uJ": round(compute * 1e-6, 12),
        "memory_uJ": round(bytes_moved * table.dram_byte * 1e-6, 12),
        "process": table.source,
        "method": "estimate",
    }


def _multiply_add(table: Process, kind: str | int) -> float:
    if isinstance(kind, int):
        kind = f"{'float' if kind in (16, 32) else 'int'}{kind}"
    if kind in table.multiply:
        return table.multiply[kind] + table.add[kind]
    bits = kind.removeprefix("int")
    if not (kind.startswith("int") and bits.isdigit() and 1 <= int(bits) <= 32):
        valid = ", ".join([*table.multiply, "int1 to int32"])
        raise ValueError(f"no cost for numbers of type {kind!r}; valid: {valid}")
    square, line = table.integer_multiply
    product = square * int(bits) ** 2 + line * int(bits)
    return product + table.integer_add * ACCUMULATOR_BITS
