"""Reading and writing packed files, beside the safetensors library in the same run.

Each line is a ratio of seconds: ours by theirs. Theirs reads plain arrays without a
checksum into NumPy; ours checks every byte and gives arrays of JAX.

    python -m benchmarks.files [--mb 1000] [--tensors 1 100 1000] [--out results.jsonl]
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from benchmarks import _measure
from jdistill import artifact
from jdistill.compress import Dense


def leaves(mb: int, tensors: int) -> dict[str, np.ndarray]:
    """Arrays of float32 that are `mb` million bytes together."""
    draw = np.random.default_rng(0)
    size = mb * 1_000_000 // 4 // tensors
    return {f"w{n}": draw.random(size, np.float32) + 1 for n in range(tensors)}


def files(mb: int, tensors: int, *, rounds: int) -> list[dict[str, Any]]:
    """The figures for one size and number of tensors."""
    arrays = leaves(mb, tensors)
    forms = {name: Dense(x) for name, x in arrays.items()}
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = (str(pathlib.Path(folder) / name) for name in ("ours", "theirs"))
        calls = {
            "write ours": lambda: artifact.pack(ours, forms),
            "write theirs": lambda: save_file(arrays, theirs),
            "read ours": lambda: artifact.unpack(ours).params,
            "read theirs": lambda: load_file(theirs),
        }
        taken = _measure.in_turns(calls, rounds=rounds, turns=1)
        command = [sys.executable, "-m", "benchmarks.files", "--beside", ours]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    more = {"mb": mb, "tensors": tensors, **_measure.where_and_with(_measure.cores())}
    rows = [
        _measure.cost(f"file_{k}", taken[f"{k} ours"], taken[f"{k} theirs"], **more)
        for k in ("read", "write")
    ]
    memory = {"name": "file_read_memory", "ratio": float(done.stdout), **more}
    return [*rows, memory]


def beside(path: str) -> float:
    """The most resident bytes beside the result, by the bytes of the file.

    In a process of its own, whose memory nothing else has used and given back.
    """
    with tempfile.TemporaryDirectory() as folder:
        small = pathlib.Path(folder) / "small"
        artifact.pack(small, {"w": Dense(np.ones(3, np.float32))})
        artifact.unpack(small)  # what is compiled is compiled
    before = _resident("VmRSS")
    packed = artifact.unpack(path)
    result = sum(x.nbytes for x in packed.params.values())
    return (_resident("VmHWM") - before - result) / packed.bytes


def _resident(what: str) -> int:
    text = pathlib.Path("/proc/self/status").read_text()
    return int(text.split(f"{what}:")[1].split()[0]) * 1024


def main(arguments: list[str] | None = None) -> int:
    """Measures and prints one JSON line per figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=1000)
    parser.add_argument("--tensors", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out")
    parser.add_argument("--beside", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.beside:
        sys.stdout.write(f"{beside(chosen.beside):.3f}\n")
        return 0
    for tensors in chosen.tensors:
        rows = files(chosen.mb, tensors, rounds=chosen.rounds)
        _measure.write(rows, chosen.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
