"""Damaged checkpoints: `python -m tests.reliability.checkpoints [SHARE]`.

The newest of two checkpoints is damaged: every bit of its note, and bits, ends, blocks
and whole files of the rest. The run must go on from the newest that is whole, with the
bits that were saved. Prints one row of JSON.
"""

import logging
import pathlib
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from jdistill import train
from tests.reliability.tally import Outcome, main, tally

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


def run(share: int = 1) -> tuple[dict[str, Any], list[Outcome]]:
    """The row of every `share`-th damage, and those that ended otherwise."""
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as home:
        found = tally(_outcomes(pathlib.Path(home), share))
    counts = found.counts
    row = {
        "harness": "damaged checkpoints",
        "tried": counts.total(),
        "bits of a note": sum(what.startswith("note ") for _, what, _ in found.every),
        "stopped": counts["stopped"],
        "restarted at 0": counts["restarted"],
        "wrong bits": counts["wrong"],
        "seconds": found.seconds,
    }
    return row, found.wrong


def _outcomes(home: pathlib.Path, share: int) -> Iterator[Outcome]:
    whole, copy = home / "whole", home / "copy"
    values = saved(whole)
    for kind, name, data in list(damages(whole / "steps/2"))[::share]:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(whole, copy)
        file = copy / "steps/2" / name
        file.unlink() if data is None else file.write_bytes(data)
        how, _, said = outcome(copy, values).partition(": ")
        yield how, f"{kind} of {name}", said


if __name__ == "__main__":
    sys.exit(main(run))
