"""GGUF files of llama.cpp's converter are read, and come back when written."""

import pathlib

import jax
import numpy as np
import pytest

from jdistill import tree
from jdistill.models import from_gguf, to_gguf

ROOT = pathlib.Path(__file__).parent / "gguf"
NAMES = sorted(path.stem for path in ROOT.glob("*.gguf"))
PLAIN = [name for name in NAMES if name != "llama_q8"]


def logits_of(pretrained, tokens):
    run = jax.jit(lambda params, batch: pretrained.model.apply(params, {}, batch)[0])
    return np.asarray(run(pretrained.frozen.params, {"inputs": tokens}).logits)


def same(one, two):
    one, two = (tree.flatten(x.frozen.params) for x in (one, two))
    assert one.keys() == two.keys()
    for path, x in one.items():
        np.testing.assert_array_equal(x, two[path], err_msg=path)


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_those_of_transformers(name):
    if name == "llama_q8":
        pytest.importorskip("gguf")
    stored = np.load(ROOT / f"{name}.npz")
    found = logits_of(from_gguf(ROOT / f"{name}.gguf"), stored["tokens"])
    np.testing.assert_allclose(found, stored["logits"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_written_comes_back_bit_for_bit(name, tmp_path):
    read = from_gguf(ROOT / f"{name}.gguf")
    to_gguf(read, tmp_path / "a")
    again = from_gguf(tmp_path / "a")
    assert again.config == read.config
    same(again, read)
