"""A student that learns from images which a generator makes, without any data."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jdistill import kinds
from jdistill.checks import finite, sizes
from jdistill.models._linen import from_linen
from jdistill.typing import Batch, Model, Outputs

IMAGES = "images"


class _Generator(nn.Module):
    shape: tuple[int, int, int]
    width: int

    @nn.compact
    def __call__(self, noise, train: bool = False):
        height, width, channels = self.shape

        def norm(x):
            return nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)

        x = nn.Dense(self.width * (height // 4) * (width // 4))(noise)
        x = norm(x.reshape(-1, height // 4, width // 4, self.width))
        for wide in (self.width, self.width // 2):
            x = jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)
            x = nn.leaky_relu(norm(nn.Conv(wide, (3, 3))(x)), 0.2)
        return nn.sigmoid(nn.Conv(channels, (3, 3))(x))


def generated(
    student: Model,
    *,
    shape: Sequence[int],
    latent: int = 64,
    width: int = 64,
    low: float = 0.0,
    high: float = 1.0,
) -> Model:
    r"""A student together with a generator of the images that it learns from.

    .. math:: x = G(\epsilon), \quad \epsilon \sim N(0, I)

    In training the inputs of the batch are not looked at, only how many there are: the
    student sees what the generator makes, and the tap 'images' is it. The student's own
    gradient does not reach the generator; terms that read `taps('student', 'images')`,
    such as those of `rerun('teacher', ...)`, train it. Otherwise the model is the
    student. Parameters and state have the parts 'student' and 'generator'.

    Args:
        student: a network of images.
        shape: height, width and channels, the first two multiples of 4.
        latent: the size of the noise.
        width: channels of the generator.
        low: the smallest value of the images.
        high: the largest.

    Returns:
        A model.

    Raises:
        ValueError: a size that is not positive, or no multiple of 4; high is not
            above low.

    References:
        Chen, Wang, Xu et al., Data-free learning of student networks, ICCV 2019
        (arXiv:1904.01186): DAFL.

    Example:
        >>> from jdistill.models import mlp
        >>> net = generated(mlp(widths=(8,), classes=10), shape=(8, 8, 1), width=8)
        >>> batch = {'inputs': jnp.zeros((2, 8, 8, 1)), 'id': jnp.arange(2)}
        >>> params, state = jax.jit(net.init)(jax.random.key(0), batch)
        >>> key = jax.random.key(1)
        >>> outputs, _ = net.apply(params, state, batch, train=True, key=key)
        >>> outputs.features['images'].shape, outputs.logits.shape
        ((2, 8, 8, 1), (2, 10))
    """
    kinds.model(student=student)
    sizes(latent=latent, width=width)
    _check(shape, low, high)
    height, wide, channels = shape
    maker = from_linen(_Generator((height, wide, channels), width), inputs="noise")

    def noise(batch: Batch, key: Any) -> Batch:
        size = jax.tree.leaves(batch)[0].shape[0]
        given = {"noise": jax.random.normal(key, (size, latent))}
        return given | ({"mask": batch["mask"]} if "mask" in batch else {})

    def init(key, batch):
        keys = jax.random.split(key)
        size = jax.tree.leaves(batch)[0].shape[0]
        images = {**batch, "inputs": jnp.zeros((size, height, wide, channels))}
        one, two = student.init(keys[0], images), maker.init(keys[1], noise(batch, key))
        params = {"student": one[0], "generator": two[0]}
        return params, {"student": one[1], "generator": two[1]}

    def apply(params, state, batch, /, *, train=False, key=None):
        if not train:
            outputs, own = student.apply(params["student"], state["student"], batch)
            return outputs, {**state, "student": own}
        if key is None:
            raise ValueError("the generator draws random numbers: pass key= to apply")
        keys = jax.random.split(key)
        made, other = maker.apply(
            params["generator"], state["generator"], noise(batch, keys[0]), train=True
        )
        images = low + (high - low) * made.logits
        seen = {**batch, "inputs": jax.lax.stop_gradient(images)}
        outputs, own = student.apply(
            params["student"], state["student"], seen, train=True, key=keys[1]
        )
        features = {**outputs.features, IMAGES: images}
        return (
            Outputs(outputs.logits, features, outputs.hidden),
            {"student": own, "generator": other},
        )

    return Model(init, apply, name=f"generator before {student.name or 'a model'}")


def _check(shape, low, high):
    if not isinstance(shape, list | tuple) or len(shape) != 3:
        raise ValueError(f"shape must be (height, width, channels), got {shape!r}")
    sizes(shape=shape)
    if shape[0] % 4 or shape[1] % 4:
        sides = f"{shape[0]} x {shape[1]}"
        raise ValueError(f"shape must be multiples of 4, got {sides}")
    finite(low=low, high=high)
    if not low < high:
        raise ValueError(f"high must be above low={low}, got {high}")
