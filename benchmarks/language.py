"""Reading, writing and distilling a language model, beside transformers on PyTorch.

`python -m benchmarks.language MODEL.gguf [--rounds 3] [--batch 8] [--length 256]`. Both
sides read the same file, compute in float32 with as many threads as there are cores,
and get the same tokens:

* `product`: the hidden states of a batch times one matrix of a layer's network, which
  is what the processor decides on;
* `prefill_512`: reads 512 tokens, gives the logits of the last;
* `decode`: 32 tokens are read, and 64 written, the likeliest each time;
* `kd_step`: every other layer is the student, the whole network a live teacher, the
  divergence over the whole vocabulary, AdamW; our backward pass computes each layer
  again from its input, and our logits exist for 128 tokens at a time;
* `kd_step_cached`: our step with 50 words a token of a cached teacher, against ours
  with the live one;
* `kd_step_memory`: the peak memory of a process that makes two steps, theirs over ours.

'ratio' is theirs over ours: more than 1 is faster, or smaller, than theirs.
"""

import argparse
import functools
import json
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import _measure
from benchmarks.parity import peak_memory
from jdistill import language, losses, models, objective, train
from jdistill.typing import Frozen, Outputs, SparseTarget

PROMPT, READ, WRITTEN, DRAWS, CHUNK = 32, 512, 64, 50, 128
SIDES = ("ours", "theirs")


def tokens_of(rows: int, length: int, vocab: int) -> np.ndarray:
    """Random tokens: what they say changes nothing of the work."""
    return np.random.default_rng(0).integers(0, vocab, (rows, length), np.int32)


def factors(config: models.DecoderConfig, rows: int) -> tuple[np.ndarray, ...]:
    """Random hidden states, and a matrix of the widths of a layer's network."""
    random = np.random.default_rng(2)
    shapes = (rows, config.dim), (config.dim, config.mlp_dim)
    first, second = (random.normal(size=x).astype(np.float32) for x in shapes)
    return first, second


def product(read: models.Pretrained, rows: int) -> Callable[[], Any]:
    """One product, ten times."""
    left, right = map(jnp.asarray, factors(read.config, rows))
    call = jax.jit(jnp.matmul)
    return lambda: [call(left, right) for _ in range(10)]


def prefill(read: models.Pretrained, tokens: np.ndarray) -> Callable[[], Any]:
    """Reads a prompt: the cache, and the logits of its last token."""
    going_on, (rows, length) = read.model.decoding, tokens.shape
    assert going_on is not None

    @jax.jit
    def call(params, tokens):
        cache = going_on.start(params, {}, {"inputs": tokens}, length)
        return going_on.step(params, {}, cache, tokens, jnp.full(rows, length))

    params = jax.device_put(read.frozen.params)
    return lambda: call(params, tokens)


def decode(
    read: models.Pretrained, tokens: np.ndarray, *, steps: int
) -> Callable[[], Any]:
    """The likeliest continuation of a prompt, of a fixed length."""
    frozen, key = jax.device_put(read.frozen), jax.random.key(0)
    write = functools.partial(
        language.generate, read.model, steps=steps, choose=language.greedy
    )
    call = jax.jit(write)
    return lambda: call(frozen, {"inputs": tokens}, key=key).tokens


