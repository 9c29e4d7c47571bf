"""Pretrained networks beside transformers: logits, loading, perplexity.

A row of the parity page comes of two runs, as transformers needs torch and we do not:

    python -m benchmarks.parity theirs MODEL.gguf --text test.txt --logits theirs.npz
    python -m benchmarks.parity ours MODEL.gguf --text test.txt --logits theirs.npz \
        --name SmolLM2-135M --out experiments/results/language.jsonl

The first stores the logits of the tokens that its own tokenizer makes of the beginning
of the text. The second compares them, and measures the load and the perplexity over
windows of `--context` tokens, with and without a 'bos' before each: the same targets.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import time
from typing import Any

import numpy as np

TOKENS = 128
"""Of the text whose logits are compared."""


def theirs(args: argparse.Namespace) -> None:
    """Stores tokens, logits, and the seconds and bytes of loading."""
    import torch
    import transformers

    torch.set_num_threads(args.threads)
    path = pathlib.Path(args.model)
    before, start, cpu = memory(), time.perf_counter(), time.process_time()
    network = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32
    ).eval()
    seconds, peak = time.perf_counter() - start, peak_memory() - before
    cpu = time.process_time() - cpu
    words = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    tokens = words(text(args), return_tensors="pt").input_ids[:, :TOKENS]
    with torch.no_grad():
        logits = network(tokens).logits.float().numpy()
    versions = f"transformers {transformers.__version__}, torch {torch.__version__}"
    np.savez(
        args.logits,
        tokens=tokens.numpy().astype(np.int32),
        logits=logits,
        seconds=seconds,
        cpu=cpu,
        peak=peak,
        versions=versions,
    )


def ours(args: argparse.Namespace) -> None:
    """Writes one row for windows with a 'bos' and one for windows without."""
    import jax

    from experiments.origin import origin
    from jdistill import models, tree

    here = origin()
    jax.numpy.ones(1).block_until_ready()  # what any program of JAX takes
    before, start, cpu = memory(), time.perf_counter(), time.process_time()
    read = models.from_gguf(args.model)
    jax.block_until_ready(read.frozen.params)
    loading = {
        "load_seconds": time.perf_counter() - start,
        "load_cpu_seconds": time.process_time() - cpu,
        "load_peak_bytes": peak_memory() - before,
    }
    weights = tree.num_bytes(read.frozen.params)
    row = {
        "model": args.name or pathlib.Path(args.model).stem,
        "stage": "read",
        "realised": "dense",
        "seed": 0,
        "bytes": os.path.getsize(args.model),
        "parameters": tree.count(read.frozen.params),
        **loading,
        "load_peak_ratio": loading["load_peak_bytes"] / weights,
        **compared(read, args.logits),
        "edition": args.edition,
    }
    for begins in (True, False):
        found = row | scores(read, args, begins=begins) | here
        line = json.dumps(found)
        print(line, flush=True)
        if args.out:
            with open(args.out, "a") as file:
                file.write(line + "\n")


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
        "theirs": str(stored["versions"]),
        "their_load_seconds": float(stored["seconds"]),
        "their_load_cpu_seconds": float(stored["cpu"]),
        "their_load_peak_bytes": int(stored["peak"]),
    }


def scores(read: Any, args: argparse.Namespace, *, begins: bool) -> dict[str, Any]:
    """Perplexity and bits per byte over the first windows of the text."""
    import jax

    tokens = spelt(read.tokenizer, text(args)[: 40 * args.windows * args.context])
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


def spelt(tokenizer: Any, words: str) -> np.ndarray:
    """Ids of a text in which the name of a control token is a word like another.

    `<unk>`, which the edition writes for rare words, is such a name of Gemma's, and no
    network ever learned to say it.
    """
    names = {tokenizer.bytes_of([i]).decode() for i in tokenizer.control} - {""}
    within = (f"(?<={re.escape(x[0])})(?={re.escape(x[1:])})" for x in sorted(names))
    found = re.split("|".join(within), words)
    ids = [tokenizer.encode(x, inside=i > 0) for i, x in enumerate(found)]
    return np.concatenate(ids)


def text(args: argparse.Namespace) -> str:
    """What is scored."""
    return pathlib.Path(args.text).read_text(encoding="utf-8")


def memory() -> int:
    """Bytes of this process now."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def peak_memory() -> int:
    """The most bytes that this process has had."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=("ours", "theirs"))
    parser.add_argument("model", help="a GGUF file")
    parser.add_argument("--text", required=True)
    parser.add_argument("--logits", required=True, help="the file between both runs")
    parser.add_argument("--name")
    parser.add_argument("--edition", default="wikitext-2 test, <unk> edition")
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out")
    args = parser.parse_args()
    {"ours": ours, "theirs": theirs}[args.side](args)


if __name__ == "__main__":
    main()
