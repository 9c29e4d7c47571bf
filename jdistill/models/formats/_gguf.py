"""Decoders from GGUF files."""

import mmap
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jdistill import tokenizers
from jdistill.models._sizes import float_type
from jdistill.models.formats._gguf_config import config_of
from jdistill.models.formats._gguf_header import Header, read_header
from jdistill.models.formats._gguf_rows import rows_of
from jdistill.models.formats._gguf_shapes import check_shapes
from jdistill.models.formats._gguf_tokenizer import NO_TOKENIZER, check_tokenizer
from jdistill.models.formats._gguf_values import source_of, values
from jdistill.models.formats._pretrained import Pretrained, padded
from jdistill.models.formats._rows import Source, read_rows
from jdistill.models.transformers import DecoderConfig, decoder
from jdistill.typing import Frozen, Tokenizer, Tree

ROPE_FACTORS = "rope_freqs.weight"
"""The one tensor that is no parameter: Llama 3 divides its frequencies by it."""


def from_gguf(
    file: str | os.PathLike[str],
    *,
    dtype: str = "float32",
    compute_dtype: str = "float32",
    remat: str = "none",
    shardings: Callable[[Tree], Tree] | None = None,
    tokenizer: Tokenizer | None = None,
) -> Pretrained:
    """A decoder from a GGUF file, with its tokenizer.

    The file is mapped into memory and unfolded a tensor at a time; its counts, lengths
    and sizes are held against the bytes that are there before memory is taken for
    them. Tensors in blocks (Q8_0, Q4_K...) are unfolded by the package `gguf`.

    Args:
        file: of the architecture llama, qwen2, qwen3, gemma, gemma2, gemma3, gpt2 or
            gptneox.
        dtype: of the parameters; 'float32' where they are trained.
        compute_dtype: what the network computes in.
        remat: what the backward pass computes again, as of `decoder`.
        shardings: from the shapes of the parameters to where each goes; each device's
            part is put there alone. None for the default device.
        tokenizer: in the place of the one in the file.

    Returns:
        The network, its variables, its configuration and its tokenizer, None where the
        file has none.

    Raises:
        ValueError: the file is damaged, cut short or contradicts itself, holds an
            architecture or a tokenizer that is not read here, or a name is missing or
            not known.
        ImportError: the package `gguf` is needed and not installed.

    References:
        Gerganov et al., GGUF, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.

    Example:
        >>> from_gguf('/nowhere/model.gguf')
        Traceback (most recent call last):
        ValueError: no file at /nowhere/model.gguf
    """
    kept = float_type(dtype)
    mapped = _mapped(pathlib.Path(file))
    try:
        header = read_header(mapped)
        config = _config(header, mapped)
        tokenizer = tokenizer or _tokenizer(header)
        config = padded(config, tokenizer)
        model = decoder(config, dtype=compute_dtype, remat=remat)
        like = jax.eval_shape(model.init, jax.random.key(0), {})[0]
        homes = None if shardings is None else shardings(like)
        source = _parameters(source_of(header, mapped))
        params = read_rows(rows_of(config), source, like, dtype=kept, shardings=homes)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    return Pretrained(model, Frozen(params, {}), config, tokenizer)


def gguf_metadata(file: str | os.PathLike[str]) -> dict[str, Any]:
    """What a GGUF file says of itself: texts, numbers, lists and arrays by key.

    Args:
        file: any GGUF file.

    Returns:
        Values by key, such as 'general.name' and 'tokenizer.chat_template'.

    Raises:
        ValueError: the file is damaged, cut short or no GGUF file.

    References:
        Gerganov et al., GGUF, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.

    Example:
        >>> gguf_metadata('/nowhere/model.gguf')
        Traceback (most recent call last):
        ValueError: no file at /nowhere/model.gguf
    """
    mapped = _mapped(pathlib.Path(file))
    try:
        return read_header(mapped).metadata
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def _mapped(path: pathlib.Path) -> mmap.mmap:
    if not path.is_file():
        raise ValueError(f"no file at {path}")
    if not path.stat().st_size:
        raise ValueError(f"{path} is empty")
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _config(header: Header, mapped: mmap.mmap) -> DecoderConfig:
    shapes = {name: tensor.shape for name, tensor in header.tensors.items()}
    factors = header.tensors.get(ROPE_FACTORS)
    if factors is not None and factors.kind.name != "F32":
        raise ValueError(f"{ROPE_FACTORS!r} must be stored as F32")
    data = np.frombuffer(mapped, np.uint8)
    found = None if factors is None else values(factors, data)
    config = config_of(header.metadata, shapes, found)
    check_shapes(config, shapes)
    return config


def _parameters(source: Source) -> Source:
    names: Mapping[str, Any] = {
        name: shape for name, shape in source.names.items() if name != ROPE_FACTORS
    }
    return Source(names, source.get)


def _tokenizer(header: Header) -> Tokenizer | None:
    known = "tokenizer.ggml.tokens" in header.metadata
    kind = header.metadata.get("tokenizer.ggml.model", None if known else "none")
    if kind in NO_TOKENIZER:
        return None
    check_tokenizer(header.metadata)
    return tokenizers.from_gguf(header.metadata)
