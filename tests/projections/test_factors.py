"""Sums of factors of waves were computed in float64 by RepDistiller's modules."""

import itertools

import jax
import numpy as np
import pytest

from jdistill import projections
from tests.projections.members import arrays, filled, summary, wave

KEY = jax.random.key(0)


def layers(widths, first=0, norm=False):
    made = []
    for i, (inputs, width) in enumerate(itertools.pairwise(widths)):
        i += first
        layer = {
            "kernel": filled(3, 3, inputs, width, pace=0.9 + i),
            "bias": filled(width, pace=0.7 + i),
        }
        if norm:
            scale, bias = 1 + filled(width, pace=0.8 + i), filled(width, pace=0.6 + i)
            layer["norm"] = {"scale": scale, "bias": bias}
        made.append(layer)
    return made


def test_a_translator_gives_what_another_implementation_gives():
    both = wave(2, 4, 3, 3), wave(2, 4, 3, 4)
    found = projections.translator().apply(layers((3, 3, 2, 2), norm=True), *both)
    wanted = [14.593183991935954, 25.915669555487728, 0.44477414260282544]
    np.testing.assert_allclose(summary(found), wanted, rtol=5e-5, atol=1e-3)


def test_a_paraphraser_and_its_factor_give_what_another_implementation_gives():
    teacher = wave(2, 4, 3, 4)
    params = {"encoder": layers((4, 4, 2, 2)), "decoder": layers((2, 2, 4, 4), first=3)}
    factor = projections.paraphraser_factor().apply(params, teacher, teacher)
    wanted = [7.654005389848332, 4.360690892076871, -0.899118106099905]
    np.testing.assert_allclose(summary(factor), wanted, rtol=5e-5, atol=1e-4)
    whole = projections.paraphraser().apply(params, teacher, teacher)
    wanted = [53.072955079093944, 63.136492099788796, 2.4851252550420573]
    np.testing.assert_allclose(summary(whole), wanted, rtol=5e-5, atol=1e-4)


@pytest.mark.parametrize(("rate", "width"), [(0.5, 5), (0.75, 7), (2.0, 20), (0.01, 1)])
def test_both_factors_have_the_rate_of_the_teachers_channels(rate, width):
    student, teacher = arrays((2, 2, 3)), arrays((2, 2, 10))
    for make, both in (
        (projections.translator, (student, teacher)),
        (projections.paraphraser_factor, (teacher, student)),
    ):
        projection = make(rate=rate)
        params = jax.eval_shape(projection.init, KEY, *both)
        assert jax.eval_shape(projection.apply, params, *both).shape[-1] == width


def test_the_paraphraser_and_its_factor_have_the_same_parameters():
    teacher = arrays((2, 2, 4))
    one, other = (
        jax.jit(make().init)(KEY, teacher, teacher)
        for make in (projections.paraphraser, projections.paraphraser_factor)
    )
    assert jax.tree.all(jax.tree.map(np.array_equal, one, other))


def test_what_they_do_not_take_is_named():
    for make in (
        projections.paraphraser,
        projections.paraphraser_factor,
        projections.translator,
    ):
        with pytest.raises(ValueError, match="rate must be above 0, got 0"):
            make(rate=0)
    with pytest.raises(
        ValueError, match=r"translator takes .* got \(4, 3\) for \(4, 5"
    ):
        projections.translator().init(KEY, arrays((3,)), arrays((5,)))
    with pytest.raises(
        ValueError, match=r"paraphraser takes .* got \(4, 3\) for \(4, 3"
    ):
        projections.paraphraser().init(KEY, arrays((3,)), arrays((5,)))
