"""What a value holds in a few words, for the text of the nouns."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np


def entries(batch: Mapping[str, Any] | None) -> str:
    """The entries of one example, each with its type and shape.

    Example:
        >>> entries({'inputs': np.ones((5, 8, 8)), 'label': np.ones(5, np.int32)})
        'inputs float64[8, 8], label int32'
    """
    found = []
    for name, x in (batch or {}).items():
        if name != "id" and hasattr(x, "dtype"):
            shape = [*x.shape[1:]]
            found.append(f"{name} {x.dtype}{shape or ''}")
    return ", ".join(found)


def classes_of(names: Sequence[str]) -> str:
    """How many classes there are, and the names of the first and last.

    Example:
        >>> classes_of(('cat', 'dog', 'eel'))
        '3 classes (cat to eel)'
    """
    return (
        f"{len(names)} classes ({names[0]} to {names[-1]})" if names else "no classes"
    )


def size_of(params: Any) -> str:
    """How many numbers a tree holds, and their bytes.

    Example:
        >>> size_of({'w': np.ones((2, 3), np.float32)})
        '6 numbers, 24 bytes'
    """
    leaves = jax.tree.leaves(params)
    count = sum(math.prod(np.shape(x)) for x in leaves)
    types = [getattr(x, "dtype", None) or np.result_type(x) for x in leaves]
    sizes = (math.prod(np.shape(x)) for x in leaves)
    total = sum(n * t.itemsize for n, t in zip(sizes, types, strict=True))
    return f"{count:,} number{'s' * (count != 1)}, {total:,} bytes"


def maker_of(function: Callable[..., Any] | None) -> str:
    """The function that made another one, or its own name.

    Example:
        >>> maker_of(maker_of)
        'maker_of'
    """
    name = getattr(function, "__qualname__", type(function).__name__)
    return name.split(".")[0]
