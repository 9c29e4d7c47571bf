"""Numbers that are known are checked, traced ones pass, and the message names them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import checks

RANGES = [
    (checks.above_zero, (1e-9, 3, np.float32(1), jnp.float32(2)), (0, -1.0)),
    (checks.not_negative, (0, 2.5), (-1e-9,)),
    (checks.one_or_more, (1, 2.5), (0.99,)),
    (checks.finite, (-3, 0.0), ()),
    (checks.fraction, (0, 0.999), (-1e-9, 1, 1.5)),
    (checks.share, (0.5,), (0, 1)),
    (checks.zero_to_one, (0, 1, 0.5), (-1e-9, 1.0001)),
]
NEVER = (float("nan"), float("inf"), -float("inf"), "1", None, True, [1.0], np.ones(1))


@pytest.mark.parametrize(("check", "good", "bad"), RANGES)
def test_a_range_takes_what_is_in_it_and_names_what_is_not(check, good, bad):
    for value in good:
        check(other=0.5 if check is not checks.one_or_more else 1, x=value)
    for value in (*bad, *NEVER):
        with pytest.raises(ValueError, match=r"^x must be .*, got ") as caught:
            check(x=value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("check", [check for check, *_ in RANGES])
def test_what_is_traced_passes_and_a_constant_inside_a_trace_does_not(check):
    jax.jit(lambda x: check(x=x))(jnp.nan)
    bad = jnp.float32(jnp.nan)  # concrete, though a comparison would be traced

    def call(x):
        check(x=bad)
        return x

    with pytest.raises(ValueError, match="x must be"):
        jax.jit(call)(1.0)


def test_counts_are_whole_and_in_their_range():
    checks.whole(n=1, m=np.int64(7))
    checks.whole(n=-2, least=-3, most=4)
    for value in (0, 2.0, 2.5, "2", True, None, float("nan"), (1,)):
        with pytest.raises(ValueError, match="n must be a whole number from 1, got"):
            checks.whole(n=value)
    with pytest.raises(ValueError, match="n must be a whole number from 1 to 4, got 5"):
        checks.whole(n=5, most=4)


def test_a_word_is_one_of_the_choices():
    checks.one_of((None, "a"), x=None)
    with pytest.raises(ValueError, match="x must be one of None, 'a', got 'b'"):
        checks.one_of((None, "a"), x="b")


def test_schedules_are_not_known_yet():
    assert checks.constants(a=1, b=lambda step: step) == {"a": 1}
    assert checks.known(jnp.ones(())) and checks.known(3)


@pytest.mark.parametrize("size", [0, -1, 2.0, "3", True, None])
def test_a_size_that_is_not_a_whole_number_from_1_is_refused(size):
    with pytest.raises(ValueError, match="classes must be"):
        checks.sizes(dim=3, classes=size)


@pytest.mark.parametrize("sizes", [[3, 0], (1.5,)])
def test_each_of_several_sizes_is_checked(sizes):
    with pytest.raises(ValueError, match="widths must be whole numbers"):
        checks.sizes(widths=sizes)


def test_sizes_in_range_pass():
    checks.sizes(classes=1, widths=(), hidden=[3, 4])


def test_what_is_not_given_is_not_checked():
    checks.sizes(**checks.given(dim=3, width=None))
    with pytest.raises(ValueError, match="width must be"):
        checks.sizes(**checks.given(dim=None, width=0))
