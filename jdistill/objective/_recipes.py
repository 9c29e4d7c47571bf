"""The two objectives of plain distillation, each a few terms combined."""

from jdistill import losses
from jdistill.checks import above_zero, constants, not_negative, zero_to_one
from jdistill.objective._combine import combine
from jdistill.objective._presets import on_labels, on_logits
from jdistill.typing import Number, Objective, Schedule, value_at


def hinton(
    *,
    temperature: Number | int | Schedule = 2.0,
    alpha: Number | int | Schedule = 0.9,
) -> Objective:
    r"""Distillation as a weighted mean of soft and hard labels.

    .. math:: L = \alpha T^2 KL(p \| q) + (1 - \alpha) L_{CE}

    Args:
        temperature: T, of the soft labels; a number or a schedule. The default is
            within a point or so of the best in the comparisons of `docs/recipes.md`.
        alpha: the weight of the soft labels, 0 to 1; a number or a schedule.

    Returns:
        An objective of the terms 'kd' and 'ce'.

    Raises:
        ValueError: a number that is known is out of range.

    References:
        Hinton, Vinyals, Dean, Distilling the knowledge in a neural network, 2015
        (arXiv:1503.02531).

    Example:
        >>> import jax.numpy as jnp
        >>> from jdistill.typing import Outputs, View
        >>> logits = jnp.array([[0.0, 3.0]])
        >>> views = dict.fromkeys(["student", "teacher"], View(Outputs(logits)))
        >>> objective = hinton(temperature=4.0, alpha=0.9)
        >>> loss, metrics = objective.compute(views, {"label": jnp.array([1])},
        ...     aux={}, step=0, key=None)
        >>> float(loss).__round__(5), sorted(metrics)
        (0.00486, ['ce', 'kd', 'loss'])
    """
    above_zero(**constants(temperature=temperature))
    zero_to_one(**constants(alpha=alpha))
    return combine(
        kd=on_logits(losses.kl, temperature=temperature) * alpha,
        ce=on_labels(losses.cross_entropy) * (lambda step: 1 - value_at(alpha, step)),
    )


def distillation(
    *, lam: Number | int | Schedule, temperature: Number | int | Schedule = 1.0
) -> Objective:
    r"""Distillation as hard labels plus a multiple of soft ones.

    .. math:: L = L_{CE} + \lambda L_{SL}

    Args:
        lam: lambda, the weight of the soft labels; a number or a schedule.
        temperature: T, of the soft labels; a number or a schedule.

    Returns:
        An objective of the terms 'ce' and 'sl'.

    Raises:
        ValueError: a number that is known is out of range.

    References:
        Hinton, Vinyals, Dean, Distilling the knowledge in a neural network, 2015
        (arXiv:1503.02531).

    Example:
        >>> import jax.numpy as jnp
        >>> from jdistill.typing import Outputs, View
        >>> logits = jnp.array([[0.0, 0.0]])
        >>> views = dict.fromkeys(["student", "teacher"], View(Outputs(logits)))
        >>> loss, _ = distillation(lam=0.5).compute(views, {"label": jnp.array([1])},
        ...     aux={}, step=0, key=None)
        >>> float(loss).__round__(4)  # one and a half times log 2
        1.0397
    """
    above_zero(**constants(temperature=temperature))
    not_negative(**constants(lam=lam))
    return combine(
        ce=on_labels(losses.cross_entropy),
        sl=on_logits(losses.soft_cross_entropy, temperature=temperature) * lam,
    )
