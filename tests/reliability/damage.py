"""Ways to damage a packed file: blindly, and with its checksums made anew."""

import copy
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tests.reliability import edits

Random = np.random.Generator


class Damaged(NamedTuple):
    """A damaged file; `signed` says whether its checksums were made anew."""

    data: bytes
    way: str
    signed: bool


NUMBERS = (
    0, 1, -1, 2, 3, 7, 8, 9, 16, 17, 255, 256, 65_535, 10**5, 10**6, 10**7, 10**9,
    2**31, 2**32, 2**53, 2**63, 2**64, 10**30, -(10**9), 0.5, 1e300, float("nan"),
    float("inf"),
)  # fmt: skip
TEXTS = (
    "", "a", "0", "q", "d", "f", "c", "n", "float32", "float16", "bfloat16", "int4",
    "object", "F32", "U8", "BOOL", "../../x", "/tmp/x", "\x00", "\ud800", "é" * 40,
    "parameter", "state", "mlp", "resnet", "vit", "tfds", "hashed_ngrams", "00" * 4,
    "a/b", "/".join("a" * 70),
)  # fmt: skip


def value(rng: Random, depth: int = 0) -> Any:
    """Something that nobody would write."""
    kind = rng.integers(0, 7 if depth < 2 else 3)
    if kind <= 1:
        return NUMBERS[rng.integers(len(NUMBERS))]
    if kind == 2:
        return [None, True, False, TEXTS[rng.integers(len(TEXTS))]][rng.integers(4)]
    if kind == 3:
        return TEXTS[rng.integers(len(TEXTS))]
    if kind == 4:
        return {
            TEXTS[rng.integers(len(TEXTS))]: value(rng, depth + 1)
            for _ in range(rng.integers(3))
        }
    return [value(rng, depth + 1) for _ in range(rng.integers(5))]


