"""What each method gains over others, with its interval over the seeds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.stats


def gains(
    found: Mapping[str, Sequence[float]],
    against: Sequence[str],
    *,
    metric: str = "accuracy",
) -> Iterator[dict[str, Any]]:
    r"""The mean gain of each method over others, with its interval over the seeds.

    .. math:: \bar d \pm t_{n-1, 0.975} \, s_d / \sqrt n

    Args:
        found: a figure of each method, a value a seed.
        against: the methods that the others are compared with.
        metric: the figure's name.

    Example:
        >>> row, = gains({'kl': [0.9, 0.8], 'alone': [0.8, 0.7]}, ['alone'])
        >>> round(row['difference'], 6), round(row['low'], 6)
        (0.1, 0.1)
    """
    for other in [name for name in against if name in found]:
        for method, values in found.items():
            if method == other or len(values) < 2:
                continue
            gain = np.subtract(values, found[other])
            reach = scipy.stats.t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1)
            reach /= np.sqrt(len(gain))
            yield {
                "stage": "comparison",
                "of": method,
                "against": other,
                "metric": metric,
                "difference": float(gain.mean()),
                "low": float(gain.mean() - reach),
                "high": float(gain.mean() + reach),
                "seeds": len(gain),
                "seed": "all",
            }
