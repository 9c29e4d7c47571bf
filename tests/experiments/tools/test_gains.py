"""What methods gain, over the seeds."""

import numpy as np
import pytest

from experiments.tools.gains import gains


def test_gains_are_paired_over_seeds():
    found = {"alone": [0.5, 0.7, 0.9], "kl": [0.6, 0.8, 1.0], "dkd": [0.5, 0.8, 0.8]}
    rows = {(r["of"], r["against"]): r for r in gains(found, ("alone", "kl"))}
    assert set(rows) == {
        ("kl", "alone"),
        ("dkd", "alone"),
        ("alone", "kl"),
        ("dkd", "kl"),
    }
    row = rows["kl", "alone"]
    assert row["difference"] == pytest.approx(0.1)
    assert row["low"] == pytest.approx(0.1) and row["high"] == pytest.approx(0.1)
    row = rows["dkd", "alone"]  # gains 0, .1 and -.1: a standard error of .1 / sqrt 3
    assert row["high"] == pytest.approx(4.302653 * 0.1 / np.sqrt(3), rel=1e-5)
