import jax
import numpy as np
import optax
import pytest

from jdistill import schedules
from jdistill.typing import value_at


def test_the_cubic_schedule_equals_the_equation_in_float64():
    schedule = schedules.cubic(start=100, end=1100, target=0.9, initial=0.1)
    for step in range(0, 1300, 50):
        done = min(max((step - 100) / 1000, 0.0), 1.0)
        wanted = 0.9 + (0.1 - 0.9) * (1 - done) ** 3
        np.testing.assert_allclose(schedule(step), wanted, rtol=1e-6)


def test_the_cubic_schedule_has_the_values_worked_out_by_hand():
    schedule = schedules.cubic(start=0, end=10, target=0.8)
    np.testing.assert_allclose([schedule(t) for t in (0, 5, 10)], [0, 0.7, 0.8])


@pytest.mark.parametrize("make", [schedules.linear, schedules.cubic])
def test_a_ramp_is_exact_outside_and_never_turns_back(make):
    schedule = make(start=3, end=17, target=0.7, initial=0.3)
    values = np.array([schedule(t) for t in range(25)], np.float32)
    assert np.all(values[:4] == np.float32(0.3))
    assert np.all(values[17:] == np.float32(0.7))
    assert np.all(np.diff(values[3:18]) > 0)


def test_a_line_is_half_way_at_half_time():
    assert schedules.linear(start=0, end=8, target=-2.0, initial=4.0)(4) == 1.0


def test_a_piecewise_schedule_changes_at_its_boundaries_in_any_order():
    schedule = schedules.piecewise({20: 0.9, 10: 0.5}, initial=0.1)
    found = [float(schedule(t)) for t in (0, 9, 10, 19, 20, 99)]
    np.testing.assert_allclose(found, [0.1, 0.1, 0.5, 0.5, 0.9, 0.9])


def test_a_constant_stays():
    assert value_at(schedules.constant(0.25), 7) == value_at(0.25, 7) == 0.25


def test_steps_and_numbers_may_be_traced():
    def value(step, target, end):
        return schedules.cubic(start=0, end=end, target=target)(step)

    np.testing.assert_allclose(jax.jit(value)(5, 0.8, 10), 0.7, rtol=1e-6)
    steps = jax.vmap(schedules.piecewise({2: 1.0}))(np.arange(4))
    assert steps.tolist() == [0, 0, 1, 1]


def test_schedules_of_optax_are_schedules():
    assert value_at(optax.linear_schedule(0.0, 1.0, 10), 5) == 0.5


@pytest.mark.parametrize("end", [10, 5])
def test_an_end_that_is_not_after_the_start_is_named(end):
    with pytest.raises(ValueError, match=f"end must be after start.*end={end}"):
        schedules.cubic(start=10, end=end, target=0.8)


def test_a_piecewise_schedule_without_boundaries_is_refused():
    with pytest.raises(ValueError, match="must have a boundary"):
        schedules.piecewise({})
