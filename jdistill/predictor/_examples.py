"""From examples, one or several, to a batch that a model reads."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jdistill import data, kinds
from jdistill.typing import Batch

Texts = Callable[[Sequence[str]], Batch]


class Inputs(NamedTuple):
    """What one example looks like to a model.

    * `shape`: its lengths, None for those that are not known, or for all.
    * `whole`: whether it is of whole numbers, None where that is not known.
    * `size`: how many numbers it has, where they may stand in any shape.
    * `scaled`: whether pixels are scaled, as `data.scale` does.
    """

    shape: tuple[int | None, ...] | None = None
    whole: bool | None = None
    size: int | None = None
    scaled: bool = False


def reader(texts: Texts | None, inputs: Inputs) -> Callable[[Any], tuple[Batch, bool]]:
    """A function from examples to a batch, and whether they were one alone.

    Args:
        texts: makes a batch of texts; None where the file holds no preparation.
        inputs: what one example looks like.

    Returns:
        `read(examples) -> (batch, alone)`.

    Raises:
        ValueError, TypeError: in use, what is given is no example; one line.

    Example:
        >>> read = reader(None, Inputs((2,), whole=False))
        >>> batch, alone = read([1.0, 2.0])
        >>> batch['inputs'].shape, alone
        ((1, 2), True)
    """

    def read(examples: Any) -> tuple[Batch, bool]:
        if isinstance(examples, Mapping):
            kinds.batch(examples=examples)
            return examples, False
        if isinstance(examples, str):
            return _of_texts(texts, [examples], inputs), True
        several = _listed(examples)
        if several is not None and any(isinstance(x, str) for x in several):
            return _of_texts(texts, several, inputs), False
        if inputs.whole and several is not None and _uneven(several):
            return _padded(several), False
        array = _checked(examples if several is None else several, inputs)
        return _batched(array, inputs)

    return read


def inputs_of(says: Any) -> Inputs:
    """What a description says of one example.

    Args:
        says: `shape` and `dtype`, from a file.

    Returns:
        The same, believed no further than that a batch is compared with it.

    Raises:
        ValueError: it is no such thing.

    Example:
        >>> inputs_of({'shape': [8, 8, 1], 'dtype': 'float32'}).whole
        False
    """
    match says:
        case {"shape": list(shape), "dtype": str(dtype)} if len(says) == 2:
            lengths = all(type(n) is int and 0 <= n < 2**48 for n in shape)
            if lengths and len(shape) <= 32 and dtype in _WHOLE:
                return Inputs(tuple(shape), _WHOLE[dtype])
    raise ValueError(f"its inputs are no shape and type: {str(says)[:60]}")


def example_of(inputs: Inputs) -> Batch | None:
    """A batch of one example as shapes, None where they are not known.

    Example:
        >>> example_of(Inputs((2, 3), whole=False))['inputs'].shape
        (1, 2, 3)
    """
    if inputs.shape is None or None in inputs.shape:
        return None
    dtype = jnp.int32 if inputs.whole else jnp.float32
    return {"inputs": jax.ShapeDtypeStruct((1, *inputs.shape), dtype)}


_WHOLE = {
    **dict.fromkeys(("bfloat16", "float16", "float32", "float64"), False),
    **dict.fromkeys(("bool", "int8", "int16", "int32", "int64"), True),
    **dict.fromkeys(("uint8", "uint16", "uint32", "uint64"), True),
}
"""The types that inputs may have, and whether they are whole numbers."""


def _listed(examples: Any) -> list[Any] | None:
    """Examples in a list; None for an array of numbers."""
    if hasattr(examples, "dtype"):
        kind = np.asarray(examples).dtype.kind
        return np.asarray(examples).tolist() if kind in "OUT" else None
    if hasattr(examples, "__array__") or not isinstance(examples, Iterable):
        return None
    return list(examples)


def _of_texts(texts: Texts | None, several: Sequence[Any], inputs: Inputs) -> Batch:
    for number, text in enumerate(several):
        if not isinstance(text, str):
            raise TypeError(f"example {number} is {kinds.got(text)}, and others texts")
    if texts is None and inputs.whole is False:
        shape = "numbers" if inputs.shape is None else f"arrays {list(inputs.shape)}"
        raise ValueError(
            f"its examples are {shape}, not texts: an image that is in a file is "
            "opened first, such as numpy.asarray(PIL.Image.open(file))"
        )
    if texts is None:
        raise ValueError(
            "the file says nothing of how texts become inputs (prepare or tokenizer): "
            "give arrays, or a batch by name"
        )
    return texts(several)


def _uneven(several: Sequence[Any]) -> bool:
    rows = [np.size(x) for x in several if np.ndim(x) == 1]
    return len(rows) == len(several) and len(set(rows)) > 1


def _padded(rows: Sequence[Any]) -> Batch:
    """Ids side by side, 0 behind what is shorter."""
    steps = max(np.size(row) for row in rows)
    ids, mask = np.zeros((2, len(rows), steps), np.int32)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = _checked(row, Inputs(whole=True))
        mask[i, : len(row)] = 1
    return {"inputs": ids, "token_mask": mask.astype(np.float32)}


def _checked(examples: Any, inputs: Inputs) -> np.ndarray:
    """An array of the type that the model reads."""
    try:
        array = np.asarray(examples)
    except ValueError as error:
        raise ValueError("the examples differ in shape from each other") from error
    if not array.size:
        raise ValueError("there are no examples")
    numbers = jnp.issubdtype(array.dtype, jnp.number) or array.dtype == np.bool_
    if not numbers:
        raise TypeError(f"examples must be numbers or texts, got {array.dtype}")
    array = data.scale(array) if inputs.scaled else array
    floats = jnp.issubdtype(array.dtype, jnp.inexact)
    if inputs.whole and floats:
        raise TypeError(f"the model reads whole numbers (ids), got {array.dtype}")
    if inputs.whole is False and array.dtype == np.uint8:
        raise TypeError(
            "the model reads fractions, got uint8: scale bytes as those it learned from"
        )
    if inputs.whole is None:
        return array
    return array.astype(np.int32 if inputs.whole else np.float32)


def _batched(array: np.ndarray, inputs: Inputs) -> tuple[Batch, bool]:
    """One example gets an axis, and images the one channel that they lack."""
    if array.size == inputs.size and math.prod(array.shape[1:]) != inputs.size:
        return {"inputs": array[None]}, True
    shape = inputs.shape
    if shape is None:
        return {"inputs": array}, False
    last = array[..., None]
    given = [array, last] if shape[-1:] == (1,) else [array]
    for fits in (_equal, _as_many):
        for x in given:
            if fits(x.shape, shape):
                return {"inputs": x[None]}, True
            if fits(x.shape[1:], shape):
                return {"inputs": x}, False
    lengths = ", ".join("?" if n is None else str(n) for n in shape)
    raise ValueError(
        f"an example is of shape [{lengths}], and several have one axis more; got "
        f"{list(array.shape)}"
    )


def _equal(one: Sequence[int], other: Sequence[int | None]) -> bool:
    pairs = zip(one, other, strict=False)
    return _as_many(one, other) and all(b is None or a == b for a, b in pairs)


def _as_many(one: Sequence[int], other: Sequence[int | None]) -> bool:
    return len(one) == len(other)
