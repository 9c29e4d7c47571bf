"""How packed files fare when they are damaged.

`python -m tests.reliability.artifacts --cases 20000` damages files in every way of
`damage`, reads each with `unpack`, `table` and `load`, and prints one JSON row. A case
is a number: `--first N --cases 1` does it again.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jdistill as jd
from jdistill import artifact, compress
from jdistill.compress import Codebook, Dense, Factors, Quantized, Sparse
from tests.reliability.damage import damaged

MOST_BYTES = 64 * 2**20
"""What reading a file may take beyond its size."""
MOST_SECONDS = 2.0
"""Of the processor, which other programs on the machine do not change."""


class Case(NamedTuple):
    """What became of one damaged file."""

    number: int
    way: str
    said: str
    seconds: float
    bytes_beyond: int
    faults: tuple[str, ...]


def files(folder: pathlib.Path) -> list[bytes]:
    """Whole files with everything in them that a file can hold."""
    return [path.read_bytes() for path in (_classifier(folder), _zoo(folder))]


def _classifier(folder: pathlib.Path) -> pathlib.Path:
    spec = {"name": "mlp", "classes": 3, "widths": [16, 8]}
    model = jd.models.mlp(classes=3, widths=(16, 8))
    batch = {"inputs": jnp.ones((1, 20))}
    params, state = jax.jit(model.init)(jax.random.key(0), batch)
    codes = compress.chain(
        compress.magnitude(sparsity=0.7, where=".*kernel"),
        compress.fake_quant(bits=4, where=".*kernel"),
    )
    at = codes.update(params, *codes.init(params), step=0)
    scales = {f"Dense_{n}/kernel": np.float32(0.1) for n in range(3)}
    words = {"name": "hashed_ngrams", "num_buckets": 50, "max_length": 20}
    about = {"model": spec, "classes": ["x", "y", "z"], "prepare": words}
    path = folder / "classifier"
    jd.pack(path, codes.encode(*at), state, description=about, activations=scales)
    return path


def _zoo(folder: pathlib.Path) -> pathlib.Path:
    draw = np.random.default_rng(0)
    codes = draw.integers(0, 16, (6, 8)).astype(np.uint8)
    scale, zero = draw.uniform(0.1, 1, (2, 8)), draw.integers(0, 16, (2, 8))
    blocks = Quantized(codes, jnp.asarray(scale, "float16"), zero, bits=4)
    mask = draw.random((6, 8)) < 0.3
    forms = {
        "a/groups": blocks,
        "a/sparse": Sparse(mask, blocks),
        "a/bitmap": Sparse(mask, Dense(draw.normal(size=(6, 8)).astype("f4"))),
        "a/index": Sparse(draw.random((60, 40)) < 0.02, Dense(np.ones((60, 40), "f4"))),
        "b/book": Codebook(codes, jnp.arange(16.0)),
        "b/factors": Sparse(
            mask, Factors(Dense(jnp.ones((6, 2))), Dense(jnp.ones((2, 8))))
        ),
        "b/complex": Dense(jnp.arange(6.0) * 1j),
        "c/number": Dense(jnp.bfloat16(3)),
        "c/codes": Quantized(jnp.int8(3), jnp.float32(0.5), bits=8),
        "c/on": Dense(np.array([True, False])),
        "c/narrow": Dense(jnp.arange(8, dtype="float8_e4m3fn")),
    }
    path = folder / "zoo"
    jd.pack(path, forms, {"n": np.arange(3)}, description={"é": [1, None, {"a": 2}]})
    return path


def cases(first: int, count: int, seed: int) -> Iterator[Case]:
    """Damages and reads files, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        whole = files(place)
        values = [_read(place / "whole", data) for data in whole]
        for number in range(first, first + count):
            rng = np.random.default_rng([seed, number])
            which = int(rng.integers(len(whole)))
            broken = damaged(rng, whole[which])
            yield _case(place / "damaged", number, broken, values[which])


