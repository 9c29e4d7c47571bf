"""Steps and step sizes of encoded parameters, layer by layer."""

from typing import Any

import numpy as np

from jdistill.models.formats._gguf_blocks import Lost


def has_codes(form: Any) -> bool:
    """Whether an encoding is `Quantized`, or `Sparse` of it.

    Encodings are known by their fields: what makes them is of no concern here.

    Args:
        form: an encoding of `jdistill.compress`.
    """
    return hasattr(getattr(form, "values", form), "codes")


def shape_of(form: Any) -> tuple[int, ...]:
    """The shape of the parameter.

    Args:
        form: one that has codes.
    """
    return np.shape(getattr(form, "values", form).codes)


def steps_of(form: Any, layer: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers and the step size of each, whose product is the value.

    Args:
        form: one that has codes.
        layer: which entry of the first axis; None for all.

    Raises:
        Lost: the values are rounded once more behind their product.
    """
    inner = getattr(form, "values", form)
    codes = _layer(inner.codes, layer, np.shape(inner.codes))
    scale = _spread(_layer(inner.scale, layer, np.shape(inner.codes)), codes.shape)
    steps = codes.astype(np.int16)
    if inner.zero is not None:
        zero = _layer(inner.zero, layer, np.shape(inner.codes)).astype(np.int16)
        steps = steps - _spread(zero, codes.shape)
    if inner is not form:
        kept = _layer(form.mask, layer, np.shape(inner.codes))
        steps = np.where(kept, steps, np.int16(0))
    scale = scale.astype(np.float32)
    if np.dtype(inner.dtype) != np.float32:
        values = steps * scale
        if (values.astype(inner.dtype) != values).any():
            raise Lost(f"its values are rounded to {inner.dtype}")
    return steps, scale


def _layer(x: Any, layer: int | None, shape: tuple[int, ...]) -> np.ndarray:
    """One layer of an array whose axes divide those of `shape`."""
    array = np.asarray(x)
    if layer is None:
        return array
    return array[layer * array.shape[0] // shape[0]]


def _spread(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Each entry as often as it stands for one."""
    for axis, size in enumerate(shape):
        if x.shape[axis] == 1:
            continue
        x = np.repeat(x, size // x.shape[axis], axis=axis)
    return np.broadcast_to(x, shape)
