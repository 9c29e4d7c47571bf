"""From texts to token ids: what a preparation is, and hashed n-grams."""

import functools
import hashlib
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jdistill import kinds
from jdistill.checks import whole
from jdistill.data._splits import in_memory
from jdistill.typing import Batch, Split, Tokenizer

UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]"
)
"""Thai, Lao, Burmese, Khmer, Chinese and Japanese put no spaces between words."""

PAD = 0
"""The id of padding, which no token has."""


class Texts(NamedTuple):
    """Labelled texts: `label[i]` is an index into `classes`."""

    texts: tuple[str, ...]
    label: np.ndarray
    classes: tuple[str, ...]


class Tokens(NamedTuple):
    """A fitted preparation of texts.

    * `prepare(texts) -> Batch`: `inputs` int32 and `token_mask` float32, both
      `[batch, steps]`.
    * `info`: `vocab`, the number of token ids with padding's, `steps`, and what
      `build(data, ...)` makes the preparation of (`prepare`).
    * `tokenizer`: that of `encoded` or `bpe`, which a packed file keeps, else None.
    """

    prepare: Callable[[Sequence[str]], Batch]
    info: Mapping[str, Any]
    tokenizer: Tokenizer | None = None


def fitted(
    prepare: Callable[[Sequence[str]], Tokens] | None, texts: Sequence[str]
) -> Tokens:
    """What a preparation makes of the texts of the training part.

    Args:
        prepare: what makes it; `hashed_ngrams()` where it is None.
        texts: of the training part.

    Raises:
        TypeError: `prepare` is no function, or makes something else.

    Example:
        >>> fitted(None, ['a b']).info['prepare']['name']
        'hashed_ngrams'
    """
    if prepare is None:
        prepare = hashed_ngrams()
    kinds.function(prepare=prepare)
    tokens = prepare(texts)
    said = "Tokens, as that of data.hashed_ngrams() is"
    kinds.instance(Tokens, said, {"what prepare makes": tokens})
    return tokens


def tokenized(texts: Texts, tokens: Tokens, *, name: str) -> Split:
    """A split of texts as tokens.

    Args:
        texts: the labelled texts.
        tokens: the fitted preparation.
        name: what messages call the split.

    Returns:
        A split in memory.

    Raises:
        ValueError: an example is not usable; the message names its id.

    Example:
        >>> texts = Texts(('one two', 'two'), np.array([0, 1]), ('a', 'b'))
        >>> tokenized(texts, hashed_ngrams()(texts.texts), name='train').size
        2
    """
    refuse_empty(texts.texts, name)
    batch = {**tokens.prepare(texts.texts), "label": texts.label}
    return in_memory(batch, classes=texts.classes, name=name)


def hashed_ngrams(
    *,
    num_buckets: int = 8192,
    max_length: int = 256,
    words: Sequence[int] = (1, 2),
    chars: Sequence[int] = (),
) -> Callable[[Sequence[str]], Tokens]:
    r"""Token ids from hashes of n-grams, each n-gram of a text once.

    .. math:: id = 1 + hash(ngram) \bmod (num\_buckets - 1)

    Nothing is fitted, so any text can be prepared anywhere with the same ids. The
    n-grams stand in the order of their first use, sizes interleaved, and a long text
    loses its end. Words are runs of letters and digits. Where a language puts no spaces
    between them (Chinese, Japanese, Thai), take characters: `words=(), chars=(1, 2)`.

    Args:
        num_buckets: number of token ids with padding's.
        max_length: steps; more n-grams are cut off.
        words: sizes of the n-grams of words.
        chars: sizes of the n-grams of characters.

    Returns:
        `texts -> Tokens`; the texts change nothing, but there is a warning where they
        are in a script without spaces and only words are read.

    Raises:
        ValueError: a size is not positive.

    References:
        Weinberger et al., Feature hashing for large scale multitask learning, ICML
        2009 (arXiv:0902.2206); Joulin et al., Bag of tricks for efficient text
        classification, EACL 2017 (arXiv:1607.01759).

    Example:
        >>> tokens = hashed_ngrams(num_buckets=100, max_length=4)(())
        >>> tokens.prepare(['red fox'])['token_mask']
        array([[1., 1., 1., 0.]], dtype=float32)
    """
    whole(num_buckets=num_buckets, least=2)
    whole(max_length=max_length)
    _check_grams(words=words, chars=chars)

    def ids(text: str) -> np.ndarray:
        parts = [*_grams(_word_codes(text), words, salt=0)]
        parts += [*_grams(_char_codes(text), chars, salt=1)]
        start = np.concatenate([np.arange(len(p)) / max(len(p), 1) for p in parts])
        codes = np.concatenate(parts)[np.argsort(start, kind="stable")]
        buckets = codes % np.uint64(num_buckets - 1) + np.uint64(1)
        _, first = np.unique(buckets, return_index=True)
        return buckets[np.sort(first)].astype(np.int32)

    def prepare(texts: Sequence[str]) -> Batch:
        refuse_empty(texts, "texts")
        return padded([ids(text) for text in texts], max_length)

    spec = {"name": "hashed_ngrams", "num_buckets": num_buckets}
    spec |= {"max_length": max_length, "words": [*words], "chars": [*chars]}
    info = {"prepare": spec, "vocab": num_buckets, "steps": max_length}

    def fit(texts: Sequence[str]) -> Tokens:
        if not chars and isinstance(texts, Sequence):
            _warn_of_unspaced([text for text in texts[:1000] if isinstance(text, str)])
        return Tokens(prepare, info)

    return fit


