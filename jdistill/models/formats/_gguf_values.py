"""Numbers of the tensors of a GGUF file."""

import math
import mmap
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jdistill import extras
from jdistill.models.formats._gguf_header import Header, Tensor
from jdistill.models.formats._rows import Source, empty

_PLAIN = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "BF16": jnp.bfloat16}
_AT_ONCE = 1 << 20
"""Numbers that are unfolded at once."""


def source_of(header: Header, mapped: mmap.mmap) -> Source:
    """The tensors of a file, unfolded one at a time.

    Args:
        header: of the file.
        mapped: its bytes. Those of one tensor leave memory when the next is asked for.

    Raises:
        ValueError: a tensor is stored in blocks and `gguf` is not installed, or it
            does not unfold them; before anything is unfolded.
    """
    kinds = {tensor.kind.name for tensor in header.tensors.values()} - _PLAIN.keys()
    if kinds:
        _package(kinds)
    names = {
        name: jax.ShapeDtypeStruct(tensor.shape, np.float32)
        for name, tensor in header.tensors.items()
    }
    data = np.frombuffer(mapped, np.uint8)

    def get(name: str) -> np.ndarray:
        if hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)
        return values(header.tensors[name], data)

    return Source(names, get)


def values(tensor: Tensor, data: np.ndarray) -> np.ndarray:
    """The numbers of a tensor: those of float32 where they stand, others unfolded.

    Args:
        tensor: where it stands.
        data: the bytes of the file.
    """
    raw = data[tensor.start : tensor.start + tensor.size]
    if tensor.kind.name in _PLAIN:
        found = np.frombuffer(raw, _PLAIN[tensor.kind.name]).reshape(tensor.shape)
        return found if found.dtype == np.float32 else found.astype(np.float32)
    unfold = _package({tensor.kind.name})
    out = empty((math.prod(tensor.shape),), np.float32)
    most = max(_AT_ONCE // tensor.kind.block, 1)
    blocks = np.asarray(raw).reshape(-1, tensor.kind.size)
    for first in range(0, len(blocks), most):
        # as one long row: the package goes through 16 rows at a time
        part = unfold(blocks[first : first + most].reshape(1, -1), tensor.kind.number)
        at = first * tensor.kind.block
        out[at : at + part.size] = part.reshape(-1)
    return out.reshape(tensor.shape)


def _package(kinds: set[str]) -> Any:
    """From blocks `[count, bytes]` and the number of their kind to their values."""
    stored = f"a tensor stored as {', '.join(sorted(kinds))}"
    package: Any = extras.needed("gguf", by=stored)
    known = package.GGMLQuantizationType

    def unfold(blocks: np.ndarray, number: int) -> np.ndarray:
        # a scale may be infinite in a damaged file; what comes of it is no number
        with np.errstate(all="ignore"):
            return package.quants.dequantize(blocks, known(number))

    for kind in sorted(kinds):
        if kind not in known.__members__:
            raise ValueError(f"the installed gguf does not know blocks of {kind}")
    return unfold
