import pytest

from benchmarks import kd_step


def test_an_epoch_of_ours_is_timed_online_and_cached():
    arrays = kd_step.examples(150)
    frozen = kd_step.teacher_of({"inputs": arrays["inputs"][:1]})
    online = kd_step.ours(kd_step.split_of(arrays), frozen)()
    cached = kd_step.with_logits(arrays, frozen)
    assert cached["outputs"]["teacher"].logits.shape == (150, kd_step.CLASSES)
    assert online.wall > 0
    assert kd_step.ours(kd_step.split_of(cached), frozen)().wall > 0


def test_the_three_ratios_are_rows():
    pytest.importorskip("torch", reason="the comparison needs the extra 'bench'")
    rows = kd_step.measure(count=150, rounds=1, threads=1)
    assert [row["name"] for row in rows] == [
        "kd_online_vs_listing",
        "kd_online_vs_resident",
        "kd_cached_vs_cached",
    ]
    assert all(row["ratio"] > 0 for row in rows)


def test_both_sides_compute_one_loss():
    torch = pytest.importorskip("torch", reason="needs the extra 'bench'")
    import numpy as np

    from benchmarks import _pytorch
    from jdistill import objective
    from jdistill.typing import Outputs, View

    student, teacher = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("f")
    label = np.array([0, 2, 1, 1, 0])
    kd = objective.hinton(temperature=_pytorch.TEMPERATURE, alpha=_pytorch.ALPHA)
    views = {"student": View(Outputs(student)), "teacher": View(Outputs(teacher))}
    ours, _ = kd.compute(views, {"label": label}, aux={}, step=0, key=None)
    theirs = _pytorch.hinton(*map(torch.from_numpy, (student, teacher, label)))
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)