def _read(path: pathlib.Path, data: bytes) -> bytes:
    """All that is read, as bytes."""
    path.write_bytes(data)
    packed = artifact.unpack(path)
    artifact.table(path)
    if "model" in packed.description:
        jd.load(path)
    leaves = jax.tree.leaves((packed.params, packed.state, packed.activations))
    about = json.dumps(packed.description, sort_keys=True).encode()
    return about + b"".join(np.asarray(x).tobytes() for x in leaves)


def _case(path: pathlib.Path, number: int, broken: Any, whole: bytes) -> Case:
    before, start = _memory("VmRSS", fresh=True), time.process_time()
    found, error = None, None
    try:
        found = _read(path, broken.data)
    except Exception as caught:  # which of them is the question
        error = caught
    seconds = time.process_time() - start
    beyond = _memory("VmHWM") - before - len(broken.data)
    faults = []
    if error is not None and type(error) is not ValueError:
        faults.append("other exception")
    if error is not None and (str(path) not in str(error) or "\n" in str(error)):
        faults.append("not one line with the file's name")
    if found is not None and not broken.signed and found != whole:
        faults.append("altered in silence")
    faults += ["above 64 MB"] * (beyond > MOST_BYTES)
    faults += ["above 2 s"] * (seconds > MOST_SECONDS)
    said = "" if error is None else f"{type(error).__name__}: {error}"
    return Case(number, broken.way, said, seconds, beyond, tuple(faults))


def _memory(what: str, *, fresh: bool = False) -> int:
    """Resident bytes now, or the most since the last `fresh`; 0 where unknown."""
    try:
        if fresh:
            pathlib.Path("/proc/self/clear_refs").write_text("5")
        text = pathlib.Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(text.split(f"{what}:")[1].split()[0]) * 1024


def summary(found: list[Case], *, aborts: int = 0, seed: int) -> dict[str, Any]:
    """The row of many cases."""
    faults = collections.Counter(fault for case in found for fault in case.faults)
    return {
        "harness": "damaged artifacts",
        "tried": len(found) + aborts,
        "refused": sum(bool(case.said) for case in found),
        "read": sum(not case.said for case in found),
        "other exceptions": faults["other exception"],
        "not one line": faults["not one line with the file's name"],
        "altered in silence": faults["altered in silence"],
        "above 64 MB": faults["above 64 MB"],
        "above 2 s": faults["above 2 s"],
        "aborts": aborts,
        "most MB": round(max(c.bytes_beyond for c in found) / 2**20, 1),
        "most seconds": round(max(c.seconds for c in found), 2),
        "seed": seed,
    }


def main(arguments: list[str] | None = None) -> int:
    """Runs the cases in processes that may die, and prints the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="a file to which the row is appended")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.here:
        for case in cases(chosen.first, chosen.cases, chosen.seed):
            sys.stdout.write(json.dumps(case._asdict()) + "\n")
            sys.stdout.flush()
        return 0
    found, aborts = _in_processes(chosen)
    for case in found:
        if case.faults:
            sys.stderr.write(f"{case}\n")
    row = json.dumps(summary(found, aborts=aborts, seed=chosen.seed))
    sys.stdout.write(row + "\n")
    if chosen.out:
        with pathlib.Path(chosen.out).open("a") as file:
            file.write(row + "\n")
    return int(aborts > 0 or any(case.faults for case in found))


def _in_processes(chosen: argparse.Namespace) -> tuple[list[Case], int]:
    found, aborts, number = [], 0, chosen.first
    stop = chosen.first + chosen.cases
    while number < stop:
        command = [sys.executable, "-m", "tests.reliability.artifacts", "--here"]
        command += ["--first", str(number), "--cases", str(stop - number)]
        command += ["--seed", str(chosen.seed)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            for line in child.stdout or ():
                case = Case(**json.loads(line))
                found.append(case._replace(faults=tuple(case.faults)))
                number = case.number + 1
        if child.returncode > 0:
            raise RuntimeError(f"the harness itself failed at case {number}")
        if number < stop:  # the process died of this case
            sys.stderr.write(f"case {number} ended its process: {child.returncode}\n")
            number, aborts = number + 1, aborts + 1
    return found, aborts


if __name__ == "__main__":
    sys.exit(main())
