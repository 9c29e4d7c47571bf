"""Tokenizers of llama2.c's files."""

import struct

import pytest

from jdistill.tokenizers import from_llama2c

BYTES = [b"<0x%02X>" % i for i in range(256)]


def write(path, pieces, longest=9, first=(b"<unk>", b"\n<s>\n", b"\n</s>\n")):
    rows = [(0.0, token) for token in (*first, *BYTES)]
    rows += [(-float(7 * i % 13), token) for i, token in enumerate(pieces)]
    raw = b"".join(struct.pack("<fi", score, len(t)) + t for score, t in rows)
    path.write_bytes(struct.pack("<i", longest) + raw)
    return path


def greedy(tokens, scores, text):
    """llama2.c's own loop: the best pair of neighbours, the leftmost, until none is."""
    numbers = {token: i for i, token in enumerate(tokens)}
    ids = []
    for char in " " + text:
        known = numbers.get(char.encode())
        ids += [b + 3 for b in char.encode()] if known is None else [known]
    while True:
        best = None
        for i in range(len(ids) - 1):
            joined = numbers.get(tokens[ids[i]] + tokens[ids[i + 1]])
            if joined is not None and (best is None or scores[joined] > best[0]):
                best = (scores[joined], i, joined)
        if best is None:
            return ids
        ids[best[1] : best[1] + 2] = [best[2]]


def read(path):
    """Scores and tokens of a file, read in the plainest way."""
    raw, at, scores, tokens = path.read_bytes(), 4, [], []
    while at < len(raw):
        score, length = struct.unpack_from("<fi", raw, at)
        scores.append(score)
        tokens.append(raw[at + 8 : at + 8 + length])
        at += 8 + length
    return scores, tokens


def test_the_pieces_are_joined_as_llama2c_joins_them(tmp_path):
    letters = [bytes([byte]) for byte in b" abehtxyz"]
    joined = [b"he", b"xy", b"yz", b" t", b" the", b"ab", b"aba"]
    path = write(tmp_path / "a.bin", [*joined, *letters])
    tokenizer = from_llama2c(path)
    scores, tokens = read(path)
    for text in ("the", "the ababa the", "  ab\nz", "é the", "xyz"):
        assert tokenizer.encode(text).tolist() == greedy(tokens, scores, text)
    assert tokenizer.special == {"bos": 1, "eos": 2, "unk": 0}
    assert tokenizer.begins and tokenizer.prefix == 1
    assert tokenizer.decode([1, *tokenizer.encode("the ab"), 2]) == "the ab"


@pytest.mark.realdata
def test_stories_are_cut_as_llama2c_cuts_them(data_folder):
    path = data_folder / "weights" / "stories260K" / "tok512.bin"
    tokenizer = from_llama2c(path)
    scores, tokens = read(path)
    text = (data_folder / "raw" / "wikitext2" / "test.txt").read_text()[:60_000]
    parts = [text[i : i + 150] for i in range(0, len(text), 150)]
    parts.append("Once upon a time, there was a little girl named Lily.")
    different = [
        part
        for part in parts
        if tokenizer.encode(part).tolist() != greedy(tokens, scores, part)
    ]
    assert tokenizer.vocab == 512 and not different


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[:2], "is cut off: it has 2 bytes"),
        (lambda raw: raw[:-7], "ends within token 260"),
        (lambda raw: raw[:-1], "token 260 is 2 bytes long, of at most 9 and 1"),
        (lambda raw: raw[:1000], "token .* long|ends within|holds"),
        (lambda raw: struct.pack("<i", 3) + raw[4:], "token 0 is 5 bytes long, of at"),
        (lambda raw: raw[:4], "holds 0 tokens"),
    ],
)
def test_a_file_that_is_damaged_is_refused(change, message, tmp_path):
    path = write(tmp_path / "a.bin", [b" t", b"he"])
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=message):
        from_llama2c(path)
