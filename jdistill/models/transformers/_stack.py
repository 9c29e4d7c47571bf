"""Layers one after another as one scan, and the options that such networks share."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import jax

REMAT: Mapping[str, Any] = {
    "none": jax.checkpoint_policies.everything_saveable,
    "full": jax.checkpoint_policies.nothing_saveable,
    "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
}
"""What the backward pass computes again: nothing, each layer from its input, or all
but the products with weights."""

Config = TypeVar("Config")


def through(
    layer: Callable[[Any, Any], tuple[Any, Any]], x: Any, layers: Any, *, remat: str
) -> tuple[Any, Any]:
    """What goes through all layers, and what each of them gave beside it.

    Args:
        layer: `layer(x, own) -> (x, beside)`.
        x: what the first layer reads.
        layers: what each layer has of its own, stacked along the first axis.
        remat: a name of `REMAT`.

    Example:
        >>> layers = jax.numpy.arange(4.0)
        >>> last, before = through(lambda x, own: (x + own, x), 0.0, layers,
        ...                        remat='full')
        >>> float(last), before.tolist()
        (6.0, [0.0, 0.0, 1.0, 3.0])
    """
    if remat != "none":
        layer = jax.checkpoint(layer, policy=REMAT[remat])
    return jax.lax.scan(layer, x, layers)


def names_of(
    taps: str | Sequence[str], valid: Collection[str], what: str
) -> tuple[str, ...]:
    """The names of taps, one or several.

    Args:
        taps: what was asked for.
        valid: what there is.
        what: the network, for the message.

    Raises:
        ValueError: lists those that there are.

    Example:
        >>> names_of('embed', ('embed', 'layers'), 'a decoder')
        ('embed',)
    """
    names = (taps,) if isinstance(taps, str) else tuple(taps)
    if set(names) - set(valid):
        raise ValueError(f"taps of {what} are {tuple(valid)}, got {names}")
    return names


def from_fields(kind: type[Config], config: Config | Mapping[str, Any]) -> Config:
    """A configuration, or one made of its fields by name.

    Args:
        kind: of the configuration.
        config: one, or its fields.

    Raises:
        ValueError: a field that is not there, or one that is missing.

    Example:
        >>> from_fields(slice, {'step': 3})
        Traceback (most recent call last):
        ValueError: config: slice() takes no keyword arguments
    """
    if isinstance(config, kind):
        return config
    fields: Any = config
    try:
        return kind(**fields)
    except TypeError as error:
        raise ValueError(f"config: {error}") from error
