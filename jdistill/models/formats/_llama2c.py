"""Decoders from the binary files of llama2.c."""

import math
import os
import pathlib
import struct
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from jdistill import tokenizers
from jdistill.models._sizes import float_type
from jdistill.models.formats._changes import interleaved, transpose
from jdistill.models.formats._pretrained import Pretrained, padded
from jdistill.models.formats._rows import Row, Source, read_rows
from jdistill.models.transformers import DecoderConfig, decoder
from jdistill.typing import Frozen, Tokenizer, Tree

_MAGIC = 0x616B3432
_LEGACY, _FLOAT, _INT8 = 0, 1, 2
_SIZES = ("dim", "mlp_dim", "depth", "heads", "kv_heads", "vocab", "max_steps")
_HEADER = 256
"""Bytes of the header of all versions but the first."""

_NORMS = ("attention_norm", "ffn_norm", "norm")
_ORDERS = {
    _LEGACY: (
        *("tok_embeddings", "attention_norm", "wq", "wk", "wv", "wo", "ffn_norm"),
        *("w1", "w2", "w3", "norm", "rotations", "output"),
    ),
    _FLOAT: (
        *_NORMS,
        "tok_embeddings",
        "wq",
        "wk",
        "wv",
        "wo",
        "w1",
        "w2",
        "w3",
        "output",
    ),
}
_STACKED = ("attention_norm", "wq", "wk", "wv", "wo", "ffn_norm", "w1", "w2", "w3")
_ORDERS[_INT8] = _ORDERS[_FLOAT]


class _Part(NamedTuple):
    """Arrays of one name, one after the other.

    * `start`: the first byte.
    * `count`: how many.
    * `shape`: of each.
    * `size`: bytes of each.
    """

    start: int
    count: int
    shape: tuple[int, ...]
    size: int


class _Head(NamedTuple):
    """What the header says; `group` numbers share a step size, 0 for no codes."""

    version: int
    config: DecoderConfig
    group: int
    size: int


def from_llama2c(
    file: str | os.PathLike[str],
    *,
    tokenizer: str | os.PathLike[str] | Tokenizer | None = None,
    dtype: str = "float32",
    compute_dtype: str = "float32",
    remat: str = "none",
    shardings: Callable[[Tree], Tree] | None = None,
) -> Pretrained:
    """A decoder from a `.bin` file of llama2.c, of any of its three versions.

    Args:
        file: the first version without a magic number, version 1 in float32, or
            version 2 in int8 with a step size a group.
        tokenizer: a file such as `tokenizer.bin`, or a tokenizer; None for none.
        dtype: of the parameters; 'float32' where they are trained.
        compute_dtype: what the network computes in.
        remat: what the backward pass computes again, as of `decoder`.
        shardings: from the shapes of the parameters to where each goes; None for the
            default device.

    Returns:
        The network, its variables, its configuration and the tokenizer.

    Raises:
        ValueError: the file is cut short, longer than its header says, or another
            one; the tokenizer is of another vocabulary.

    References:
        Karpathy, llama2.c, https://github.com/karpathy/llama2.c.

    Example:
        >>> from_llama2c('/nowhere/model.bin')
        Traceback (most recent call last):
        ValueError: no file at /nowhere/model.bin
    """
    kept, path = float_type(dtype), pathlib.Path(file)
    if not path.is_file():
        raise ValueError(f"no file at {path}")
    if isinstance(tokenizer, str | os.PathLike):
        tokenizer = tokenizers.from_llama2c(tokenizer)
    try:
        head, source = _opened(path)
        config = padded(head.config, tokenizer)
        model = decoder(config, dtype=compute_dtype, remat=remat)
        like = jax.eval_shape(model.init, jax.random.key(0), {})[0]
        homes = None if shardings is None else shardings(like)
        rows = _rows(head.config)
        params = read_rows(rows, source, like, dtype=kept, shardings=homes)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    return Pretrained(model, Frozen(params, {}), config, tokenizer)


def _opened(path: pathlib.Path) -> tuple[_Head, Source]:
    if path.stat().st_size < _HEADER:
        raise ValueError(f"{path.stat().st_size} bytes are no model of llama2.c")
    data = np.memmap(path, np.uint8, "r")
    head = _head(bytes(data[:_HEADER]), len(data))
    parts = _parts(head)
    end = sum(part.count * part.size for part in parts.values()) + head.size
    if end != len(data):
        raise ValueError(f"the header says {end} bytes, the file has {len(data)}")
    places = {
        (f"{name}.{i}" if name in _STACKED else name): (part, i)
        for name, part in parts.items()
        for i in range(part.count)
        if name != "rotations"
    }
    names = {
        name: jax.ShapeDtypeStruct(part.shape, np.float32)
        for name, (part, _) in places.items()
    }
    return head, Source(names, lambda name: _values(data, *places[name], head.group))


