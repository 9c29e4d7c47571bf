"""Damaged GGUF files end in one line and little memory."""

import pathlib
import struct
import tracemalloc

import numpy as np
import pytest

from jdistill.models import from_gguf, gguf_metadata
from jdistill.models.formats._gguf_header import read_header

ROOT = pathlib.Path(__file__).parent / "gguf"
SMALL = (ROOT / "mistral.gguf").read_bytes()
HEAD = b"GGUF" + struct.pack("<I", 3)


def text(word):
    return struct.pack("<Q", len(word)) + word


def made(*, tensors=0, entries=0, rest=b"", head=HEAD):
    return head + struct.pack("<QQ", tensors, entries) + rest


def entry(kind, value, key=b"general.key"):
    return text(key) + struct.pack("<I", kind) + value


def tensor(name=b"a", shape=(4,), kind=0, offset=0):
    axes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + axes + struct.pack("<IQ", kind, offset)


HUGE = 2**62
BAD = {
    "empty": (b"\0", "cut short"),
    "another format": (b"PK\3\4" + bytes(60), "does not begin with 'GGUF'"),
    "an old version": (made(head=b"GGUF" + struct.pack("<I", 1)), "version 0x1"),
    "the other byte order": (made(head=b"GGUF\0\0\0\3"), "version 0x3000000"),
    "countless tensors": (made(tensors=HUGE), "no room for"),
    "countless entries": (made(entries=HUGE), "no room for"),
    "a key without end": (made(entries=1, rest=text(b"k" * 30)[:20]), "cut short"),
    "a key of all memory": (
        made(entries=1, rest=struct.pack("<Q", HUGE) + bytes(30)),
        "cut short",
    ),
    "a key that is no text": (
        made(entries=1, rest=entry(0, b"\1", b"\xff\xfe")),
        "UTF-8",
    ),
    "a key twice": (made(entries=2, rest=2 * entry(0, b"\1")), "there twice"),
    "an unknown type": (made(entries=1, rest=entry(77, bytes(8))), "type 77"),
    "an array of arrays": (
        made(entries=1, rest=entry(9, struct.pack("<IQ", 9, 1) + bytes(20))),
        "type 9",
    ),
    "an array of all memory": (
        made(entries=1, rest=entry(9, struct.pack("<IQ", 0, HUGE))),
        "cut short",
    ),
    "texts of all memory": (
        made(entries=1, rest=entry(9, struct.pack("<IQ", 8, HUGE))),
        "no room for",
    ),
    "no axes": (made(tensors=1, rest=tensor(shape=())), "has 0 axes"),
    "five axes": (made(tensors=1, rest=tensor(shape=(1,) * 5) + bytes(64)), "5 axes"),
    "an unknown kind": (made(tensors=1, rest=tensor(kind=99)), "unknown here, 99"),
    "an axis of nothing": (made(tensors=1, rest=tensor(shape=(0,))), "no rows of F32"),
    "half a block": (
        made(tensors=1, rest=tensor(shape=(33,), kind=8)),
        "no rows of Q8_0",
    ),
    "a tensor of all memory": (
        made(tensors=1, rest=tensor(shape=(HUGE, HUGE))),
        "cut short or damaged",
    ),
    "a tensor beyond the end": (
        made(tensors=1, rest=tensor(offset=1 << 40) + bytes(64)),
        "cut short or damaged",
    ),
    "a tensor askew": (
        made(tensors=1, rest=tensor(offset=4) + bytes(96)),
        "cut short or damaged",
    ),
    "a tensor twice": (made(tensors=2, rest=2 * tensor() + bytes(96)), "there twice"),
    "shared bytes": (
        made(tensors=2, rest=tensor() + tensor(b"b") + bytes(96)),
        "'a' and 'b' share bytes",
    ),
    "an odd alignment": (
        made(
            entries=1,
            rest=entry(4, struct.pack("<I", 24), b"general.alignment"),
        ),
        "no power of two",
    ),
    "an alignment that is a text": (
        made(entries=1, rest=entry(8, text(b"32"), b"general.alignment")),
        "no power of two",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_damaged_header_is_one_line(name):
    data, message = BAD[name]
    tracemalloc.start()
    with pytest.raises(ValueError, match=message) as caught:
        read_header(data)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    assert "\n" not in str(caught.value)


def test_values_of_every_type():
    array = struct.pack("<IQ", 5, 2) + struct.pack("<ii", -1, 7)
    words = struct.pack("<IQ", 8, 2) + text(b"one") + text("zwölf".encode())
    rest = (
        entry(6, struct.pack("<f", 1e-5), b"float")
        + entry(7, b"\5", b"flag")
        + entry(11, struct.pack("<q", -3), b"long")
        + entry(9, array, b"array")
        + entry(9, words, b"words")
    )
    found = read_header(made(entries=5, rest=rest)).metadata
    assert found.pop("array").tolist() == [-1, 7]
    words = ["one", "zwölf"]
    assert found == {"float": 1e-5, "flag": True, "long": -3, "words": words}
    assert found["flag"] is True


def test_paths_that_are_no_file(tmp_path):
    (tmp_path / "empty").touch()
    for read in (from_gguf, gguf_metadata):
        with pytest.raises(ValueError, match="no file at"):
            read(tmp_path)
        with pytest.raises(ValueError, match="is empty"):
            read(tmp_path / "empty")


def damaged(seed):
    """The small file with a byte changed or cut short, most often in its header."""
    draw = np.random.default_rng(seed)
    data = bytearray(SMALL)
    reach = 2048 if seed % 4 else len(data)
    if seed % 5 == 0:
        return bytes(data[: draw.integers(1, reach)])
    for at in draw.integers(0, reach, 1 + seed % 3):
        data[at] = draw.choice([0, 1, 127, 128, 255, draw.integers(256)])
    return bytes(data)


def survives(seeds, path):
    """Reads damaged files: a network or one line, nothing else."""
    refused = 0
    for seed in seeds:
        path.write_bytes(damaged(seed))
        try:
            from_gguf(path)
        except ValueError as error:
            refused += 1
            assert "\n" not in str(error), (seed, str(error))
            assert len(str(error)) < 3000, (seed, str(error)[:200])
    return refused


def test_damage_is_one_line_or_nothing(tmp_path):
    assert survives(range(60), tmp_path / "a.gguf") > 10


@pytest.mark.slow
def test_much_damage_is_one_line_or_nothing(tmp_path):
    assert survives(range(60, 4000), tmp_path / "a.gguf") > 1000
