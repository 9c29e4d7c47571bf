import pytest

from benchmarks import overhead


@pytest.mark.slow
def test_every_figure_is_a_row():
    rows = overhead.measure(
        rounds=1, steps=2, encoder_steps=2, batch_size=2, length=4, dim=8, depth=1
    )
    figures = {row["name"]: row for row in rows}
    assert set(figures) == {
        "kd_step_vs_parts",
        "step_compiles",
        "weights_vs_trace",
        "observe_vs_forward",
        "compression_vs_plain",
    }
    assert figures["step_compiles"]["count"] == 1
    assert all(row["hardware"] for row in rows)
