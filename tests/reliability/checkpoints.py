"""Damaged checkpoints: `python -m tests.reliability.checkpoints [SHARE]`.

The newest of two checkpoints is damaged: every bit of its note, and bits, ends, blocks
and whole files of the rest. The run must go on from the newest that is whole, with the
bits that were saved. Prints one row of JSON.
"""

import collections
import json
import logging
import pathlib
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from jdistill import train

RANDOM = 600
"""Damages beside those of the note."""


def saved(folder: pathlib.Path) -> dict[int, Any]:
    """Two checkpoints, and what is in them by their step."""
    rng = np.random.default_rng(0)
    values = {
        step: {"w": rng.normal(size=(40, 5)), "n": np.int32(step), "e": np.zeros(0)}
        for step in (1, 2)
    }
    store = train.checkpoints(folder, recipe={"seed": 0})
    for step, value in values.items():
        store.save(step, value, score=float(step))
    store.close()
    return values


def damages(step: pathlib.Path) -> Iterator[tuple[str, str, bytes | None]]:
    """What is done to a file of a step: words, its name, its bytes or None."""
    note = (step / "note/metadata").read_bytes()
    for bit in range(8 * len(note)):
        yield "note", "note/metadata", flipped(note, bit)
    rng = np.random.default_rng(1)
    files = sorted(p for p in step.rglob("*") if p.is_file())
    for number in range(RANDOM):
        file = files[number % len(files)]
        data, name = file.read_bytes(), str(file.relative_to(step))
        kind = ("bit", "cut", "block", "gone", "longer")[number // len(files) % 5]
        size = max(1, len(data))
        at = int(rng.integers(size))
        found = {
            "bit": flipped(data, int(rng.integers(8 * size))),
            "cut": data[:at],
            "block": data[:at] + bytes(min(16, len(data) - at)) + data[at + 16 :],
            "gone": None,
            "longer": data + rng.bytes(7),
        }[kind]
        yield kind, name, found


def flipped(data: bytes, bit: int) -> bytes:
    """The bytes with one bit changed; a byte where there are none."""
    raw = bytearray(data or b"\0")
    raw[bit // 8] ^= 1 << bit % 8
    return bytes(raw)


def outcome(folder: pathlib.Path, values: dict[int, Any]) -> str:
    """'right', 'stopped: ...', 'restarted' or 'wrong'."""
    like = {name: np.zeros_like(x) for name, x in values[1].items()}
    store = None
    try:
        store = train.checkpoints(folder, recipe={"seed": 0})
        both = store.restore(like), store.best(like)
    except Exception as error:
        return f"stopped: {type(error).__name__}: {str(error)[:200]}"
    finally:
        if store is not None:
            store.close()
    for found in both:
        if found is None:
            return "restarted"
        if any(
            found[1][n].tobytes() != x.tobytes() for n, x in values[found[0]].items()
        ):
            return "wrong"
    return "right"


def run(share: int = 1) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    """The row of every `share`-th damage, and those that ended otherwise."""
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    counts: collections.Counter[str] = collections.Counter()
    wrong, begin = [], time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        whole, copy = pathlib.Path(home, "whole"), pathlib.Path(home, "copy")
        values = saved(whole)
        for kind, name, data in list(damages(whole / "steps/2"))[::share]:
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(whole, copy)
            file = copy / "steps/2" / name
            file.unlink() if data is None else file.write_bytes(data)
            how = outcome(copy, values)
            counts["of notes" if kind == "note" else "of other files"] += 1
            counts[how.split(":")[0]] += 1
            if how != "right":
                wrong.append((kind, name, how))
    row = {
        "harness": "damaged checkpoints",
        "tried": counts["of notes"] + counts["of other files"],
        "bits of a note": counts["of notes"],
        "stopped": counts["stopped"],
        "restarted at 0": counts["restarted"],
        "wrong bits": counts["wrong"],
        "seconds": round(time.perf_counter() - begin),
    }
    return row, wrong


if __name__ == "__main__":
    found, wrong = run(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    for case in wrong:
        print(*case, file=sys.stderr)
    print(json.dumps(found))
    sys.exit(bool(wrong))
