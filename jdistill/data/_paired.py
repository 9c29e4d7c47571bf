"""Texts about sources as windows, for figures of networks that read and then write."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from jdistill.data._pairs import pairs
from jdistill.data._splits import gather
from jdistill.data._windows import Windows
from jdistill.typing import Split, Tokenizer


def paired(
    tokenizer: Tokenizer,
    sources: Sequence[str],
    texts: Sequence[str],
    *,
    start: int,
    edition: str = "",
    control: bool = False,
) -> Windows:
    """Texts, each about a source, as `language.figures` takes them: one a row.

    Both sides have what the vocabulary's template puts around a text, such as T5's
    '</s>' behind it, which is a target of no bytes.

    Args:
        tokenizer: of the network.
        sources: what is read.
        texts: what is written about each.
        start: the id before each text, `config.start` of an encoder-decoder.
        edition: which texts these are, in words, for rows of figures.
        control: whether the name of a control token in a text is that token.

    Returns:
        A split as that of `pairs`, with `token_bytes`, and the protocol.

    Raises:
        ValueError: there are no pairs, not as many texts as sources, or one is empty.

    Example:
        >>> from jdistill import tokenizers
        >>> letters = tokenizers.from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': [],
        ...     'tokenizer.ggml.tokens': ['a', 'b']})
        >>> made = paired(letters, ['ab', 'b'], ['ba', 'b'], start=0)
        >>> made.split.take([0])['token_bytes'].tolist(), made.protocol['targets']
        ([[1.0, 1.0]], 3)
    """
    read = [tokenizer.frame(text, control=control)[0] for text in sources]
    written = [tokenizer.frame(text, control=control)[0] for text in texts]
    split = pairs(read, written, start=start)
    whole = {**split.take(np.arange(split.size))}
    whole["token_bytes"] = np.zeros(whole["label"].shape, np.float32)
    for i, (text, ids) in enumerate(zip(texts, written, strict=True)):
        whole["token_bytes"][i, : len(ids)] = _bytes(tokenizer, text, ids, control)
    digest = hashlib.blake2b(digest_size=16)
    for name in ("source", "source_mask", "label", "label_mask"):
        digest.update(np.ascontiguousarray(whole[name]).tobytes())
    steps = whole["label"].shape[1]
    protocol = {
        "context": steps,
        "stride": steps,
        "source": whole["source"].shape[1],
        "packed": False,
        "bos": False,
        "eos": all(len(x) and x[-1] == tokenizer.special.get("eos") for x in written),
        "edition": edition,
        "control": control,
        "documents": len(texts),
        "targets": int(whole["label_mask"].sum()),
        "tokenizer": tokenizer.fingerprint,
        "corpus": digest.hexdigest(),
    }
    rows = Split(split.size, lambda indices: gather(whole, indices), whole, ())
    return Windows(rows, protocol)


def _bytes(tokenizer: Tokenizer, text: str, ids: np.ndarray, control: bool) -> Any:
    """Bytes that each id stands for; none for what is put around the text."""
    own = tokenizer.encode(text, control=control)
    size = tokenizer.num_bytes[own].astype(np.float32)
    if len(own):
        size[0] -= tokenizer.prefix
    before = next(
        at for at in range(len(ids)) if np.array_equal(ids[at : at + len(own)], own)
    )
    return np.pad(size, (before, len(ids) - len(own) - before))
