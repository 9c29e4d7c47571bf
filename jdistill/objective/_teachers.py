"""Several teachers as one: their mean, or the one that knows an example best."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jdistill.checks import above_zero
from jdistill.objective._derived import computed
from jdistill.objective._entries import entry
from jdistill.objective._sources import Source, logits
from jdistill.typing import Number


def ensemble(networks: Sequence[str], *, temperature: Number = 1.0) -> Source:
    r"""The mean of the probabilities of several teachers, as logits.

    .. math:: z = T \log \frac{1}{K} \sum_k softmax(z_k / T)

    At the temperature T of the loss, `softmax(z / T)` is the mean of the softened
    probabilities.

    Args:
        networks: the names of the teachers, two or more.
        temperature: T, that of the loss.

    Returns:
        An argument of `term`, `[batch, ..., classes]`.

    Raises:
        ValueError: fewer than two teachers, or the temperature is not above 0.

    References:
        Hinton, Vinyals, Dean, Distilling the knowledge in a neural network, 2015
        (arXiv:1503.02531): the ensemble as a teacher. You, Xu, Xu, Tao, Learning from
        multiple teacher networks, KDD 2017: the mean of softened outputs.

    Example:
        >>> sorted(ensemble(['a', 'b']).needs)
        [('a', 'logits'), ('b', 'logits')]
    """
    above_zero(temperature=temperature)

    def mean(*each):
        _same_classes(networks, each)
        logs = [jax.nn.log_softmax(z.astype(jnp.float32) / temperature) for z in each]
        whole = jax.nn.logsumexp(jnp.stack(logs), axis=0)
        return temperature * (whole - jnp.log(len(logs)))

    return computed(mean, *_each(networks))


def routed(networks: Sequence[str], *, by: str) -> Source:
    r"""For each example the logits of the teacher that an entry of the batch names.

    .. math:: z_i = z_{r_i, i}

    For teachers of parts of the data, such as one for each language or customer. All of
    them run on every example; a number that names none of them gives NaN, which stops a
    run.

    Args:
        networks: the names of the teachers, two or more.
        by: the entry of the batch that holds the number of each example's teacher,
            `[batch]`, from 0.

    Returns:
        An argument of `term`, `[batch, ..., classes]`.

    Raises:
        ValueError: fewer than two teachers, or the temperature is not above 0.

    References:
        Yuan et al., Reinforced multi-teacher selection for knowledge distillation, AAAI
        2021 (arXiv:2012.06048), where the choice itself is learned.

    Example:
        >>> len(routed(['en', 'de'], by='language').needs)
        2
    """

    def choose(number, *each):
        _same_classes(networks, each)
        number = number.reshape(number.shape + (1,) * (each[0].ndim - number.ndim))
        found = jnp.full_like(each[0], jnp.nan)
        for index, z in enumerate(each):
            found = jnp.where(number == index, z, found)
        return found

    source = computed(choose, entry(by), *_each(networks))

    def finite(context):
        return jnp.isfinite(source.read(context, ())).all(-1)

    return source._replace(finite=finite)


def _each(networks: Sequence[str]) -> list[Source]:
    several = not isinstance(networks, str) and len({*networks}) == len(networks) > 1
    if not several or not all(isinstance(name, str) for name in networks):
        raise ValueError(
            f"networks must be the names of two teachers or more, got {networks!r}"
        )
    return [logits(name) for name in networks]


def _same_classes(networks: Sequence[str], each: Sequence) -> None:
    shapes = {n: z.shape for n, z in zip(networks, each, strict=True)}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"the teachers' logits differ in shape: {shapes}")