def flipped(rng: Random, data: bytes) -> bytes:
    found = bytearray(data)
    for place in rng.integers(0, 8 * len(data), rng.integers(1, 9)):
        found[place // 8] ^= 1 << place % 8
    return bytes(found)


def truncated(rng: Random, data: bytes) -> bytes:
    return data[: rng.integers(0, len(data))]


def extended(rng: Random, data: bytes) -> bytes:
    return data + rng.bytes(int(rng.integers(1, 100)))


def spliced(rng: Random, data: bytes) -> bytes:
    """A part copied over another, or taken out, or put in twice."""
    first, last = sorted(rng.integers(0, len(data), 2))
    to = int(rng.integers(0, len(data)))
    part = data[first:last]
    way = rng.integers(3)
    if way == 0:
        return data[:to] + part + data[to + len(part) :]
    return data[:first] + data[last:] if way == 1 else data[:to] + part + data[to:]


def blanked(rng: Random, data: bytes) -> bytes:
    first, last = sorted(rng.integers(0, len(data), 2))
    fill = bytes([int(rng.choice([0, 255, 34, 91, 123]))])
    return data[:first] + fill * (last - first) + data[last:]


def header_flipped(rng: Random, data: bytes) -> bytes:
    length = int.from_bytes(data[:8], "little")
    return data[:8] + flipped(rng, data[8 : 8 + length]) + data[8 + length :]


def body_changed(rng: Random, parts: edits.Opened) -> edits.Opened:
    return parts._replace(body=flipped(rng, parts.body)) if parts.body else parts


def head_changed(rng: Random, parts: edits.Opened) -> edits.Opened:
    """A key of a description, or of one inside of it, gets another value."""
    entries = parts.index["entries"]
    head = entries[rng.integers(len(entries))][2]
    while rng.random() < 0.5 and isinstance(head.get("l"), dict):
        head = head["lr"[rng.integers(2)]]
    key = str(rng.choice([*head, *"kstbuzpoelrv"]))
    return _changed(rng, parts, head, key)


def sizes_changed(rng: Random, parts: edits.Opened) -> edits.Opened:
    """Shapes and counts become others that could be."""
    entries = parts.index["entries"]
    head = entries[rng.integers(len(entries))][2]
    many = [int(rng.choice([0, 1, 2, 40, 10**3, 10**5, 10**7, 2**31])) for _ in "abc"]
    head["s"] = many[: rng.integers(0, 4)]
    head["z"] = int(rng.choice([0, 1, np.prod([1, *head["s"]])]))
    if rng.random() < 0.5:
        head["p"] = [int(rng.integers(1, 17)), int(rng.choice([0, 1, 10**6]))]
    return parts


def tensor_changed(rng: Random, parts: edits.Opened) -> edits.Opened:
    if not parts.tensors:
        return parts
    spec = parts.tensors[str(rng.choice(list(parts.tensors)))]
    return _changed(rng, parts, spec, str(rng.choice([*spec, "x"])))


def tensors_swapped(rng: Random, parts: edits.Opened) -> edits.Opened:
    """Tensors of another entry, of a whole other number, or gone."""
    names = list(parts.tensors)
    if not names:
        return parts
    one, two = (str(rng.choice(names)) for _ in range(2))
    parts.tensors[one] = parts.tensors[two]
    if rng.random() < 0.3:
        parts.tensors.pop(two)
    return parts


def entry_changed(rng: Random, parts: edits.Opened) -> edits.Opened:
    entries = parts.index["entries"]
    number = int(rng.integers(len(entries)))
    way = rng.integers(4)
    if way == 0:
        entries.insert(number, copy.deepcopy(entries[rng.integers(len(entries))]))
    elif way == 1:
        entries.pop(number)
    elif way == 2:
        entries[number] = value(rng)
    else:
        entries[number][int(rng.integers(4))] = value(rng)
    return parts


def description_changed(rng: Random, parts: edits.Opened) -> edits.Opened:
    """A part of what the file says of its model becomes another."""
    place = parts.index["description"]
    while rng.random() < 0.7:
        inner = [x for x in place.values() if isinstance(x, dict) and x]
        if not inner:
            break
        place = inner[rng.integers(len(inner))]
    keys = [*place, "model", "prepare", "depth", "widths", "name", "taps", "dtype"]
    return _changed(rng, parts, place, str(rng.choice(keys)))


def index_changed(rng: Random, parts: edits.Opened) -> edits.Opened:
    keys = ["entries", "description", "x"]
    return _changed(rng, parts, parts.index, str(rng.choice(keys)))


def metadata_changed(rng: Random, parts: edits.Opened) -> edits.Opened:
    return _changed(rng, parts, parts.metadata, str(rng.choice([*parts.metadata])))


def _changed(rng, parts, place, key):
    if rng.random() < 0.1:
        place.pop(key, None)
    else:
        place[key] = value(rng)
    return parts


def text_changed(rng: Random, data: bytes) -> bytes:
    """The text of the index is damaged, and its checksum made anew."""
    parts = edits.opened(data)
    text = json.dumps(parts.index)
    way = (flipped, truncated, spliced, blanked)[rng.integers(4)]
    found = way(rng, text.encode()).decode(errors="replace")
    if rng.random() < 0.1:
        sign = ("[", '{"a":', "[[],")[rng.integers(3)]
        found = sign * int(rng.choice([10, 2000, 10**5]))
    return edits.closed(parts, text=found)


BLIND: tuple[Callable[[Random, bytes], bytes], ...] = (
    flipped, truncated, extended, spliced, blanked, header_flipped,
)  # fmt: skip
SIGNED: tuple[Callable[[Random, edits.Opened], edits.Opened], ...] = (
    body_changed, head_changed, head_changed, sizes_changed, tensor_changed,
    tensors_swapped, entry_changed, description_changed, description_changed,
    index_changed, metadata_changed,
)  # fmt: skip


def damaged(rng: Random, data: bytes) -> Damaged:
    """A file damaged in one way or a few."""
    if rng.random() < 0.35:
        way = BLIND[rng.integers(len(BLIND))]
        return Damaged(way(rng, data), way.__name__, False)
    if rng.random() < 0.1:
        return Damaged(text_changed(rng, data), "text_changed", True)
    parts, names = edits.opened(data), []
    for _ in range(rng.integers(1, 4)):
        way = SIGNED[rng.integers(len(SIGNED))]
        try:
            parts = way(rng, parts)
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            continue  # an edit before it has taken away what it would change
        names.append(way.__name__)
    return Damaged(_closed(parts), "+".join(names), True)


def _closed(parts: edits.Opened) -> bytes:
    entries = parts.index.get("entries")
    if isinstance(entries, list) and all(
        isinstance(e, list) and len(e) == 4 for e in entries
    ):
        parts = edits.signed_anew(parts)
    index, sha = parts.metadata.get("index"), parts.metadata.get("sha256")
    if not isinstance(index, str) or not isinstance(sha, str):
        header = {"__metadata__": parts.metadata, **parts.tensors}
        return edits.with_header(header, parts.body)
    return edits.closed(parts)
