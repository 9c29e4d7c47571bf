"""The one tokenizer: whatever the `tokenizers` package reads, as pure functions."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tokenizers
from tokenizers import processors

from jdistill import kinds
from jdistill.checks import one_of
from jdistill.tokenizers._framed import between
from jdistill.tokenizers._ordinary import control_of, cutting
from jdistill.tokenizers._package import asking, parsed
from jdistill.tokenizers._pieces import pieces_of
from jdistill.typing import Tokenizer
from jdistill.words import check_text, check_texts

ROLES = ("bos", "eos", "pad", "unk", "cls", "sep", "mask")
_FRAME = ("bos", "eos", "pad", "cls", "sep")
_SAMPLED = 4096
_PROBE = (
    "The 3 quick-brown foxes' 1,024 jumps;  it's \n\n\tnaïve Ünïcode — 你好 мир 🙂 "
    "def f(x):\n    return x**2 <s> http://a.b/c?d=e&f=g  "
)


def from_json(
    definition: str,
    *,
    special: Mapping[str, int | str | None] | None = None,
    begins: bool | None = None,
    ends: Sequence[int] = (),
) -> Tokenizer:
    """A tokenizer from the text of a `tokenizer.json`.

    Args:
        definition: the text; what it says of truncation and padding is left out.
        special: ids or tokens by the names 'bos', 'eos', 'pad', 'unk', 'cls', 'sep' and
            'mask'; None stands for none. Without 'bos' or 'eos' here the token that the
            file itself puts before or behind a text is it, if it is not 'cls' or 'sep'.
        begins: whether every window begins with 'bos'; by default where the file
            itself begins every text with it.
        ends: ids that end a text, besides 'eos'.

    Returns:
        The tokenizer.

    Raises:
        ValueError: the text is no tokenizer, a special token or an end is not in it, or
            windows shall begin with a 'bos' that there is not.

    Example:
        >>> import json
        >>> words = {'model': {'type': 'WordLevel', 'vocab': {'a': 0, '?': 1},
        ...                    'unk_token': '?'},
        ...          'pre_tokenizer': {'type': 'Whitespace'}, 'version': '1.0'}
        >>> from_json(json.dumps(words)).encode('a a b')
        array([0, 0, 1], dtype=int32)
    """
    check_text(definition=definition)
    if special is not None:
        kinds.mapping(special=special)
    if begins is not None:
        one_of((True, False), begins=begins)
    inner = parsed(definition)
    return from_inner(inner, special=special, begins=begins, ends=ends)


def from_inner(
    inner: tokenizers.Tokenizer,
    *,
    special: Mapping[str, int | str | None] | None = None,
    begins: bool | None = None,
    ends: Sequence[int] = (),
) -> Tokenizer:
    """The same from an object of the `tokenizers` package, which is taken over.

    Raises:
        ValueError: as `from_json`.

    Example:
        >>> from tokenizers import models
        >>> words = tokenizers.Tokenizer(models.WordLevel({'a': 0}, unk_token='a'))
        >>> from_inner(words).vocab
        1
    """
    inner.no_truncation()
    inner.no_padding()
    with asking("the tokenizer does not work"):
        return _working(inner, special, begins, ends)


def _working(inner, special, begins, ends) -> Tokenizer:
    pieces = pieces_of(inner)
    added, behind = _around(inner, len(pieces))
    roles = _roles(inner, dict(special or {}), len(pieces))
    for name, token, other in (("bos", added, "cls"), ("eos", behind, "sep")):
        if name not in (special or {}) and token not in (None, roles.get(other)):
            roles[name] = token
    if begins is None:
        begins = added is not None and roles.get("bos") == added
    if begins and "bos" not in roles:
        raise ValueError(
            "windows shall begin with a 'bos' token, but none is named: pass "
            "special={'bos': ...}"
        )
    if begins and added != roles["bos"]:
        _begin(inner, roles["bos"])
    return _made(inner, pieces, roles, bool(begins), _ends(roles, ends, len(pieces)))


def _begin(inner, bos: int) -> None:
    """Lets the definition say it too, for others that read it."""
    token = inner.id_to_token(bos)
    inner.post_processor = processors.TemplateProcessing(
        single=[token, "$A"],
        pair=[token, "$A", f"{token}:1", "$B:1"],
        special_tokens=[(token, bos)],
    )


def _made(inner, pieces, roles, begins, ends) -> Tokenizer:
    cut = _cutting(inner, len(pieces))

    def joined(ids: Any) -> bytes:
        return b"".join(pieces[i] for i in _checked(ids, len(pieces)))

    one, two, probe = map(_ids, cut(["a", " a", _PROBE + _sample(pieces)], True))
    prefix, doubled = _spaces(joined(one)), _spaces(joined(two)) > 1

    def behind(text: str, inside: bool) -> str:
        return text[1:] if inside and doubled and text.startswith(" ") else text

    def encode(text: str, *, inside: bool = False, control: bool = False) -> np.ndarray:
        return _ids(cut([behind(text, inside)], control)[0])

    def encode_many(
        texts: Sequence[str],
        *,
        inside: bool | Sequence[bool] = False,
        control: bool = False,
    ) -> list[np.ndarray]:
        check_texts(texts=texts)
        pairs = zip(texts, _flags(inside, len(texts)), strict=True)
        return [_ids(x) for x in cut([behind(*pair) for pair in pairs], control)]

    control = control_of(inner)
    left_out = {roles[name] for name in _FRAME if name in roles} | control & {*ends}

    def decode(ids: Any) -> str:
        kept = [i for i in _checked(ids, len(pieces)) if i not in left_out]
        with asking("ids cannot be decoded"):
            return inner.decode(kept, skip_special_tokens=False)

    def frame(
        text: str,
        pair: str | None = None,
        *,
        steps: int | None = None,
        control: bool = False,
    ):
        texts = [text] if pair is None else [text, pair]
        with asking("a text cannot be framed"):
            return between(inner, cut(texts, control), steps)

    return Tokenizer(
        encode,
        encode_many,
        frame,
        decode,
        joined,
        np.array([len(piece) for piece in pieces], np.int32),
        len(pieces),
        roles,
        control,
        ends,
        begins,
        prefix,
        _fingerprint(pieces, probe),
        inner.to_str,
    )


def _flags(inside: Any, count: int) -> list[bool]:
    """Whether each of so many texts goes on inside a document."""
    flags = [inside] * count if isinstance(inside, bool) else inside
    if not isinstance(flags, list | tuple) or len(flags) != count:
        said = f"true, false or {count} of them"
        raise ValueError(f"inside must be {said}, got {kinds.got(inside)}")
    return list(flags)


def _cutting(inner, vocab: int):
    """What cuts texts, its faults in one line."""
    plain = cutting(inner, vocab)

    def cut(texts: Sequence[str], control: bool) -> list[Any]:
        check_texts(texts=texts)
        with asking("a text cannot be encoded"):
            return plain(texts, control)

    return cut


def _ids(found: Any) -> np.ndarray:
    return np.array(found.ids, np.int32)


def _checked(ids, vocab) -> list[int]:
    flat = np.asarray(ids).reshape(-1)
    if flat.size and flat.dtype.kind not in "iu":
        raise ValueError(f"ids must be whole numbers, got {flat.dtype}")
    if flat.size and not 0 <= flat.min() <= flat.max() < vocab:
        wrong = flat[(flat < 0) | (flat >= vocab)][0]
        raise ValueError(f"id {wrong} is none of the {vocab} ids 0 to {vocab - 1}")
    return flat.tolist()


def _roles(inner, special, vocab) -> dict[str, int]:
    """The ids of the special tokens that are named or seen."""
    unknown = sorted(special.keys() - set(ROLES))
    if unknown:
        raise ValueError(f"special tokens have the names {ROLES}, got {unknown}")
    found = {}
    for name in ROLES:
        token = special.get(name)
        if token is None:
            continue
        number = inner.token_to_id(token) if isinstance(token, str) else int(token)
        if number is None or not 0 <= number < vocab:
            raise ValueError(
                f"the {name} token {token!r} is not in this vocabulary of {vocab}"
            )
        found[name] = number
    return found


def _ends(roles, ends: Sequence[int], vocab: int) -> tuple[int, ...]:
    """The ids that end a text, 'eos' first, each once."""
    wrong = [x for x in ends if type(x) is not int or not 0 <= x < vocab]
    if wrong:
        raise ValueError(f"the end {wrong[0]!r} is not in this vocabulary of {vocab}")
    first = [roles["eos"]] if "eos" in roles else []
    return tuple(dict.fromkeys([*first, *ends]))


def _around(inner, vocab: int) -> tuple[int | None, int | None]:
    """The tokens that the tokenizer itself puts before a text and behind it."""
    bare = inner.encode("a", add_special_tokens=False).ids
    whole = inner.encode("a", add_special_tokens=True).ids
    if beyond := [i for i in whole if i >= vocab]:
        raise ValueError(f"it puts id {beyond[0]} around a text, none of its {vocab}")
    if whole == bare:
        return None, None
    before = whole[:1] if whole[1 : 1 + len(bare)] == bare else []
    rest = whole[len(before) + len(bare) :]
    behind = rest if whole[: len(whole) - len(rest)] == before + bare else []
    return (before or [None])[0], (behind or [None])[0]


def _fingerprint(pieces: Sequence[bytes], probe: np.ndarray) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        digest.update(len(piece).to_bytes(4, "little"))
        digest.update(piece)
    digest.update(probe.tobytes())
    return digest.hexdigest()


def _sample(pieces: Sequence[bytes]) -> str:
    """A text of tokens, whose ids tell what is joined and what is not."""
    every = max(1, len(pieces) // _SAMPLED)
    return b"".join(pieces[::every]).decode("utf-8", "ignore")


def _spaces(raw: bytes) -> int:
    return len(raw) - len(raw.lstrip(b" "))
