"""Text as token ids."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np


class Encode(Protocol):
    """The ids of a text."""

    def __call__(
        self, text: str, /, *, inside: bool = False, control: bool = False
    ) -> np.ndarray:
        """int32 `[tokens]`."""
        ...


class EncodeMany(Protocol):
    """The ids of several texts."""

    def __call__(
        self,
        texts: Sequence[str],
        /,
        *,
        inside: bool | Sequence[bool] = False,
        control: bool = False,
    ) -> list[np.ndarray]:
        """int32 `[tokens]` of each."""
        ...


class Frame(Protocol):
    """The ids of a text or two, with what the template puts around them."""

    def __call__(
        self,
        text: str,
        pair: str | None = None,
        /,
        *,
        steps: int | None = None,
        control: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """`(ids, types)`, int32 `[tokens]`."""
        ...


class Tokenizer(NamedTuple):
    """A vocabulary, and how text is cut into its tokens.

    * `encode(text, *, inside=False, control=False) -> ids`: int32 `[tokens]`, no token
      added in front or at the end. `inside` says that other text stands before this
      one, so that a tokenizer that begins every text with a space does not. `control`
      says that the text is a template, in which the name of a control token stands for
      it; in a text that is data, `</s>` is four characters.
    * `encode_many(texts, *, inside=False, control=False) -> [ids, ...]`: the same, in
      parallel.
    * `frame(text, pair=None, *, steps=None, control=False) -> (ids, types)`: with the
      tokens that the vocabulary's own template puts around a text, or around two;
      `types` are 0 for the first text and 1 for the second where the template says so.
      Of what is longer than `steps` the end is cut, that of the longer text first.
    * `decode(ids) -> str`: without the ids of 'bos', 'eos', 'pad', 'cls' and 'sep', and
      without control tokens that end a text.
    * `bytes_of(ids) -> bytes`: the text that ids stand for. Those of the ids of a text
      are that text where nothing is normalised, behind `prefix` bytes.
    * `num_bytes`: int32 `[vocab]`, how many bytes each id stands for.
    * `vocab`: the number of ids.
    * `special`: ids by the names 'bos', 'eos', 'pad', 'unk', 'cls', 'sep' and 'mask',
      where there are any.
    * `control`: the ids of tokens that are no text: those that the files call special,
      control or unknown. Tokens that a user added are text, found in every one.
    * `ends`: the ids that end a text, 'eos' first: models of chats have several.
    * `begins`: whether every window begins with 'bos': the networks of some families
      are useless without it.
    * `prefix`: bytes that `encode` puts before a text, 1 for a space.
    * `fingerprint`: a hash of the tokens by id and of how a text is cut.
    * `definition() -> str`: how text is cut, as the text of a `tokenizer.json`.
    """

    encode: Encode
    encode_many: EncodeMany
    frame: Frame
    decode: Callable[[Any], str]
    bytes_of: Callable[[Any], bytes]
    num_bytes: np.ndarray
    vocab: int
    special: Mapping[str, int]
    control: frozenset[int]
    ends: tuple[int, ...]
    begins: bool
    prefix: int
    fingerprint: str
    definition: Callable[[], str]
