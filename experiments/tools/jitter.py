"""Images that move a little and lose pixels while a network learns from them."""

import jax
import jax.numpy as jnp

from jdistill.typing import Model


def jittered(model: Model, *, pixels: int, dropout: float) -> Model:
    """In training, images moved by up to so many pixels, and pixels left out.

    Example:
        >>> from jdistill import models
        >>> still = models.from_function(lambda params, x: x.sum((1, 2, 3)))
        >>> moved = jittered(still, pixels=1, dropout=0.0)
        >>> batch = {'inputs': jnp.zeros((1, 5, 5, 1)).at[0, 2, 2].set(1.0)}
        >>> moved.apply({}, {}, batch, train=True, key=jax.random.key(0))[0].logits
        Array([1.], dtype=float32)
    """

    def apply(params, state, batch, *, train=False, key=None):
        if not train:
            return model.apply(params, state, batch, train=False, key=key)
        shift_key, drop_key, key = jax.random.split(key, 3)
        images = batch["inputs"]
        room = [(0, 0), (pixels, pixels), (pixels, pixels), (0, 0)]
        shifts = jax.random.randint(shift_key, (len(images), 2), 0, 2 * pixels + 1)
        moved = jax.vmap(
            lambda image, at: jax.lax.dynamic_slice(image, (*at, 0), images.shape[1:])
        )(jnp.pad(images, room), shifts)
        kept = jax.random.bernoulli(drop_key, 1 - dropout, moved.shape)
        moved = jnp.where(kept, moved / (1 - dropout), 0)
        return model.apply(
            params, state, {**batch, "inputs": moved}, train=True, key=key
        )

    return model._replace(apply=apply)
