"""Worlds whose texts a language model wrote, all of them."""

import functools
import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.tools.texts import DATA
from jdistill import language, models
from jdistill.typing import Batch, Frozen, Model, Split, Tokenizer

OWN = 2
"""The part of a seed's draws that students write; 0 and 1 are the teacher's."""


class World(NamedTuple):
    """The teacher, and its texts of a seed: to learn from, and to test on."""

    teacher: models.Pretrained
    train: Split
    test: Split


def read(teacher: Mapping[str, Any]) -> models.Pretrained:
    """The teacher: `file` of llama2.c in the folder of data, or one drawn at random.

    Args:
        teacher: `dict(file=, tokenizer=)`, or the sizes of a `DecoderConfig`.

    Raises:
        ValueError: there is no such file.

    Example:
        >>> sizes = dict(vocab=9, dim=4, depth=1, heads=1, kv_heads=1, head_dim=4,
        ...              mlp_dim=8, max_steps=16)
        >>> read(sizes).config.vocab
        9
    """
    if "file" in teacher:
        root = os.environ.get(DATA)
        if not root:
            raise ValueError(f"set {DATA} to the folder that has {teacher['file']}")
        folder, vocabulary = pathlib.Path(root), teacher.get("tokenizer")
        return models.from_llama2c(
            folder / teacher["file"],
            tokenizer=None if vocabulary is None else folder / vocabulary,
        )
    config = models.DecoderConfig(**teacher)
    model = models.decoder(config)
    params, _ = model.init(jax.random.key(0), {})
    return models.Pretrained(model, Frozen(params), config)


def made(config: Mapping[str, Any], teacher: models.Pretrained, seed: int) -> World:
    """The texts of a seed.

    Args:
        config: with `train_rows` and `test_rows` beside what `wrote` needs.
        teacher: who writes them.
        seed: of what is drawn.
    """
    parts = []
    for number, name in enumerate(("train_rows", "test_rows")):
        one = wrote(*teacher[:2], config, (seed, number), config[name])
        parts.append(split_of(one, teacher.tokenizer))
    return World(teacher, *parts)


def wrote(
    model: Model,
    frozen: Frozen,
    config: Mapping[str, Any],
    place: tuple[int, int],
    rows: int,
) -> dict[str, np.ndarray]:
    """Rows of `context` tokens behind the first, drawn at temperature 1.

    Args:
        model: who writes.
        frozen: its variables.
        config: with `begin`, `context` and `eval_batch`, the rows drawn at once.
        place: seed and part, of which no two have the same draws.
        rows: how many.
    """
    seed, part = place
    key = jax.random.fold_in(jax.random.key(seed), part)
    write = _writing(model, config["context"])
    parts, size = [], min(rows, config["eval_batch"])
    for number in range(-(-rows // size)):
        prompts = {"inputs": np.full((size, 1), config["begin"], np.int32)}
        own = jax.random.fold_in(key, number)
        parts.append(jax.device_get(write(frozen, prompts, key=own)))
    return jax.tree.map(lambda *x: np.concatenate(x)[:rows], *parts)


@functools.lru_cache(maxsize=16)
def _writing(model: Model, steps: int) -> Any:
    def write(frozen: Frozen, prompts: Batch, *, key: Any) -> Batch:
        written = language.generate(model, frozen, prompts, key=key, steps=steps)
        return language.continued(prompts, written)

    return jax.jit(write)


def split_of(arrays: dict[str, np.ndarray], tokenizer: Tokenizer | None) -> Split:
    """Rows of tokens as windows are, each a document of its own.

    Without a tokenizer each token is a byte.
    """
    rows, steps = arrays["inputs"].shape
    one_byte = np.ones(arrays["label"].max() + 1)
    sizes = one_byte if tokenizer is None else tokenizer.num_bytes
    arrays |= {
        "id": np.arange(rows, dtype=np.int32),
        "document": np.repeat(np.arange(rows, dtype=np.int32)[:, None], steps, 1),
        "offset": np.repeat(np.arange(steps, dtype=np.int32)[None], rows, 0),
        "token_bytes": sizes[arrays["label"]].astype(np.float32),
    }

    def take(indices: Any) -> Batch:
        return {name: x[np.asarray(indices)] for name, x in arrays.items()}

    return Split(rows, take, arrays, ())
