"""Documents as token ids, made once and kept in files that are mapped into memory."""

import array
import hashlib
import io
import json
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from jdistill.data._documents import Part, parts
from jdistill.files import replacing
from jdistill.typing import Tokenizer

_BATCH = 2**22
_FORMAT = 2
_IDS, _STARTS, _NOTE = "ids.bin", "starts.npy", "corpus.json"


class Corpus(NamedTuple):
    """Documents as token ids, one after the other, without special tokens between.

    * `ids`: `[tokens]`, in memory or mapped from a file.
    * `starts`: int64 `[documents + 1]`, where each begins and the last ends.
    * `tokenizer`: the one that made them.
    * `info`: `documents`, `tokens`, `bytes` of text, `edition`, `control`, the
      `tokenizer`'s fingerprint and the `fingerprint` of the ids.
    """

    ids: Any
    starts: np.ndarray
    tokenizer: Tokenizer
    info: Mapping[str, Any]


def tokenize(
    texts: Iterable[str | Part],
    tokenizer: Tokenizer,
    *,
    folder: str | os.PathLike[str] | None = None,
    edition: str = "",
    control: bool = False,
) -> Corpus:
    """The ids of texts, each a document; text is read and cut a few MB at a time.

    Args:
        texts: such as `documents` reads, or texts in memory.
        tokenizer: what cuts them.
        folder: where the ids are kept, for a corpus larger than memory and for other
            runs; by default in memory only.
        edition: which text it is, in words, for rows of figures.
        control: whether the name of a control token in a text is that token, as where
            texts are conversations in a template; a text that is data says `</s>` and
            means it.

    Returns:
        The corpus; one in a folder is mapped and not read.

    Raises:
        ValueError: a text is empty, there is none, or the folder has a corpus already.

    Example:
        >>> from jdistill import tokenizers
        >>> tokenizer = tokenizers.from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': ['a b'],
        ...     'tokenizer.ggml.tokens': ['a', 'b', 'ab']})
        >>> corpus = tokenize(['abab', 'a'], tokenizer)
        >>> corpus.ids.tolist(), corpus.starts.tolist()
        ([2, 2, 0], [0, 2, 3])
    """
    kind = np.dtype("<u2" if tokenizer.vocab <= 2**16 else "<i4")
    facts = {"edition": edition, "control": control}
    if folder is None:
        memory = io.BytesIO()
        starts, info = _write(texts, tokenizer, kind, facts, memory.write)
        return Corpus(np.frombuffer(memory.getbuffer(), kind), starts, tokenizer, info)
    path = pathlib.Path(folder)
    if (path / _NOTE).exists():
        raise ValueError(f"{path} has a corpus already: load_corpus reads it")
    path.mkdir(parents=True, exist_ok=True)
    with replacing(path / _IDS) as file:
        starts, info = _write(texts, tokenizer, kind, facts, file.write)
    with replacing(path / _STARTS) as file:
        np.save(file, starts)
    with replacing(path / _NOTE) as file:  # the last, so that all is there with it
        file.write(json.dumps({**info, "format": _FORMAT}, indent=2).encode())
    return load_corpus(path, tokenizer)


def load_corpus(folder: str | os.PathLike[str], tokenizer: Tokenizer) -> Corpus:
    """A corpus that `tokenize` has written, mapped into memory.

    Args:
        folder: where it is.
        tokenizer: the one that made it.

    Returns:
        The corpus.

    Raises:
        ValueError: there is none, a file is damaged, or another tokenizer made it.

    Example:
        >>> import tempfile
        >>> from jdistill import tokenizers
        >>> tokenizer = tokenizers.from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': [],
        ...     'tokenizer.ggml.tokens': ['a', 'b']})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     made = tokenize(['abab'], tokenizer, folder=folder)
        ...     load_corpus(folder, tokenizer).ids.tolist()
        [0, 1, 0, 1]
    """
    path = pathlib.Path(folder)
    if not (path / _NOTE).is_file():
        raise ValueError(f"no corpus at {path}")
    try:
        info = json.loads((path / _NOTE).read_text())
        starts = np.load(path / _STARTS, allow_pickle=False)
        form = info.pop("format")
        kind = np.dtype("<u2" if info["vocab"] <= 2**16 else "<i4")
        ids = np.memmap(path / _IDS, kind, mode="r")
    except Exception as error:
        raise ValueError(f"{path} is no whole corpus: {error}") from error
    if form != _FORMAT:
        raise ValueError(f"{path} has format {form}, this reads {_FORMAT}")
    if info["tokenizer"] != tokenizer.fingerprint:
        raise ValueError(
            f"{path} was made with another tokenizer ({info['tokenizer']}, here "
            f"{tokenizer.fingerprint}): tokenize the texts again"
        )
    counted = starts.ndim == 1 and len(starts) == info["documents"] + 1
    if not counted or starts[0] != 0 or (np.diff(starts) < 1).any():
        raise ValueError(f"{path} is no whole corpus: {_STARTS} is damaged")
    if starts[-1] != len(ids):
        raise ValueError(
            f"{path} is no whole corpus: {_IDS} has {len(ids)} ids of {starts[-1]}"
        )
    return Corpus(ids, starts, tokenizer, info)


def _write(
    texts: Iterable[str | Part],
    tokenizer: Tokenizer,
    kind: np.dtype,
    facts: Mapping[str, Any],
    write: Callable[[bytes], Any],
) -> tuple[np.ndarray, dict[str, Any]]:
    """Cuts texts, writes their ids, and says where each document begins."""
    starts, size = array.array("q"), 0
    digest = hashlib.blake2b(digest_size=16)
    tokens, begun = 0, False
    for batch in _batches(texts):
        rows = tokenizer.encode_many(
            [part.text for part in batch],
            inside=[part.inside for part in batch],
            control=facts["control"],
        )
        for part, ids in zip(batch, rows, strict=True):
            if not part.inside:
                _refuse_empty(starts, tokens, begun)
                starts.append(tokens)
                begun = True
            raw = ids.astype(kind).tobytes()
            write(raw)
            digest.update(raw)
            tokens += len(ids)
            size += len(part.text.encode("utf-8"))
    _refuse_empty(starts, tokens, begun)
    if not begun:
        raise ValueError("there are no texts")
    where = np.array([*starts, tokens], np.int64)
    digest.update(where.tobytes())
    return where, {
        "documents": len(starts),
        "tokens": tokens,
        "bytes": size,
        **facts,
        "vocab": tokenizer.vocab,
        "tokenizer": tokenizer.fingerprint,
        "fingerprint": digest.hexdigest(),
    }


def _batches(texts: Iterable[str | Part]) -> Iterator[list[Part]]:
    """Pieces of documents, a few MB at a time, so that threads share the cutting."""
    batch, size = [], 0
    for text in texts:
        for part in parts(text) if isinstance(text, str) else (text,):
            batch.append(part)
            size += len(part.text) + 100
            if size > _BATCH:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _refuse_empty(starts, tokens, begun) -> None:
    if begun and starts[-1] == tokens:
        raise ValueError(f"document {len(starts) - 1}: the text is empty")
