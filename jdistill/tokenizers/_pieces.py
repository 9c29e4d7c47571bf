"""What ids stand for: the bytes of each token, however a vocabulary spells them."""

import re

import tokenizers

SPACE = "▁"
"""What SentencePiece writes for a space."""

_BYTE = re.compile("<0x[0-9A-F]{2}>")


def pieces_of(inner: tokenizers.Tokenizer) -> list[bytes]:
    """The bytes that each id stands for, none where there is no token.

    Args:
        inner: an object of the `tokenizers` package.

    Example:
        >>> from tokenizers import models
        >>> pieces_of(tokenizers.Tokenizer(models.WordLevel({'a': 1}, unk_token='a')))
        [b'', b'a']
    """
    added = set(inner.get_added_tokens_decoder())
    parts = [
        b"" if part is None else part.__getstate__()
        for part in (inner.decoder, inner.pre_tokenizer, inner.normalizer)
    ]
    spelling = b"".join(parts).decode("utf-8")
    of_token = _byte_level if "ByteLevel" in spelling else _spelt(inner.model, spelling)
    names = inner.get_vocab(with_added_tokens=True)
    pieces = [b""] * (max(names.values(), default=-1) + 1)
    for token, number in names.items():
        literal = number in added
        pieces[number] = token.encode("utf-8") if literal else of_token(token)
    return pieces


def _spelt(model, spelling):
    """Tokens written as text: SentencePiece's spaces and bytes, WordPiece's marks."""
    marks = SPACE in spelling or "Metaspace" in spelling
    fallback = getattr(model, "byte_fallback", False)
    mark = getattr(model, "continuing_subword_prefix", None) or ""

    def of_token(token: str) -> bytes:
        if fallback and _BYTE.fullmatch(token):
            return bytes([int(token[3:5], 16)])
        if mark and token.startswith(mark):
            token = token[len(mark) :]
        return (token.replace(SPACE, " ") if marks else token).encode("utf-8")

    return of_token


def _byte_level(token: str) -> bytes:
    if all(char in _BYTES for char in token):
        return bytes(_BYTES[char] for char in token)
    return token.encode("utf-8")


def _byte_table() -> dict[str, int]:
    """The byte that each character of a byte-level vocabulary stands for.

    References:
        Radford et al., Language models are unsupervised multitask learners, 2019: the
        bytes that print stand for themselves, the others follow from U+0100 on.
    """
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printed]
    table = {chr(byte): byte for byte in printed}
    return table | {chr(256 + i): byte for i, byte in enumerate(others)}


_BYTES = _byte_table()
