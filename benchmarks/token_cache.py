"""What a cache of a teacher's tokens costs: bytes a token, and time of a step.

`python -m benchmarks.token_cache [--depth 6] [--steps 128] [--rounds 5]`. The student
has the widths and the vocabulary of SmolLM2-135M and a fifth of its layers, in float32:
six programs are compiled and timed in a few minutes of two cores. With more layers a
step is longer, and what the cache adds a smaller part of it. Its step with the cached
teacher is timed beside the same step on labels alone, each with logits (`dense`) and
with hidden states and head in chunks (`chunked`); reading the rows is part of the step.
'ratio' of a step is cached over labels, that of bytes is bytes.
"""

import functools
import tempfile
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import _decoder, _measure
from jdistill import data, losses, objective, train
from jdistill.typing import Frozen, Learner, Model, Outputs, Split

VOCAB, WIDE = 49_152, 128_256
WINDOWS, BATCH, TEACHERS = 32, 2, 97
RULES = {"top_k": data.top_k(k=64), "random_sampled": data.random_sampled(draws=50)}


def split_of(count: int, steps: int, vocab: int) -> Split:
    """Windows of random tokens, whose labels are the tokens that follow."""
    tokens = np.random.default_rng(0).integers(0, vocab, (count, steps + 1), np.int32)
    document = np.arange(count, dtype=np.int32)[:, None] + np.zeros(
        (1, steps), np.int32
    )
    whole = {
        "inputs": tokens[:, :-1],
        "label": tokens[:, 1:],
        "document": document,
        "offset": np.arange(steps, dtype=np.int32)[None] + np.zeros_like(document),
    }

    def take(rows) -> dict[str, np.ndarray]:
        ids = np.asarray(rows, np.int32)
        return {**{name: x[ids] for name, x in whole.items()}, "id": ids}

    return Split(count, take, None, ())


def teacher_of(vocab: int) -> tuple[Model, Frozen]:
    """Distributions like those of a language model: a few likely words, a long tail.

    Zipf's law with the exponent 1.7 over words in an order of their own for each of
    some contexts: 50 draws are 13.6 different words.
    """
    random = np.random.default_rng(1)
    ranks = np.stack([random.permutation(vocab) for _ in range(TEACHERS)])
    table = (-1.7 * np.log(1.0 + ranks)).astype(np.float32)

    def apply(params, state, batch, *, train=False, key=None):
        del train, key
        return Outputs(params[batch["inputs"] % TEACHERS]), state

    return Model(lambda key, batch: ((), {}), apply), Frozen(table)


def student_of(depth: int, vocab: int) -> Model:
    """SmolLM2-135M's widths in float32, with its hidden states and an untied head."""
    form = _decoder.Form(depth, 576, 9, 3, 1536, vocab)

    def first(key, batch):
        del batch
        params = _decoder.init(form=form, dtype=jnp.float32)
        leaves, tree = jax.tree.flatten(params)
        keys = jax.random.split(key, len(leaves))
        made = [
            0.02 * jax.random.normal(k, x.shape)
            for k, x in zip(keys, leaves, strict=True)
        ]
        return jax.tree.unflatten(tree, made), {}

    def apply(params, state, batch, *, train=False, key=None):
        del train, key
        hidden = _decoder.hidden(params, batch["inputs"], form=form)
        return Outputs(hidden @ params["head"], hidden=hidden), state

    return Model(first, apply, lambda params: params["head"])


def terms() -> dict[str, Any]:
    """The terms to time: on labels alone and on the cache, in both forms."""
    return {
        "dense labels": objective.on_labels(losses.cross_entropy),
        "dense cached": objective.on_sparse(losses.sparse_kl),
        "chunked labels": objective.on_vocabulary(losses.cross_entropy),
        "chunked cached": objective.on_vocabulary(losses.sparse_kl),
    }


def stepping(learner: Learner, split: Split):
    """A step with its batch read from the split, and the state that it goes on from."""
    at, step = iter(range(10**9)), jax.jit(learner.step, donate_argnums=0)
    batch = jax.tree.map(jnp.asarray, split.take(np.arange(BATCH)))
    held = [jax.jit(learner.init)(jax.random.key(0), batch)]

    def call():
        first = next(at) * BATCH % (split.size - BATCH + 1)
        held[0], sums = step(held[0], split.take(np.arange(first, first + BATCH)))
        return sums

    return call


def cached(folder: str, name: str, steps: int, vocab: int):
    """Windows with what a cache has of the teacher, and the cache."""
    split, (model, frozen) = split_of(WINDOWS, steps, vocab), teacher_of(vocab)
    rule, words = RULES[name], "none"
    data.cache_tokens(
        folder, split, model, frozen, targets=rule, tokenizer=words, bos=words
    )
    cache = data.open_tokens(folder)
    joined = data.cached_tokens(
        split, cache, variables=frozen, tokenizer=words, bos=words
    )
    return joined, cache


def measure(
    folder: str, *, depth: int, steps: int, rounds: int, vocab: int = VOCAB
) -> list[dict]:
    """Rows of bytes, of reading and of steps."""
    student, split = student_of(depth, vocab), split_of(WINDOWS, steps, vocab)
    columns = {"depth": depth, "steps": steps, "vocab": vocab}
    columns |= _measure.where_and_with(_measure.cores())
    splits, rows = {"labels": split}, []
    for name in RULES:
        splits[name], _ = cached(f"{folder}/{name}", name, steps, vocab)
        rows.append(_bytes(f"{folder}/wide {name}", name, columns | {"vocab": WIDE}))
    for form in ("dense", "chunked"):
        calls = {}
        for kind, own in splits.items():
            word = "labels" if kind == "labels" else "cached"
            goal = objective.combine(only=terms()[f"{form} {word}"])
            calls[kind] = stepping(train.learner(student, goal, optax.sgd(1e-3)), own)
        taken = _measure.in_turns(calls, rounds=rounds, turns=1)
        rows += [
            _measure.cost(
                f"cached_step_{form}_{k}", taken[k], taken["labels"], **columns
            )
            for k in RULES
        ]
    return rows


def _bytes(folder: str, name: str, columns: dict[str, Any]) -> dict[str, Any]:
    """A token's bytes in files, headers and keys included, and the time to read one."""
    split, cache = cached(folder, name, columns["steps"], columns["vocab"])
    found = split.take(np.arange(BATCH))["outputs"]["teacher"].sparse
    read = {"read": functools.partial(split.take, np.arange(BATCH))}
    taken = _measure.in_turns(read, rounds=5, turns=1)["read"]
    return {
        "name": f"cache_bytes_{name}",
        "ratio": round(cache.num_bytes / cache.size, 1),
        "classes": round(float((found.ids >= 0).sum(-1).mean()), 1),
        "read_us": round(1e6 * min(x.wall for x in taken) / found.ids[..., 0].size, 2),
        "tokens": cache.size,
        "bits": cache.about["form"]["bits"],
        **columns,
    }


if __name__ == "__main__":
    given = _measure.arguments(depth=6, steps=128, rounds=5, vocab=VOCAB)
    sizes = {"depth": given.depth, "steps": given.steps, "vocab": given.vocab}
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(folder, rounds=given.rounds, **sizes)
    _measure.write(rows, given.out)
