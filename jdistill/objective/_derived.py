"""Sources made of other sources."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jdistill import views as seen
from jdistill.objective._sources import Source


def stopped(source: Source) -> Source:
    """The same value, through which no gradient passes.

    Args:
        source: what is read.

    Returns:
        An argument of `term`.

    Example:
        >>> from jdistill.objective import logits
        >>> stopped(logits('student')).needs == logits('student').needs
        True
    """

    def read(context, learned):
        return jax.lax.stop_gradient(source.read(context, learned))

    return source._replace(read=read)


def computed(function: Callable[..., Any], *sources: Source) -> Source:
    """A function of several sources, such as the mean of two teachers.

    Args:
        function: of the values of the sources, in their order.
        sources: what is read; none of them with a projection.

    Returns:
        An argument of `term`.

    Raises:
        ValueError: a source learns; project what is computed instead.

    Example:
        >>> from jdistill.objective import logits
        >>> both = computed(jnp.add, logits('a'), logits('b'))
        >>> sorted(both.needs)
        [('a', 'logits'), ('b', 'logits')]
    """
    if any(source.init or source.fixed is not None for source in sources):
        raise ValueError("computed takes no projections; connect what it computes")
    checks = [source.finite for source in sources if source.finite]

    def finite(context):
        good = [check(context) for check in checks]
        return jnp.stack(jnp.broadcast_arrays(*good)).all(0)

    return Source(
        lambda context, _: function(*(s.read(context, ()) for s in sources)),
        frozenset().union(*(source.needs for source in sources)),
        finite=finite if checks else None,
        labeled=any(source.labeled for source in sources),
    )


def rerun(network: str, inputs: Source, *, entry: str = "inputs") -> Source:
    """The logits of a fixed network on other inputs than those of the batch.

    The gradient passes through the network to the inputs: those that a generator
    makes, or a mixture of examples. Its own parameters are fixed.

    Args:
        network: its name.
        inputs: what takes the place of the batch's.
        entry: of the batch, that is replaced.

    Returns:
        An argument of `term`.

    Example:
        >>> from jdistill.objective import taps
        >>> sorted(rerun('teacher', taps('student', 'images')).needs)
        [('student', 'features/images'), ('teacher', 'run')]
    """

    def read(context, learned):
        run = seen.view(context.views, network).run
        if run is None:
            raise ValueError(f"the variables of the {network} were not given: frozen=")
        value = inputs.read(context, learned)
        outputs = run({**context.batch, entry: value})
        there = {network: seen.View(outputs)}
        return context.kept(seen.logits_of(there, network))

    return inputs._replace(read=read, needs=inputs.needs | {(network, "run")})
