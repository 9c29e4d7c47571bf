"""What image networks take as an image."""

import numpy as np
from jaxtyping import Array, Shaped


def as_images(
    x: Shaped[Array | np.ndarray, "..."], *, model: str, smallest: int = 1
) -> Shaped[Array | np.ndarray, "batch height width channels"]:
    """Images with a channel axis, which is added to `[batch, height, width]`.

    Args:
        x: `[batch, height, width]` or `[batch, height, width, channels]`.
        model: whose input it is, for the message.
        smallest: the least height and width.

    Raises:
        ValueError: the rank is neither 3 nor 4, or the image is too small.

    Example:
        >>> import jax.numpy as jnp
        >>> as_images(jnp.ones((2, 8, 8)), model='resnet').shape
        (2, 8, 8, 1)
    """
    if x.ndim not in (3, 4):
        raise ValueError(
            f"{model} takes images [batch, height, width, channels], got {x.shape}"
        )
    if min(x.shape[1:3]) < smallest:
        raise ValueError(
            f"{model} takes images of at least {smallest} x {smallest}, got {x.shape}"
        )
    return x[..., None] if x.ndim == 3 else x
