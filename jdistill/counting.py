"""Which examples and tokens of a batch count, and the one mean over them."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from jdistill.typing import Batch

PER = (None, "example", "token")


def check_per(per: str | None) -> None:
    """Refuses a word that is no way to count.

    Raises:
        ValueError: not None, 'example' or 'token'.

    Example:
        >>> check_per("token")
    """
    if per not in PER:
        raise ValueError(f"per must be one of {PER}, got {per!r}")


def weights_of(
    batch: Batch, *, per: str | None = None, labeled: bool = False
) -> Float[Array, "..."]:
    """The weight of each example `[batch]` or token `[batch, steps]`, 0 for padding.

    Examples weigh `mask`, tokens `mask * token_mask`; a mask that is not there is ones.

    Args:
        batch: arrays by name.
        per: 'example', 'token', or None: tokens where the labels are a sequence, or
            where there are no labels and the logits of a network are. Floats `[batch,
            classes]` are shares of classes, or several, of an example.
        labeled: whether only what has a label counts: times `label_mask`, which is
            `[batch]` or of the shape of the labels.

    Returns:
        float32.

    Raises:
        ValueError: `per` is another word, the tokens' number is nowhere to be seen, or
            examples are counted by a mask of tokens.

    Example:
        >>> weights_of({"mask": jnp.array([1, 0]), "label": jnp.array([3, 0])})
        Array([1., 0.], dtype=float32)
    """
    check_per(per)
    size = jax.tree.leaves(batch)[0].shape[0]
    weights = jnp.asarray(batch.get("mask", jnp.ones(size)), jnp.float32)
    if (per or _per(batch)) == "token":
        shape = _token_shape(batch)
        tokens = jnp.asarray(batch.get("token_mask", jnp.ones(shape)), jnp.float32)
        weights = tokens * weights[:, None]
    if labeled and "label_mask" in batch:
        return weights * _has_label(batch["label_mask"], weights)
    return weights


def several_labels(batch: Batch) -> bool:
    """Whether the labels are several an example: 0 or 1 for each class.

    Floats `[batch, classes]` may be shares of classes too, which add up to one: where
    all rows do, the labels are no several. Examples without a label say nothing.

    Args:
        batch: arrays by name, whose values are known.

    Returns:
        True or False.

    Example:
        >>> two_and_none = jnp.array([[1.0, 1.0], [0.0, 0.0]])
        >>> several_labels({"label": two_and_none})
        True
        >>> several_labels({"label": jnp.array([[0.25, 0.75]])})
        False
    """
    label = batch.get("label")
    if (
        label is None
        or label.ndim != 2
        or not jnp.issubdtype(label.dtype, jnp.floating)
    ):
        return False
    counts = weights_of(batch, labeled=True) != 0
    plain = ((label == 0) | (label == 1)).all(axis=-1)
    others = counts & (label.sum(axis=-1) != 1)
    return bool(jnp.all(plain | ~counts) & jnp.any(others))


def with_importance(batch: Batch, weights: Float[Array, "..."]) -> Float[Array, "..."]:
    """Weights times the batch's own `weight` `[batch]`, where it has one.

    Terms are means by these; metrics count each example once.

    Args:
        batch: arrays by name.
        weights: of examples or tokens, as `weights_of` gives them.

    Returns:
        float32, of the same shape.

    Example:
        >>> with_importance({"weight": jnp.array([0.5, 2])}, jnp.ones(2)).tolist()
        [0.5, 2.0]
    """
    if "weight" not in batch:
        return weights
    weight = jnp.asarray(batch["weight"], jnp.float32)
    return weights * weight.reshape(weight.shape + (1,) * (weights.ndim - weight.ndim))


def _has_label(mask, weights):
    mask = jnp.asarray(mask, jnp.float32)
    if mask.ndim > weights.ndim:
        raise ValueError(
            f"label_mask has shape {mask.shape} and weights shape {weights.shape}: "
            "say per='token'"
        )
    return mask.reshape(mask.shape + (1,) * (weights.ndim - mask.ndim))


def _per(batch):
    if "label" in batch:
        label = batch["label"]
        shares = label.ndim == 2 and jnp.issubdtype(label.dtype, jnp.floating)
        return "token" if label.ndim > 1 and not shares else "example"
    return "token" if any(x.ndim > 2 for x in _logits(batch)) else "example"


def _token_shape(batch):
    found = [batch[name] for name in ("token_mask", "label") if name in batch]
    wide = [x for x in found if x.ndim > 1] + [x for x in _logits(batch) if x.ndim > 2]
    if wide:
        return wide[0].shape[:2]
    raise ValueError(
        "to count tokens a batch needs 'token_mask', labels [batch, steps] or logits "
        f"[batch, steps, classes] in 'outputs'; there are {sorted(batch)}"
    )


def _logits(batch):
    outputs = batch.get("outputs", {}).values()
    return [x.logits for x in outputs if x.logits is not None]


def keep(array: Any, weights: Float[Array, "..."]) -> Array:
    """The array with 0 where its example or token does not count.

    A NaN in padding would otherwise reach the gradient: 0 * NaN is NaN.

    Args:
        array: of at least the rank of `weights`, whose axes come first.
        weights: 0 for padding.

    Returns:
        An array of the same shape and type.

    Raises:
        ValueError: the first axes are not those of `weights`.

    Example:
        >>> keep(jnp.array([[1.0], [jnp.nan]]), jnp.array([1.0, 0.0])).tolist()
        [[1.0], [0.0]]
    """
    array = jnp.asarray(array)
    if array.shape[: weights.ndim] != weights.shape:
        raise ValueError(_uncountable(array, weights))
    counted = weights.reshape(weights.shape + (1,) * (array.ndim - weights.ndim)) != 0
    return jnp.where(counted, array, jnp.zeros((), array.dtype))


def weighted_mean(
    values: Shaped[Array, "..."], weights: Shaped[Array, "..."]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    r"""A mean as two numbers that add over batches and devices.

    .. math:: s = \sum_i w_i v_i, \quad n = \sum_i w_i

    A value of weight 0 is replaced before it is multiplied, so that neither it nor its
    gradient reaches the sum, whatever it is.

    Args:
        values: one value for each example or token.
        weights: the weight of each, of the same shape.

    Returns:
        The sum and the count, float32.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> weighted_mean(jnp.array([2.0, jnp.nan]), jnp.array([1.0, 0.0]))
        (Array(2., dtype=float32), Array(1., dtype=float32))
    """
    if values.shape != weights.shape:
        raise ValueError(_uncountable(values, weights))
    weights = weights.astype(jnp.float32)
    values = jnp.where(weights == 0, 0.0, values.astype(jnp.float32))
    return jnp.sum(values * weights), jnp.sum(weights)


def ratio(sums: tuple[Any, Any]) -> Any:
    """The mean of a sum and a count, 0 where nothing was counted.

    Example:
        >>> float(ratio((3.0, 4.0)))
        0.75
    """
    total, count = sums
    return jnp.where(count != 0, total / jnp.where(count != 0, count, 1), 0.0)


def _uncountable(array, weights):
    return (
        f"an array of shape {array.shape} is counted with weights of shape "
        f"{weights.shape}; say per='example' or per='token'"
    )
