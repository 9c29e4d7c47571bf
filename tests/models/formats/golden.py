"""Folders that `make_goldens` wrote, each read once."""

import dataclasses
import functools
import json
import pathlib
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from jdistill import tokenizers
from jdistill.models import Pretrained, from_hf, to_hf

ROOT = pathlib.Path(__file__).parent / "goldens"
NAMES = sorted(path.name for path in ROOT.iterdir())


class Golden(NamedTuple):
    pretrained: Pretrained
    tokens: Any
    logits: Any


@functools.cache
def golden(name):
    """A network with tokens and the logits that transformers computed."""
    stored = np.load(ROOT / name / "golden.npz")
    return Golden(from_hf(ROOT / name), stored["tokens"], stored["logits"])


def letters(size):
    """A tokenizer of so many ids."""
    return tokenizers.from_gguf(
        {
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": "gpt-2",
            "tokenizer.ggml.tokens": [chr(ord("!") + i) for i in range(size)],
            "tokenizer.ggml.token_type": [3] + [1] * (size - 1),
            "tokenizer.ggml.merges": [],
            "tokenizer.ggml.eos_token_id": 0,
        }
    )


def logits_of(pretrained, **batch):
    run = jax.jit(lambda params, batch: pretrained.model.apply(params, {}, batch)[0])
    return np.asarray(run(pretrained.frozen.params, batch).logits)


def assert_not_written(read, change, message, folder):
    """A configuration that a folder cannot say leaves nothing behind."""
    other = read._replace(config=dataclasses.replace(read.config, **change))
    with pytest.raises(ValueError, match=message):
        to_hf(other, folder / "out")
    assert not list(folder.iterdir())


def said(name):
    return json.loads((ROOT / name / "config.json").read_text())
