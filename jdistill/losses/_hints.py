"""Losses between features of equal shape: hints, directions, factors, distributions."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.checks import above_zero, one_or_more
from jdistill.losses._checks import of_tokens, same_shape, several
from jdistill.losses._feature_maps import magnitude, unit
from jdistill.typing import Number


def fitnet(
    student: Float[Array, " batch *shape"],
    teacher: Float[Array, " batch *shape"],
    *,
    token_mask: Float[Array, "batch steps"] | None = None,
) -> Float[Array, " batch"]:
    r"""Mean squared error of the teacher's hint.

    .. math:: L = \frac{1}{n} \sum_{i=1}^n (s_i - t_i)^2

    The paper has half the sum over the n elements of an example. The mean is the form
    that the usual weight of 100 belongs to, and it does not grow with the layer.

    Args:
        student: the student's features s, projected to the teacher's shape.
        teacher: the teacher's features t.
        token_mask: 0 where a token of features `[batch, steps, dim]` is padding; the
            mean is then over the others. Features of other shapes do not read it.

    Returns:
        float32, one value for each example; 0 where both agree.

    Raises:
        ValueError: shapes differ, or those of the tokens and their mask.

    References:
        Romero et al., FitNets: hints for thin deep nets, ICLR 2015 (arXiv:1412.6550).

    Example:
        >>> fitnet(jnp.array([[1.0, 2.0]]), jnp.array([[1.0, 4.0]]))
        Array([2.], dtype=float32)
    """
    same_shape(student, teacher)
    gap = _difference(student, teacher)
    if token_mask is None or gap.ndim != 3:
        return jnp.mean(gap**2, axis=tuple(range(1, gap.ndim)))
    of_tokens(token_mask, gap)
    real = jnp.asarray(token_mask, jnp.float32)
    tokens = jnp.mean(jnp.where(real[..., None] > 0, gap, 0.0) ** 2, axis=-1)
    return jnp.sum(tokens * real, axis=1) / jnp.maximum(jnp.sum(real, axis=1), 1.0)


def mgd(
    student: Float[Array, " batch *shape"], teacher: Float[Array, " batch *shape"]
) -> Float[Array, " batch"]:
    r"""Squared error of the feature generated from the student's masked one.

    .. math:: L = \sum_i (t_i - G(s \odot m)_i)^2

    The sum over all elements, as in the paper, for which usual weights are as small as
    2e-5. Mask and generator are `projections.generation`.

    Args:
        student: the generated features G.
        teacher: the teacher's features t.

    Returns:
        float32, one value for each example; 0 where both agree.

    Raises:
        ValueError: shapes differ.

    References:
        Yang et al., Masked generative distillation, ECCV 2022 (arXiv:2205.01529).

    Example:
        >>> mgd(jnp.array([[1.0, 2.0]]), jnp.array([[1.0, 4.0]]))
        Array([4.], dtype=float32)
    """
    same_shape(student, teacher)
    squares = _difference(student, teacher) ** 2
    return jnp.sum(squares, axis=tuple(range(1, squares.ndim)))


def cosine(
    student: Float[Array, "*batch dim"], teacher: Float[Array, "*batch dim"]
) -> Float[Array, "*batch"]:
    r"""One minus the cosine between the features of each example or token.

    .. math:: L = 1 - \frac{s \cdot t}{\lVert s \rVert \lVert t \rVert}

    A vector of zeros has no direction: its value is 1, its gradient 0.

    Args:
        student: the student's features s, `[batch, dim]` or `[batch, steps, dim]`.
        teacher: the teacher's features t.

    Returns:
        float32 between 0 and 2, one value for each vector; 0 where directions agree.

    Raises:
        ValueError: shapes differ.

    References:
        Sanh et al., DistilBERT, a distilled version of BERT: smaller, faster, cheaper
        and lighter, 2019 (arXiv:1910.01108).

    Example:
        >>> cosine(jnp.array([[1.0, 0.0]]), jnp.array([[0.0, 4.0]]))
        Array([1.], dtype=float32)
    """
    same_shape(student, teacher)
    s, t = (unit(x.astype(jnp.float32), -1) for x in (student, teacher))
    return 1 - jnp.sum(s * t, axis=-1)


def factor_transfer(
    student: Float[Array, " batch *shape"],
    teacher: Float[Array, " batch *shape"],
    *,
    p: Number | int = 1,
) -> Float[Array, " batch"]:
    r"""Distance of the student's factor from the teacher's, each of length 1.

    .. math:: L = \frac{1}{n} \sum_{i=1}^n \left\lvert \frac{s_i}{\lVert s \rVert_2} -
        \frac{t_i}{\lVert t \rVert_2} \right\rvert^p

    Both are normalised over all n elements of an example. The paper writes the norm of
    the difference; the mean is the form that the usual weight of 500 belongs to.
    Factors are made by `projections.paraphraser_factor` and `projections.translator`.

    Args:
        student: the student's factor s, from its translator.
        teacher: the teacher's factor t, from its paraphraser.
        p: the power, 1 or more.

    Returns:
        float32, one value for each example; 0 where both agree.

    Raises:
        ValueError: shapes differ, or p is below 1.

    References:
        Kim, Park, Kwak, Paraphrasing complex network: network compression via factor
        transfer, NeurIPS 2018 (arXiv:1802.04977).

    Example:
        >>> factor_transfer(jnp.array([[3.0, 0.0]]), jnp.array([[0.0, 6.0]]))
        Array([1.], dtype=float32)
    """
    same_shape(student, teacher)
    one_or_more(p=p)
    axes = tuple(range(1, student.ndim))
    s, t = (unit(x.astype(jnp.float32), axes) for x in (student, teacher))
    return jnp.mean(magnitude(s - t) ** p, axis=axes)


def vid(
    student: tuple[Float[Array, " batch *shape"], Float[Array, "..."]],
    teacher: Float[Array, " batch *shape"],
    *,
    eps: Number = 1e-5,
) -> Float[Array, " batch"]:
    r"""Negative log-likelihood of the teacher's features, predicted from the student's.

    .. math:: L = \frac{1}{n} \sum_i \left[ \log \sigma_i +
        \frac{(t_i - \mu_i)^2}{2 \sigma_i^2} \right], \quad
        \sigma_i^2 = \log(1 + e^{\alpha_i}) + \epsilon

    A lower bound of the mutual information of both layers, up to a constant. The paper
    sums over the n elements; the mean is the form that the usual weight of 1 belongs
    to. `projections.gaussian` gives mean and variance.

    Args:
        student: the mean mu, and the raw variance alpha: one for each channel
            `[channels]`, or any shape that has the axes of the mean, each as long or 1.
        teacher: the teacher's features t.
        eps: the least variance, above 0.

    Returns:
        float32, in nats for each element; one value for each example.

    Raises:
        ValueError: shapes do not fit, student is one array, or eps is not above 0.

    References:
        Ahn et al., Variational information distillation for knowledge transfer, CVPR
        2019 (arXiv:1904.05835).

    Example:
        >>> vid((jnp.zeros((1, 1)), jnp.full(1, 0.5413)), jnp.ones((1, 1))).round(4)
        Array([0.5], dtype=float32)
    """
    several("(mean, raw variance), as projections.gaussian gives", student=student)
    mean, raw = student
    same_shape(mean, teacher)
    above_zero(eps=eps)
    raw = _along("raw variance", raw, mean)
    variance = jax.nn.softplus(raw.astype(jnp.float32)) + eps
    squares = _difference(mean, teacher) ** 2
    nats = 0.5 * (jnp.log(variance) + squares / variance)
    return jnp.mean(nats, axis=tuple(range(1, nats.ndim)))


def pad_l2(
    student: tuple[Float[Array, " batch *shape"], Float[Array, "..."]],
    teacher: Float[Array, " batch *shape"],
    *,
    eps: Number = 1e-6,
) -> Float[Array, " batch"]:
    r"""Prime-aware distillation: squared errors, each over a variance that is learned.

    .. math:: L = \frac{1}{n} \sum_i \left[
        \frac{(t_i - \mu_i)^2}{e^{\alpha_i} + \epsilon} + \alpha_i \right]

    Each example has variances of its own, so those that the student can learn (the
    prime ones) count most, where `vid` weighs channels. An element's value is least
    where its variance is the squared error. The mean over the n elements is that of
    torchdistill. `projections.variance_branch` gives both parts of the student.

    Args:
        student: the student's features mu, and the logarithm alpha of the variance: of
            any shape that has the axes of mu, each as long or 1.
        teacher: the teacher's features t.
        eps: added to the variance, above 0.

    Returns:
        float32, one value for each example; below 0 where variances are small.

    Raises:
        ValueError: shapes do not fit, student is one array, or eps is not above 0.

    References:
        Zhang et al., Prime-aware adaptive distillation, ECCV 2020 (arXiv:2008.01458).

    Example:
        >>> zeros = jnp.zeros((1, 2))
        >>> pad_l2((zeros, zeros), jnp.array([[1.0, 3.0]])).round(4)
        Array([5.], dtype=float32)
    """
    several("(mean, log variance), as variance_branch gives", student=student)
    mean, log_variance = student
    same_shape(mean, teacher)
    above_zero(eps=eps)
    alpha = _along("log variance", log_variance, mean).astype(jnp.float32)
    # the quotient's slope is finite for every alpha, where e^alpha is not
    precision = jnp.exp(-jnp.logaddexp(alpha, jnp.log(jnp.asarray(eps, jnp.float32))))
    values = _difference(mean, teacher) ** 2 * precision + alpha
    return jnp.mean(values, axis=tuple(range(1, values.ndim)))


def _along(name, raw, mean):
    """A spread with the axes of the mean, each as long or 1."""
    raw = raw.reshape((1,) * (mean.ndim - raw.ndim) + raw.shape)
    if any(
        own not in (1, size) for own, size in zip(raw.shape, mean.shape, strict=True)
    ):
        raise ValueError(
            f"the {name} has shape {raw.shape}, the mean {mean.shape}: each axis must "
            "be as long or 1"
        )
    return raw


def _difference(student, teacher):
    return student.astype(jnp.float32) - teacher.astype(jnp.float32)
