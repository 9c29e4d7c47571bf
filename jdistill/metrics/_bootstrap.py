"""Whether one model is better than another on the same examples."""

import numpy as np
from jaxtyping import Shaped

from jdistill.checks import whole


def paired_bootstrap(
    correct_a: Shaped[np.ndarray, " size"],
    correct_b: Shaped[np.ndarray, " size"],
    *,
    num_samples: int = 10_000,
    seed: int = 0,
) -> tuple[float, float, float]:
    r"""The difference of two means over the same examples, with its 95 % interval.

    .. math:: \bar d = \frac{1}{n} \sum_i (a_i - b_i)

    The interval holds the middle 95 % of this mean over samples of n examples drawn
    with replacement, the same for both models.

    Args:
        correct_a: one figure for each example, such as whether model a is right.
        correct_b: the same of model b, in the same order.
        num_samples: how many samples are drawn.
        seed: of the draws.

    Returns:
        The difference, the lower and the upper end.

    Raises:
        ValueError: the lengths differ, or there is no example.

    References:
        Efron, Tibshirani, An introduction to the bootstrap, 1993.

    Example:
        >>> right, wrong = np.ones(100, bool), np.zeros(100, bool)
        >>> paired_bootstrap(right, wrong)
        (1.0, 1.0, 1.0)
    """
    a, b = np.asarray(correct_a, np.float64), np.asarray(correct_b, np.float64)
    if a.shape != b.shape or not a.size:
        raise ValueError(
            "correct_a and correct_b must be figures of the same examples, got "
            f"{a.shape} and {b.shape}"
        )
    whole(num_samples=num_samples)
    # A sample of differences is a draw of how often each distinct one comes up.
    values, counts = np.unique(a - b, return_counts=True)
    generator = np.random.default_rng(seed)
    chunk = max(1, 1_000_000 // values.size)
    means = [
        generator.multinomial(a.size, counts / a.size, min(chunk, num_samples - start))
        @ values
        for start in range(0, num_samples, chunk)
    ]
    low, high = np.quantile(np.concatenate(means) / a.size, (0.025, 0.975))
    return float(np.mean(a - b)), float(low), float(high)
