"""A tiny teacher of tokens and windows for it; also a process that writes a cache.

`python -m tests.data.token_windows FOLDER PROCESS PROCESSES SECONDS`, the last of which
are slept for before each window.
"""

import sys
import time

import jax.numpy as jnp
import numpy as np

from jdistill import data
from jdistill.typing import Frozen, Model, Outputs, Split

VOCAB, STEPS, SIZE, BOS = 11, 6, 10, 10
NAMES = {"tokenizer": "letters", "bos": "window"}


def windows(steps=STEPS, *, text=0, shift=0):
    """Windows of two documents: a first token of their own, and the last one padded."""
    tokens = np.random.default_rng(text).integers(0, VOCAB - 1, (2, SIZE * steps))
    parts = {name: [] for name in ("inputs", "document", "offset", "token_mask")}
    for row in range(SIZE):
        document, start = row % 2, row // 2 * (steps - 1) + shift
        real = steps - 2 if row >= SIZE - 2 else steps
        offset = start - 1 + np.arange(steps)
        parts["inputs"].append([BOS, *tokens[document, start : start + steps - 1]])
        parts["document"].append(np.full(steps, document))
        parts["offset"].append(offset)
        parts["token_mask"].append(np.arange(steps) < real)
    return {name: np.array(x, np.int32) for name, x in parts.items()}


def split_of(arrays, seconds=0.0):
    def take(indices):
        time.sleep(seconds)
        ids = np.asarray(indices, np.int32)
        return {**{name: x[ids] for name, x in arrays.items()}, "id": ids}

    return Split(len(arrays["inputs"]), take, None, ())


def teacher(seed=0):
    """Logits of all tokens read so far, so that what stands before a token matters."""
    table = np.random.default_rng(seed).normal(size=(VOCAB, VOCAB)).astype(np.float32)

    def apply(params, state, batch, *, train=False, key=None):
        del train, key
        ids = batch["inputs"]
        places = jnp.arange(1.0, ids.shape[1] + 1)[None, :, None]
        read = jnp.cumsum(params["table"][ids] * places**0.5, axis=1)
        return Outputs(2.0 * read / places), state

    return Model(lambda key, batch: ({}, {}), apply), Frozen({"table": table})


def write(folder, *, arrays=None, targets=None, seconds=0.0, **changes):
    model, frozen = teacher()
    split = split_of(windows() if arrays is None else arrays, seconds)
    options = {
        "targets": targets or data.random_sampled(draws=7),
        "shard_size": 2,
        **NAMES,
        **changes,
    }
    return data.cache_tokens(folder, split, model, frozen, **options)


if __name__ == "__main__":
    process, processes, seconds = map(float, sys.argv[2:])
    write(sys.argv[1], process=int(process), processes=int(processes), seconds=seconds)
