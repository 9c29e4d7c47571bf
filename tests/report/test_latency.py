"""Latency is a median over interleaved runs, in milliseconds."""

import time

import jax.numpy as jnp
import pytest

from jdistill import report


def test_calls_run_in_turn_after_their_warmup():
    seen = []
    calls = {name: lambda name=name: seen.append(name) for name in "ab"}
    report.latencies(calls, repeats=2, warmup=1)
    assert seen == list("ababab")


def test_the_median_ignores_one_slow_run():
    naps = iter([0.0, 0.002, 0.002, 0.4, 0.002, 0.002])
    said = report.latency(lambda: time.sleep(next(naps)), repeats=5, warmup=1)
    assert 1.9 < said < 50


def test_a_result_on_the_device_is_awaited():
    assert report.latency(jnp.add, jnp.ones(3), jnp.ones(3), repeats=1) > 0


def test_no_repeats_is_refused():
    with pytest.raises(
        ValueError, match="repeats must be a whole number from 1, got 0"
    ):
        report.latency(lambda: 1, repeats=0)
