"""Latency: the median of repeated, interleaved runs."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax

from jdistill import kinds
from jdistill.checks import whole


def latencies(
    calls: Mapping[str, Callable[[], Any]], *, repeats: int = 20, warmup: int = 2
) -> dict[str, float]:
    """Times several calls in turn, so that a slow moment of the machine hits all alike.

    Args:
        calls: what to time, by name; results are awaited.
        repeats: how often each is timed.
        warmup: how often each runs before (compilation).

    Returns:
        The median of each, in milliseconds.

    Raises:
        ValueError: `repeats` below 1.

    Example:
        >>> sorted(latencies({'one': lambda: 1, 'two': lambda: 2}, repeats=3))
        ['one', 'two']
    """
    whole(repeats=repeats)
    whole(warmup=warmup, least=0)
    times = {name: [] for name in calls}
    for turn in range(warmup + repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            jax.block_until_ready(call())
            if turn >= warmup:
                times[name].append(time.perf_counter() - start)
    return {name: 1e3 * statistics.median(values) for name, values in times.items()}


def latency(
    function: Callable[..., Any], *args: Any, repeats: int = 20, warmup: int = 2
) -> float:
    """The median time of one call in milliseconds.

    Args:
        function: what to time, as it will run (jit it first).
        *args: its arguments.
        repeats: how often it is timed.
        warmup: how often it runs before (compilation).

    Returns:
        Milliseconds.

    Raises:
        ValueError: `repeats` below 1.

    Example:
        >>> latency(max, 1, 2, repeats=3) < 1000
        True
    """
    kinds.function(function=function)
    call = {"call": lambda: function(*args)}
    return latencies(call, repeats=repeats, warmup=warmup)["call"]
