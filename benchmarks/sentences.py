"""Vectors of sentences beside transformers: numbers and loading.

A row of the parity page comes of two runs, as transformers needs torch and we do not:

    python -m benchmarks.sentences theirs FOLDER --text test.txt --vectors theirs.npz
    python -m benchmarks.sentences ours FOLDER --text test.txt --vectors theirs.npz \
        --name all-MiniLM-L6-v2 --out experiments/results/parity.jsonl

The first stores ids and vectors of the first lines of the text, the mean of the last
hidden states scaled to length 1. The second reads the same folder, cuts the same lines
and compares.
"""

import argparse
import os
import pathlib

import numpy as np

from benchmarks.parity import loaded, options, their_loading, timed

STEPS = 128
"""Tokens of a line at most."""


def theirs(args: argparse.Namespace) -> None:
    """Stores ids and vectors, and the seconds and bytes of loading."""
    import torch
    import transformers

    torch.set_num_threads(args.threads)
    network, taken = timed(
        lambda: transformers.AutoModel.from_pretrained(args.model, dtype=torch.float32)
    )
    words = transformers.AutoTokenizer.from_pretrained(args.model)
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
        **taken._asdict(),
    )


def ours(args: argparse.Namespace) -> None:
    """Writes one row."""
    import jax

    from benchmarks import _measure
    from experiments.tools.origin import origin
    from jdistill import models, tokenizers

    here = origin()
    read, loading = loaded(lambda: models.from_hf(args.model))
    stored = np.load(args.vectors)
    batch = tokenizers.framed(read.tokenizer, lines(args), steps=STEPS)
    apply = jax.jit(lambda params, batch: read.model.apply(params, {}, batch)[0].hidden)
    found = np.asarray(apply(read.frozen.params, batch))
    row = {
        "model": args.name or pathlib.Path(args.model).name,
        "bytes": os.path.getsize(pathlib.Path(args.model) / "model.safetensors"),
        **loading,
        "vector_difference": float(np.abs(found - stored["vectors"]).max()),
        "vector_largest": float(np.abs(stored["vectors"]).max()),
        "least_cosine": float((found * stored["vectors"]).sum(-1).min()),
        "same_tokens": bool(np.array_equal(batch["inputs"], stored["tokens"])),
        "compared_texts": len(found),
        **their_loading(args.vectors),
        "edition": args.edition,
        "context": STEPS,
        **here,
    }
    _measure.write([row], args.out)


def lines(args: argparse.Namespace) -> list[str]:
    """What becomes vectors: lines of the text that are no headings."""
    text = pathlib.Path(args.text).read_text(encoding="utf-8")
    found = (line.strip() for line in text.splitlines())
    return [line for line in found if line and not line.startswith("=")][: args.texts]


def main() -> None:
    """Reads the command line."""
    parser = options(__doc__, model="a folder", between="vectors")
    parser.add_argument("--texts", type=int, default=64)
    args = parser.parse_args()
    {"ours": ours, "theirs": theirs}[args.side](args)


if __name__ == "__main__":
    main()