def padded(rows: Sequence[np.ndarray], max_length: int) -> Batch:
    """Ids and their mask in arrays of one width.

    Example:
        >>> padded([np.array([7, 8]), np.array([9])], 2)['inputs'].tolist()
        [[7, 8], [9, 0]]
    """
    inputs = np.full((len(rows), max_length), PAD, np.int32)
    mask = np.zeros((len(rows), max_length), np.float32)
    for i, row in enumerate(rows):
        length = min(len(row), max_length)
        inputs[i, :length] = row[:length]
        mask[i, :length] = 1
    return {"inputs": inputs, "token_mask": mask}


def refuse_empty(texts: Sequence[str], name: str) -> None:
    """Refuses a text without a word, by its number."""
    for i, text in enumerate(texts):
        if not text.strip():
            raise ValueError(f"{name}, example {i}: the text is empty: {text!r}")


def _grams(codes, sizes, *, salt):
    """One 64-bit hash for each n-gram of each size."""
    for size in sizes:
        count = max(len(codes) - size + 1, 0)
        mixed = np.full(count, 2 * size + salt, np.uint64)
        for i in range(size):
            mixed = _mix(mixed ^ codes[i : i + count])
        yield mixed


def _mix(x):
    """A 64-bit permutation whose output bits depend on all input bits.

    References:
        Steele et al., Fast splittable pseudorandom number generators, OOPSLA 2014.
    """
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _word_codes(text):
    lower = text.lower()
    words = re.findall(r"\w+", lower) or lower.split()  # a lone ")" is a word too
    return np.array([_code(word) for word in words], np.uint64)


def _warn_of_unspaced(texts):
    letters = "".join(c for text in texts for c in text if c.isalpha())
    if 2 * len(UNSPACED.findall(letters)) > len(letters):
        warnings.warn(
            "hashed_ngrams takes whole clauses for words, because the script of these "
            "texts has no spaces: read characters, hashed_ngrams(words=(), "
            "chars=(1, 2)), or use bpe()",
            stacklevel=4,
        )


def _char_codes(text):
    spaced = f" {' '.join(text.lower().split())} "
    points = np.frombuffer(spaced.encode("utf-32-le", "replace"), "<u4")
    return points.astype(np.uint64)


def _check_grams(**sizes):
    for name, several in sizes.items():
        if isinstance(several, str) or not isinstance(several, Sequence):
            raise ValueError(f"{name} must be sizes, such as (1, 2), got {several!r}")
        for size in several:
            whole(**{f"each of {name}": size})
    if not any(sizes.values()):
        raise ValueError("words and chars are both empty: one of them must have sizes")


@functools.lru_cache(maxsize=2**16)
def _code(word):
    raw = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(raw, "little")
