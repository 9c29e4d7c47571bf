"""Names beside points: none covers another, a point or a bar, no line crosses one."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from jdistill.report._labels import label


def drawn(xs, ys, names=None, errors=()):
    """The axes with points and their names."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.set_xlim(-6, 8)
    axes.plot(xs, ys, "o")
    label(axes, names or [f"stage {i} (dense)" for i in range(len(xs))], xs, ys, errors)
    figure.canvas.draw()
    return axes


@pytest.mark.parametrize("seed", range(6))
def test_names_overlap_neither_each_other_nor_points_nor_bars(seed):
    generator = np.random.default_rng(seed)
    xs = generator.choice([0.0, 0.1, 2.0, 4.0], 8).tolist()
    ys = generator.uniform(90, 93, 8).tolist()
    axes = drawn(xs, ys, errors=[0.2] * 8)
    for text in axes.texts:
        text.arrowprops = text.arrow_patch = None  # which would count as of the name
    boxes = [text.get_window_extent() for text in axes.texts]
    for i, box in enumerate(boxes):
        assert not box.count_overlaps(boxes[:i])
        for x, y in zip(xs, ys, strict=True):
            ends = axes.transData.transform([(x, y - 0.2), (x, y + 0.2)])
            for height in np.linspace(*ends[:, 1], 9):
                assert not box.contains(ends[0, 0], height)


def test_points_at_one_place_have_their_names_below_each_other():
    axes = drawn([0.0, 0.0, 3.0], [1.0, 1.0, 1.0], ["packed", "executed", "far"])
    assert [t.get_text() for t in axes.texts] == ["packed\nexecuted", "far"]


def test_a_line_leads_to_a_name_only_where_it_is_apart_from_its_point():
    axes = drawn([0.0] * 6, [1.0, 1.02, 1.04, 1.06, 1.08, 2.0])
    near = [abs(text.xyann[1]) <= 6 for text in axes.texts]
    lines = [text.arrow_patch is None for text in axes.texts]
    assert lines == near and not all(lines)