def _head(raw: bytes, size: int) -> _Head:
    magic, version = struct.unpack_from("<Ii", raw)
    if magic != _MAGIC:
        *sizes, vocab, steps = struct.unpack_from("<7i", raw)
        config = _config([*sizes, abs(vocab), steps], vocab > 0, size)
        return _Head(_LEGACY, config, 0, 28)
    if version not in (_FLOAT, _INT8):
        raise ValueError(f"version {version} of llama2.c's files is not read here")
    sizes, tied = struct.unpack_from("<7i", raw, 8), raw[36] != 0
    group = struct.unpack_from("<i", raw, 37)[0] if version == _INT8 else 0
    if version == _INT8 and group < 1:
        raise ValueError(f"groups of {group} share a step size")
    return _Head(version, _config(sizes, tied, size), group, _HEADER)


def _config(sizes, tied: bool, size: int) -> DecoderConfig:
    named = dict(zip(_SIZES, sizes, strict=True))
    for name, number in named.items():
        if not 0 < number <= size:
            raise ValueError(f"{name} of {number} is none of a file of {size} bytes")
    if named["dim"] % named["heads"]:
        raise ValueError(f"dim={named['dim']} is no {named['heads']} heads")
    head_dim = named["dim"] // named["heads"]
    return DecoderConfig(**named, head_dim=head_dim, family="llama", tied=tied)


def _parts(head: _Head) -> dict[str, _Part]:
    """Where everything stands, without looking."""
    shapes, config = _shapes(head.config), head.config
    parts, at = {}, head.size
    for name in _ORDERS[head.version]:
        if name == "output" and config.tied:
            continue
        count = config.depth if name in _STACKED else 1
        numbers = math.prod(shapes[name])
        size = 4 * numbers
        if head.group and name not in _NORMS:
            if numbers % head.group:
                raise ValueError(f"{name!r} has no groups of {head.group}")
            size = numbers + 4 * (numbers // head.group)
        parts[name] = _Part(at, count, shapes[name], size)
        at += count * size
    return parts


def _shapes(config: DecoderConfig) -> dict[str, tuple[int, ...]]:
    dim, mlp, head_dim = config.dim, config.mlp_dim, config.head_dim
    query, key = config.heads * head_dim, config.kv_heads * head_dim
    return {
        **dict.fromkeys(_NORMS, (dim,)),
        **dict.fromkeys(("tok_embeddings", "output"), (config.vocab, dim)),
        "wq": (query, dim),
        "wk": (key, dim),
        "wv": (key, dim),
        "wo": (dim, query),
        "w1": (mlp, dim),
        "w2": (dim, mlp),
        "w3": (mlp, dim),
        "rotations": (2, config.max_steps, head_dim // 2),
    }


def _values(data: np.ndarray, part: _Part, index: int, group: int) -> np.ndarray:
    start = part.start + index * part.size
    raw = data[start : start + part.size]
    numbers = math.prod(part.shape)
    if part.size == 4 * numbers:
        return np.frombuffer(raw, "<f4").reshape(part.shape)
    codes = raw[:numbers].view(np.int8).reshape(-1, group)
    scale = np.frombuffer(raw[numbers:], "<f4")[:, None]
    return (codes * scale).astype(np.float32).reshape(part.shape)


def _rows(config: DecoderConfig) -> list[Row]:
    rows = [Row("tok_embeddings", ("embed/embedding",)), Row("norm", ("norm/scale",))]
    if not config.tied:
        rows.append(Row("output", ("head/kernel",), (transpose,)))
    for name, path in (("attention_norm", "attention_norm"), ("ffn_norm", "mlp_norm")):
        rows.append(Row(f"{name}.{{layer}}", (f"layers/{path}/scale",)))
    for name, path, heads in (
        ("wq", "attention/query", config.heads),
        ("wk", "attention/key", config.kv_heads),
        ("wv", "attention/value", 0),
        ("wo", "attention/out", 0),
        ("w1", "mlp/gate", 0),
        ("w2", "mlp/down", 0),
        ("w3", "mlp/up", 0),
    ):
        turned = (interleaved(heads),) if heads else ()
        paths = (f"layers/{path}/kernel",)
        rows.append(Row(f"{name}.{{layer}}", paths, (*turned, transpose)))
    return rows
