"""Learning curves: training apart from validation, all stages on one axis."""

import re

import numpy as np

from jdistill import report
from jdistill.report._learning import tones_of


def test_training_and_validation_are_told_apart_in_each_panel():
    point = {"stage": "teacher", "fold": 0, "seed": 0}
    curves = [
        {**point, "step": step, "split": split, "name": name, "value": 1.5 / step}
        for step in (1, 2)
        for split in ("train", "valid")
        for name in ("nll", "accuracy")
    ]
    page = report.html([], curves)
    assert "training</text>" in page and "validation</text>" in page
    tone = r"stroke: var\(--teacher\)"
    dashed = re.findall(rf"stroke-dasharray: [\d. ,]+; [^\"]*{tone}", page)
    assert len(dashed) == 2 and len(re.findall(tone, page)) == 4


def test_a_loss_has_a_logarithmic_axis_and_an_accuracy_has_not(curves):
    def positions(name):
        same = [
            {**c, "name": name, "value": 10.0 ** -(c["step"] / 200)}
            for c in curves
            if (c["stage"], c["name"], c["fold"]) == ("teacher", "loss", 0)
        ]
        svg = report.html([], same)
        line = re.search(r'<path d="([^"]*)"[^>]*stroke-dasharray', svg)[1]
        heights = [float(y) for y in re.findall(r"[ML] [\d.]+ ([\d.]+)", line)]
        return np.diff(heights)

    straight, bent = positions("loss"), positions("accuracy")
    assert np.ptp(straight) < 0.01 * abs(straight.mean())
    assert np.ptp(bent) > abs(bent.mean())


def test_all_stages_stand_on_one_axis_each_in_its_colour():
    point = {"fold": 0, "seed": 0, "split": "valid", "name": "accuracy"}
    stages = ("teacher", "distilled", "equal_bytes")
    curves = [
        {**point, "stage": stage, "step": step, "value": 0.5}
        for stage in stages
        for step in (1, 2)
    ]
    page = report.html([], curves)
    first = page[: page.index("Each stage by itself")]
    assert first.count("<svg") == 1
    for stage in stages:
        assert f">{stage}</text>" in first
    tones = tones_of(stages)
    assert len(set(tones.values())) == 3


def test_colours_run_out_for_many_stages_and_not_for_few():
    assert len(set(tones_of([f"loss {i}" for i in range(7)]).values())) == 7
    assert len(tones_of([f"loss {i}" for i in range(40)])) == 40


def test_of_very_many_stages_the_first_are_drawn_together_and_it_says_so():
    point = {"fold": 0, "seed": 0, "split": "train", "name": "loss", "step": 1}
    curves = [{**point, "stage": f"loss {i}", "value": 1.0} for i in range(15)]
    page = report.html([], curves)
    assert "3 more below" in page and page.count("<svg") == 1 + 15


def test_curves_of_a_training_loss_alone_keep_it_beside_what_was_validated():
    point = {"stage": "teacher", "fold": 0, "seed": 0, "step": 1, "value": 1.0}
    parts = {"loss": "train", "ce": "train", "nll": "valid", "accuracy": "valid"}
    curves = [{**point, "name": n, "split": part} for n, part in parts.items()]
    page = report.html([], curves)
    for axis in ("loss", "negative log-likelihood", "accuracy"):
        assert f">{axis}</text>" in page
    assert ">ce</text>" not in page
