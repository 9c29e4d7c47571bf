"""Metadata of one architecture, each value of the type that is asked for."""

from collections.abc import Mapping
from typing import Any

import numpy as np


class Facts:
    """Values by key without the architecture's name in front.

    Example:
        >>> facts = Facts({'llama.block_count': 2, 'llama.rope.freq_base': 1e4},
        ...               'llama')
        >>> facts.size('block_count'), facts.number('rope.freq_base')
        (2, 10000.0)
        >>> facts.size('context_length')
        Traceback (most recent call last):
        ValueError: the metadata have no 'llama.context_length'
    """

    def __init__(self, metadata: Mapping[str, Any], arch: str):
        self._metadata = metadata
        self._arch = arch

    def get(self, key: str, default: Any = None) -> Any:
        """The value as it stands; one number where all layers have the same.

        Raises:
            ValueError: the layers differ.
        """
        found = self._metadata.get(f"{self._arch}.{key}", default)
        if not isinstance(found, np.ndarray) or found.dtype.kind == "b":
            return found
        several = set(found.tolist())
        if len(several) != 1:
            raise ValueError(
                f"{self._arch}.{key} differs from layer to layer, which no decoder "
                "here can"
            )
        return several.pop()

    def size(self, key: str, default: int | None = None) -> int:
        """A whole number of at least 1.

        Raises:
            ValueError: it is missing without a default, or something else.
        """
        found = self._needed(key, default)
        if type(found) is not int or not 0 < found < 2**31:
            raise ValueError(f"{self._arch}.{key} must be a size, it is {found!r}")
        return found

    def number(self, key: str, default: float | None = None) -> float:
        """A positive number.

        Raises:
            ValueError: it is missing without a default, or something else.
        """
        found = self._needed(key, default)
        if type(found) not in (int, float) or not 0 < found < float("inf"):
            raise ValueError(
                f"{self._arch}.{key} must be a positive number, it is {found!r}"
            )
        return float(found)

    def _needed(self, key: str, default: Any) -> Any:
        found = self.get(key, default)
        if found is None:
            raise ValueError(f"the metadata have no '{self._arch}.{key}'")
        return found
