import numpy as np
import pytest
import scipy.stats

from jdistill.metrics import paired_bootstrap

RANDOM = np.random.default_rng(0)
A, B = RANDOM.random((2, 400)) < np.array([[0.8], [0.7]])


def test_the_difference_is_that_of_the_means_and_turns_with_the_models():
    difference, low, high = paired_bootstrap(A, B)
    assert difference == pytest.approx(A.mean() - B.mean())
    assert low < difference < high
    back, turned_low, turned_high = paired_bootstrap(B, A)
    assert back == -difference
    assert turned_low == pytest.approx(-high, abs=5e-3)
    assert turned_high == pytest.approx(-low, abs=5e-3)


@pytest.mark.parametrize("scores", [(A, B), tuple(RANDOM.normal(size=(2, 300)))])
def test_the_interval_equals_that_of_scipy(scores):
    difference = np.float64(scores[0]) - np.float64(scores[1])
    wanted = scipy.stats.bootstrap(
        (difference,), np.mean, method="percentile", n_resamples=10_000, rng=1
    ).confidence_interval
    np.testing.assert_allclose(paired_bootstrap(*scores)[1:], wanted, atol=6e-3)


def test_pairs_matter():
    noise = RANDOM.random(400) < 0.5
    _, low, high = paired_bootstrap(noise, noise)
    assert low == high == 0
    _, low, high = paired_bootstrap(noise, ~noise)
    assert high - low > 0.15


def test_a_seed_repeats_itself_and_the_number_of_samples_is_as_asked():
    assert paired_bootstrap(A, B, seed=3) == paired_bootstrap(A, B, seed=3)
    assert paired_bootstrap(A, B, num_samples=1)[1:] == pytest.approx(
        [paired_bootstrap(A, B, num_samples=1)[1]] * 2
    )


def test_figures_that_are_not_pairs_are_refused():
    with pytest.raises(ValueError, match=r"got \(400,\) and \(3,\)"):
        paired_bootstrap.__wrapped__(A, B[:3])
    with pytest.raises(ValueError, match="figures of the same examples, got"):
        paired_bootstrap(A[:0], B[:0])
