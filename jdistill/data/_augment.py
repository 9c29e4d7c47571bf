"""Augmentations: functions of a batch and a key, applied inside the step.

All networks of a step see the same altered batch, so that a teacher's soft labels are
those of what the student sees: what stands beside `inputs` for another network to read,
such as `teacher_inputs`, is altered in the same way.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jdistill import kinds
from jdistill.checks import above_zero, whole
from jdistill.typing import Augment, Batch, Key


def shift(*, pixels: int) -> Augment:
    """Images moved by up to so many pixels, 0 where nothing comes in.

    Args:
        pixels: in each of four directions, drawn for each example.

    Returns:
        A function of a batch with `inputs` `[batch, height, width, ...]` and a key.
        Images for other networks, such as `teacher_inputs`, are moved as they are.

    Raises:
        ValueError: `pixels` is below 1; in use, images for another network have
            another height or width, or are none.

    Example:
        >>> batch = {'inputs': jnp.ones((2, 4, 4, 1))}
        >>> shift(pixels=1)(batch, jax.random.key(0))['inputs'].shape
        (2, 4, 4, 1)
    """
    whole(pixels=pixels)

    def augment(batch: Batch, key: Key) -> Batch:
        several = _read(batch)
        size = batch["inputs"].shape[:3]
        for name, images in several.items():
            if images.shape[:3] != size or len(size) < 3:
                raise ValueError(
                    f"shift moves images of one height and width: inputs are "
                    f"{list(batch['inputs'].shape)}, and {name} {list(images.shape)}"
                )
        places = jax.random.randint(key, (size[0], 2), 0, 2 * pixels + 1)

        def moved(image, place):
            room = [(pixels, pixels)] * 2 + [(0, 0)] * (image.ndim - 2)
            begin = (*place, *[0] * (image.ndim - 2))
            return jax.lax.dynamic_slice(jnp.pad(image, room), begin, image.shape)

        return {**batch, **{n: jax.vmap(moved)(x, places) for n, x in several.items()}}

    return augment


def mixup(*, alpha: float) -> Augment:
    r"""Each example mixed with another of its batch.

    .. math:: x_i \leftarrow \lambda_i x_i + (1 - \lambda_i) x_{\pi(i)}, \quad
        \lambda_i \sim Beta(\alpha, \alpha)

    What is mixed has not one label: `label_mask` becomes 0, so terms of labels leave it
    out and the teacher's soft labels of the mixture are what is learned. Padded
    examples are mixed with nothing.

    Args:
        alpha: above 0; 1 draws evenly.

    Returns:
        A function of a batch with floating `inputs` and a key. What other networks
        read of an example, such as `teacher_inputs`, is mixed with the same other
        example at the same share.

    Raises:
        ValueError: alpha is not above 0; in use, what is to be mixed are ids, or other
            whole numbers, of which there is no mixture.

    References:
        Zhang, Cisse, Dauphin, Lopez-Paz, mixup: beyond empirical risk minimization,
        ICLR 2018 (arXiv:1710.09412). Beyer et al., Knowledge distillation: a good
        teacher is patient and consistent, CVPR 2022 (arXiv:2106.05237).

    Example:
        >>> batch = {'inputs': jnp.ones((2, 3))}
        >>> mixup(alpha=1.0)(batch, jax.random.key(0))['inputs'].tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    above_zero(alpha=alpha)

    def augment(batch: Batch, key: Key) -> Batch:
        several, size = _read(batch), len(batch["inputs"])
        for name, x in several.items():
            if not jnp.issubdtype(x.dtype, jnp.floating):
                raise ValueError(f"mixup mixes fractions, and {name} are {x.dtype}")
        order_key, share_key = jax.random.split(key)
        other = jax.random.permutation(order_key, size)
        real = jnp.asarray(batch.get("mask", jnp.ones(size))) != 0
        shares = jax.random.beta(share_key, alpha, alpha, (size,))
        shares = jnp.where(real & real[other], shares, 1.0)

        def mixed(x):
            share = shares.reshape(-1, *[1] * (x.ndim - 1)).astype(x.dtype)
            # padding may be NaN, which no share of 0 takes out
            theirs = jnp.where(real[other].reshape(share.shape), x[other], 0)
            return jnp.where(share == 1, x, share * x + (1 - share) * theirs)

        made = {name: mixed(x) for name, x in several.items()}
        return {**batch, **made, "label_mask": jnp.zeros(size)}

    return augment


def augmentations(**each: Augment) -> Augment:
    """Several augmentations one after the other, each with a key of its own.

    Args:
        each: by name, in the order of their application.

    Returns:
        One function of a batch and a key.

    Raises:
        ValueError: there is none.

    Example:
        >>> both = augmentations(move=shift(pixels=1), mix=mixup(alpha=1.0))
        >>> batch = {'inputs': jnp.ones((2, 4, 4))}
        >>> both(batch, jax.random.key(0))['inputs'].shape
        (2, 4, 4)
    """
    if not each:
        raise ValueError("augmentations needs one, such as move=shift(pixels=2)")
    kinds.function(**each)

    def augment(batch: Batch, key: Key) -> Batch:
        keys = jax.random.split(key, len(each))
        for one, own in zip(each.values(), keys, strict=True):
            batch = one(batch, own)
        return batch

    return augment


def _read(batch: Batch) -> dict[str, Any]:
    """What networks read of each example: `inputs`, and those beside with a name."""
    return {n: x for n, x in batch.items() if n == "inputs" or n.endswith("_inputs")}