def kd_step(
    read: models.Pretrained, tokens: np.ndarray, *, cached: bool
) -> Callable[[], Any]:
    """A step of a student of half the layers, its teacher live or cached."""
    depth = read.config.depth
    layers = language.spread(depth, depth // 2)
    params, config = language.keep_layers(read.frozen.params, read.config, layers)
    batch, frozen = {"inputs": tokens, "token_mask": np.ones(tokens.shape)}, None
    if cached:
        term = objective.on_vocabulary(losses.sparse_kl, chunk=CHUNK)
        batch |= _drawn(tokens, config.vocab)
    else:
        term = objective.on_vocabulary(losses.kl, chunk=CHUNK)
        frozen = jax.device_put(read.frozen)
    learner = train.learner(
        models.decoder(config, remat="full"),
        objective.combine(kd=term),
        optax.adamw(1e-4),
        teacher=None if cached else read.model,
    )
    batch = jax.tree.map(jnp.asarray, batch)
    key = jax.random.key(0)
    init = jax.jit(lambda start: learner.init(key, batch, frozen, start=start))
    held = [init(Frozen(params))]
    step = jax.jit(learner.step, donate_argnums=0)

    def call():
        held[0], sums = step(held[0], batch, frozen)
        return sums

    return call


def _drawn(tokens: np.ndarray, vocab: int) -> dict[str, Any]:
    """What a cache of drawn words would join to a batch."""
    random = np.random.default_rng(1)
    draws = min(DRAWS, vocab)
    first = random.integers(0, vocab, (*tokens.shape, 1), np.int32)
    ids = (first + np.arange(draws, dtype=np.int32)) % vocab
    sparse = SparseTarget(ids, np.full(ids.shape, -np.log(draws), np.float32))
    return {"outputs": {"teacher": Outputs(sparse=sparse)}}


def calls(model: str, sizes: argparse.Namespace, side: str) -> dict[str, Any]:
    """What is timed of one side, by name; what is not asked for is not made."""
    read = models.from_gguf(model)
    vocab, depth = read.config.vocab, read.config.depth
    prompt = tokens_of(1, PROMPT, vocab)
    long, batch = (
        tokens_of(1, sizes.read, vocab),
        tokens_of(sizes.batch, sizes.length, vocab),
    )
    if side == "ours":
        return {
            "product": lambda: product(read, batch.size),
            "prefill": lambda: prefill(read, long),
            "decode": lambda: decode(read, prompt, steps=sizes.written),
            "kd_step": lambda: kd_step(read, batch, cached=False),
            "kd_step_cached": lambda: kd_step(read, batch, cached=True),
        }
    import torch

    from benchmarks import _pytorch_language as theirs

    torch.set_num_threads(_measure.cores())
    network, layers = (
        theirs.read(pathlib.Path(model)),
        language.spread(depth, depth // 2),
    )
    pair = factors(read.config, batch.size)
    return {
        "product": lambda: theirs.product(*pair),
        "prefill": lambda: theirs.prefill(network, long),
        "decode": lambda: theirs.decode(network, prompt, steps=sizes.written),
        "kd_step": lambda: theirs.kd_step(network, theirs.half(network, layers), batch),
    }


def measure(model: str, sizes: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows of all figures."""
    made = {side: calls(model, sizes, side) for side in SIDES}
    columns = {
        "model": pathlib.Path(model).stem,
        **_measure.where_and_with(_measure.cores()),
    }
    names = {
        "product": "product",
        "prefill": f"prefill_{sizes.read}",
        "decode": "decode",
        "kd_step": "kd_step",
    }
    rows = []
    for key, name in names.items():
        pair = {side: made[side][key]() for side in SIDES}
        if key == "kd_step":
            pair["cached"] = made["ours"]["kd_step_cached"]()
        taken = _measure.in_turns(pair, rounds=sizes.rounds, turns=1)
        rows.append(_measure.speedup(name, taken["ours"], taken["theirs"], **columns))
        if key == "kd_step":
            cached = taken["cached"], taken["ours"]
            rows.append(_measure.speedup("kd_step_cached", *cached, **columns))
    return [*rows, {**_memory(model, sizes), **columns}]


def _memory(model: str, sizes: argparse.Namespace) -> dict[str, Any]:
    """Peaks of two processes that make two steps each."""
    peaks = {}
    for side in SIDES:
        here = ["-m", "benchmarks.language", model, "--peak", side]
        given = [f"--{name}={getattr(sizes, name)}" for name in SIZES]
        line = subprocess.run(
            [sys.executable, *here, *given], capture_output=True, text=True, check=True
        )
        peaks[side] = json.loads(line.stdout.splitlines()[-1])
    ratio = peaks["theirs"] / peaks["ours"]
    return {"name": "kd_step_memory", "ratio": round(ratio, 4), **peaks}


def peak(model: str, sizes: argparse.Namespace, side: str) -> int:
    """The most bytes that this process has had after two steps."""
    step = calls(model, sizes, side)["kd_step"]()
    for _ in range(2):
        jax.block_until_ready(step())
    return peak_memory()


SIZES = {"rounds": 3, "batch": 8, "length": 256, "read": READ, "written": WRITTEN}


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a GGUF file")
    parser.add_argument("--out", help="a file to append the rows to")
    parser.add_argument("--peak", choices=SIDES, help="prints the peak of one side")
    for name, value in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    if given.peak:
        print(peak(given.model, given, given.peak))
    else:
        _measure.write(measure(given.model, given), given.out)


if __name__ == "__main__":
    main()
