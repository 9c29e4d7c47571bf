"""SentencePiece's byte-pair encoding: pieces with scores, as ranked merges."""

from collections.abc import Collection, Sequence

import tokenizers
from tokenizers import decoders, models, normalizers

from jdistill.tokenizers._pieces import SPACE


def scored(
    tokens: Sequence[str],
    scores: Sequence[float],
    *,
    joined: Collection[int],
    unknown: str | None,
    space_prefix: bool,
) -> tokenizers.Tokenizer:
    """A tokenizer that joins the neighbours whose union has the highest score.

    Args:
        tokens: by id, with `▁` for a space and `<0x0A>` for a byte.
        scores: of each; the higher, the earlier it is joined.
        joined: the ids that may come of joining: normal tokens, neither control nor
            byte.
        unknown: the token for what is not even made of bytes.
        space_prefix: whether every text begins with a space.

    Returns:
        A tokenizer with byte fallback, without special tokens.

    References:
        Kudo, Richardson, SentencePiece: a simple and language independent subword
        tokenizer and detokenizer for neural text processing, EMNLP 2018
        (arXiv:1808.06226).

    Example:
        >>> made = scored(['a', 'b', 'ab'], [0.0, 0.0, -1.0], joined={0, 1, 2},
        ...               unknown=None, space_prefix=False)
        >>> made.encode('aab').ids
        [0, 2]
    """
    vocab = {token: i for i, token in enumerate(tokens)}
    ranked = sorted(joined, key=lambda i: -scores[i])
    pieces = {tokens[i] for i in joined}
    merges = [pair for i in ranked for pair in _pairs(tokens[i], pieces)]
    made = tokenizers.Tokenizer(
        models.BPE(vocab, merges, unk_token=unknown, fuse_unk=True, byte_fallback=True)
    )
    spaces = normalizers.Replace(" ", SPACE)
    back = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if space_prefix:
        spaces = normalizers.Sequence([normalizers.Prepend(SPACE), spaces])
        back.append(decoders.Strip(" ", 1, 0))
    made.normalizer = spaces
    made.decoder = decoders.Sequence(back)
    return made


def _pairs(token: str, pieces: Collection[str]) -> list[tuple[str, str]]:
    """The ways to make a token of two others."""
    return [
        (token[:i], token[i:])
        for i in range(1, len(token))
        if token[:i] in pieces and token[i:] in pieces
    ]
