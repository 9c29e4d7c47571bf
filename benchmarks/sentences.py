"""Vectors of sentences beside transformers: numbers and loading.

A row of the parity page comes of two runs, as transformers needs torch and we do not:

    python -m benchmarks.sentences theirs FOLDER --text test.txt --vectors theirs.npz
    python -m benchmarks.sentences ours FOLDER --text test.txt --vectors theirs.npz \
        --name all-MiniLM-L6-v2 --out experiments/results/language.jsonl

The first stores ids and vectors of the first lines of the text, the mean of the last
hidden states scaled to length 1. The second reads the same folder, cuts the same lines
and compares.
"""

import argparse
import json
import os
import pathlib
import time

import numpy as np

from benchmarks.parity import memory, peak_memory

STEPS = 128
"""Tokens of a line at most."""


def theirs(args: argparse.Namespace) -> None:
    """Stores ids and vectors, and the seconds and bytes of loading."""
    import torch
    import transformers

    torch.set_num_threads(args.threads)
    before, start, cpu = memory(), time.perf_counter(), time.process_time()
    network = transformers.AutoModel.from_pretrained(args.folder, dtype=torch.float32)
    loading = {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "peak": peak_memory() - before,
    }
    words = transformers.AutoTokenizer.from_pretrained(args.folder)
    batch = words(
        lines(args),
        padding="max_length",
        truncation=True,
        max_length=STEPS,
        return_tensors="pt",
    )
    with torch.no_grad():
        hidden = network.eval()(**batch).last_hidden_state
    real = batch["attention_mask"][..., None]
    mean = (hidden * real).sum(1) / real.sum(1)
    np.savez(
        args.vectors,
        tokens=batch["input_ids"].numpy().astype(np.int32),
        vectors=torch.nn.functional.normalize(mean).numpy(),
        versions=f"transformers {transformers.__version__}, torch {torch.__version__}",
        **loading,
    )


def ours(args: argparse.Namespace) -> None:
    """Writes one row."""
    import jax

    from experiments.origin import origin
    from jdistill import models, tokenizers, tree

    here = origin()
    jax.numpy.ones(1).block_until_ready()  # what any program of JAX takes
    before, start, cpu = memory(), time.perf_counter(), time.process_time()
    read = models.from_hf(args.folder)
    jax.block_until_ready(read.frozen.params)
    loading = {
        "load_seconds": time.perf_counter() - start,
        "load_cpu_seconds": time.process_time() - cpu,
        "load_peak_bytes": peak_memory() - before,
    }
    stored = np.load(args.vectors)
    batch = tokenizers.framed(read.tokenizer, lines(args), steps=STEPS)
    apply = jax.jit(lambda params, batch: read.model.apply(params, {}, batch)[0].hidden)
    found = np.asarray(apply(read.frozen.params, batch))
    weights = tree.num_bytes(read.frozen.params)
    row = {
        "model": args.name or pathlib.Path(args.folder).name,
        "stage": "read",
        "realised": "dense",
        "seed": 0,
        "bytes": os.path.getsize(pathlib.Path(args.folder) / "model.safetensors"),
        "parameters": tree.count(read.frozen.params),
        **loading,
        "load_peak_ratio": loading["load_peak_bytes"] / weights,
        "vector_difference": float(np.abs(found - stored["vectors"]).max()),
        "vector_largest": float(np.abs(stored["vectors"]).max()),
        "least_cosine": float((found * stored["vectors"]).sum(-1).min()),
        "same_tokens": bool(np.array_equal(batch["inputs"], stored["tokens"])),
        "compared_texts": len(found),
        "theirs": str(stored["versions"]),
        "their_load_seconds": float(stored["seconds"]),
        "their_load_cpu_seconds": float(stored["cpu"]),
        "their_load_peak_bytes": int(stored["peak"]),
        "edition": args.edition,
        "context": STEPS,
        **here,
    }
    line = json.dumps(row)
    print(line, flush=True)
    if args.out:
        with open(args.out, "a") as file:
            file.write(line + "\n")


def lines(args: argparse.Namespace) -> list[str]:
    """What becomes vectors: lines of the text that are no headings."""
    text = pathlib.Path(args.text).read_text(encoding="utf-8")
    found = (line.strip() for line in text.splitlines())
    return [line for line in found if line and not line.startswith("=")][: args.texts]


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=("ours", "theirs"))
    parser.add_argument("folder", help="of sentence-transformers")
    parser.add_argument("--text", required=True)
    parser.add_argument("--vectors", required=True, help="the file between both runs")
    parser.add_argument("--name")
    parser.add_argument("--edition", default="wikitext-2 test, <unk> edition")
    parser.add_argument("--texts", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out")
    args = parser.parse_args()
    {"ours": ours, "theirs": theirs}[args.side](args)


if __name__ == "__main__":
    main()
