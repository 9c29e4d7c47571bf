"""What each parameter takes, and how its values are spread."""

import jax.numpy as jnp
import numpy as np
import pytest

import jdistill as jd
from jdistill import report
from jdistill.compress import Dense, Factors, Quantized, Sparse
from jdistill.report._layers import histogram

WEIGHTS = np.random.default_rng(0).normal(size=(64, 48)).astype(np.float32)
KEPT = np.abs(WEIGHTS) > 1
CODES = Quantized(
    jnp.asarray(np.clip(np.round(WEIGHTS * 40), -127, 127), jnp.int8),
    jnp.full((1, 1), 0.025),
    bits=8,
)
ENCODED = {
    "bias": Dense(jnp.zeros(5)),
    "kernel": Sparse(jnp.asarray(KEPT), CODES),
    "wide": Dense(jnp.asarray(WEIGHTS)),
}


def test_what_a_learner_encodes_is_read_as_its_forms():
    learned = jd.Frozen(ENCODED, {"mean": jnp.ones(3)})
    assert report.layers(learned).rows == report.layers(ENCODED).rows


def test_the_rows_are_those_of_the_file(tmp_path):
    jd.pack(tmp_path / "m.safetensors", ENCODED)
    wanted = {r.path: r for r in jd.artifact.table(tmp_path / "m.safetensors")}
    rows = report.layers(jd.unpack(tmp_path / "m.safetensors").encoded).rows
    assert {row["path"] for row in rows} == {"bias", "kernel", "wide"}
    for row in rows:
        same = wanted[row["path"]]
        assert (row["form"], row["bits"], row["bytes"]) == (
            same.form,
            same.bits,
            same.bytes,
        )
        assert tuple(row["shape"]) == same.shape
        assert row["density"] == pytest.approx(same.density, abs=1e-6)


def test_the_largest_stands_first():
    assert [row["path"] for row in report.layers(ENCODED).rows] == [
        "wide",
        "kernel",
        "bias",
    ]


def test_a_histogram_counts_what_is_not_zero_about_zero():
    rows = {row["path"]: row for row in report.layers(ENCODED).rows}
    assert rows["bias"]["values"] is None
    wide = rows["wide"]["values"]
    limit = float(np.abs(WEIGHTS).max())
    counts, _ = np.histogram(WEIGHTS, len(wide["counts"]), range=(-limit, limit))
    assert wide["limit"] == pytest.approx(limit)
    assert wide["counts"] == counts.tolist()
    assert sum(rows["kernel"]["values"]["counts"]) == KEPT.sum()


def test_a_product_of_factors_has_its_own_line():
    factors = Factors(Dense(jnp.ones((6, 2))), Dense(jnp.ones((2, 5))))
    (row,) = report.layers({"w": factors}).rows
    assert row["form"] == "factors" and sum(row["values"]["counts"]) == 30


def test_it_prints_a_line_a_parameter_and_their_sum():
    shown = str(report.layers(ENCODED)).splitlines()
    assert [line.split()[0] for line in shown[2:5]] == ["wide", "kernel", "bias"]
    assert "64 × 48" in shown[2] and "100 %" in shown[2]
    assert "3 parameters" in shown[-1] and "% of the numbers are zero" in shown[-1]


def test_a_narrow_terminal_keeps_form_bits_density_and_bytes(monkeypatch):
    monkeypatch.setenv("COLUMNS", "48")
    shown = str(report.layers(ENCODED))
    assert "Left out for width: shape" in shown
    assert max(map(len, shown.splitlines())) <= 48


def test_a_notebook_gets_a_drawing_for_each_that_has_values():
    assert report.layers(ENCODED)._repr_html_().count("<svg") == 2


def test_a_drawing_shows_without_a_style_sheet():
    drawn = histogram({"limit": 1.0, "counts": [2, 4]})
    assert 'width="8" height="22"' in drawn and 'stroke="currentColor"' in drawn


def test_many_layers_are_folded_away_on_a_page():
    (row,) = report.layers({"w": Dense(jnp.ones(3))}).rows
    rows = [{**row, "path": f"w{i}"} for i in range(20)]
    model = {"stage": "packed", "realised": "packed", "accuracy": 0.5, "layers": rows}
    page = report.html([model])
    assert "8 smaller ones" in page and page.count('<td class="text">w') == 20
