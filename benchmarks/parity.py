"""Pretrained networks beside transformers: logits, loading, perplexity.

A row of the parity page comes of two runs, as transformers needs torch and we do not:

    python -m benchmarks.parity theirs MODEL.gguf --text test.txt --logits theirs.npz
    python -m benchmarks.parity ours MODEL.gguf --text test.txt --logits theirs.npz \
        --name SmolLM2-135M --out experiments/results/parity.jsonl

The first stores the logits of the tokens that its own tokenizer makes of the beginning
of the text. The second compares them, and measures the load and the perplexity over
windows of `--context` tokens, with and without a 'bos' before each: the same targets.
"""

import argparse
import os
import pathlib
import resource
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

TOKENS = 128
"""Of the text whose logits are compared."""


def theirs(args: argparse.Namespace) -> None:
    """Stores tokens, logits, and the seconds and bytes of loading."""
    import torch
    import transformers

    torch.set_num_threads(args.threads)
    path = pathlib.Path(args.model)
    network, taken = timed(
        lambda: transformers.AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, dtype=torch.float32
        )
    )
    words = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    tokens = words(text(args), return_tensors="pt").input_ids[:, :TOKENS]
    with torch.no_grad():
        logits = network.eval()(tokens).logits.float().numpy()
    versions = f"transformers {transformers.__version__}, torch {torch.__version__}"
    np.savez(
        args.logits,
        tokens=tokens.numpy().astype(np.int32),
        logits=logits,
        versions=versions,
        **taken._asdict(),
    )


class Taken(NamedTuple):
    """What a load took: seconds by the clock and of the processor, and bytes."""

    seconds: float
    cpu: float
    peak: int


def timed(load: Callable[[], Any]) -> tuple[Any, Taken]:
    """What a load gives, and what it took."""
    before, start, cpu = memory(), time.perf_counter(), time.process_time()
    read = load()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return read, Taken(seconds, cpu, peak_memory() - before)


def ours(args: argparse.Namespace) -> None:
    """Writes one row for windows with a 'bos' and one for windows without."""
    from benchmarks import _measure
    from experiments.tools.origin import origin
    from jdistill import models

    here = origin()
    read, loading = loaded(lambda: models.from_gguf(args.model))
    row = {
        "model": args.name or pathlib.Path(args.model).stem,
        "bytes": os.path.getsize(args.model),
        **loading,
        **compared(read, args.logits),
        **their_loading(args.logits),
        "edition": args.edition,
    }
    rows = [row | scores(read, args, begins=begins) | here for begins in (True, False)]
    _measure.write(rows, args.out)


def loaded(load: Callable[[], Any]) -> tuple[Any, dict[str, Any]]:
    """A pretrained network, and the columns that say what it took to read it."""
    import jax

    from jdistill import tree

    jax.numpy.ones(1).block_until_ready()  # what any program of JAX takes

    def whole():
        read = load()
        jax.block_until_ready(read.frozen.params)
        return read

    read, taken = timed(whole)
    return read, {
        "stage": "read",
        "realised": "dense",
        "seed": 0,
        "parameters": tree.count(read.frozen.params),
        "load_seconds": taken.seconds,
        "load_cpu_seconds": taken.cpu,
        "load_peak_bytes": taken.peak,
        "load_peak_ratio": taken.peak / tree.num_bytes(read.frozen.params),
    }


def their_loading(path: str) -> dict[str, Any]:
    """The columns of what the other side stored of its load."""
    stored = np.load(path)
    return {
        "theirs": str(stored["versions"]),
        "their_load_seconds": float(stored["seconds"]),
        "their_load_cpu_seconds": float(stored["cpu"]),
        "their_load_peak_bytes": int(stored["peak"]),
    }


def compared(read: Any, path: str) -> dict[str, Any]:
    """Our logits beside the stored ones, and our tokens."""
    import jax

    stored = np.load(path)
    apply = jax.jit(lambda params, batch: read.model.apply(params, {}, batch)[0].logits)
    tokens, logits = stored["tokens"], stored["logits"]
    found = np.asarray(apply(read.frozen.params, {"inputs": tokens}))
    return {
        "logit_difference": float(np.abs(found - logits).max()),
        "logit_largest": float(np.abs(logits).max()),
        "agreement": float((found.argmax(-1) == logits.argmax(-1)).mean()),
        "compared_tokens": int(tokens.size),
    }


def scores(read: Any, args: argparse.Namespace, *, begins: bool) -> dict[str, Any]:
    """Perplexity and bits per byte over the first windows of the text."""
    import jax

    tokens = read.tokenizer.encode(text(args)[: 40 * args.windows * args.context])
    rows = tokens[: args.windows * args.context].reshape(args.windows, args.context)
    bos = np.full((len(rows), 1), read.tokenizer.special["bos"], np.int32)

    @jax.jit
    def surprise(params, inputs, labels):
        logits = read.model.apply(params, {}, {"inputs": inputs})[0].logits
        at = logits[:, -labels.shape[1] - 1 : -1]
        each = jax.nn.logsumexp(at, axis=-1)
        return (
            each - jax.numpy.take_along_axis(at, labels[..., None], axis=-1)[..., 0]
        ).sum()

    inputs = np.hstack([bos, rows]) if begins else rows
    total = sum(
        float(surprise(read.frozen.params, inputs[[i]], rows[[i], 1:]))
        for i in range(len(rows))
    )
    targets = rows[:, 1:].size
    size = int(read.tokenizer.num_bytes[rows[:, 1:]].sum())
    return {
        "bos": begins,
        "context": args.context,
        "stride": args.context,
        "control_tokens": "spelt",
        "targets": targets,
        "perplexity": float(np.exp(total / targets)),
        "bits_per_byte": total / np.log(2) / size,
    }


def text(args: argparse.Namespace) -> str:
    """What is scored."""
    return pathlib.Path(args.text).read_text(encoding="utf-8")


def memory() -> int:
    """Bytes of this process now."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def peak_memory() -> int:
    """The most bytes that this program has had; not the one that started it."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (x for x in status.splitlines() if x.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def main() -> None:
    """Reads the command line."""
    parser = options(__doc__, model="a GGUF file", between="logits")
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--windows", type=int, default=4)
    args = parser.parse_args()
    {"ours": ours, "theirs": theirs}[args.side](args)


def options(about: Any, *, model: str, between: str) -> argparse.ArgumentParser:
    """What both benchmarks of pretrained networks are told."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("side", choices=("ours", "theirs"))
    parser.add_argument("model", help=model)
    parser.add_argument("--text", required=True)
    parser.add_argument(f"--{between}", required=True, help="the file between the runs")
    parser.add_argument("--name")
    parser.add_argument("--edition", default="wikitext-2 test, <unk> edition")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out")
    return parser


if __name__ == "__main__":
    main()
