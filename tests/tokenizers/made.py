"""Small tokenizers for tests."""

import json
import pathlib

import tokenizers
from tokenizers import models, pre_tokenizers, trainers

GOLDEN = json.loads(
    (pathlib.Path(__file__).parent / "golden" / "sentencepiece.json").read_text()
)
TEXTS = GOLDEN["texts"]


def byte_pairs(text="the cat sat on the mat; the cats sat on the mats " * 4, size=280):
    """A byte-level tokenizer of the package, trained on a text."""
    inner = tokenizers.Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=["<|end|>", "<|start|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([text], trainer)
    return inner


def gguf(inner=None, **facts):
    """The metadata of a GGUF file with a byte-level tokenizer's tokens and merges."""
    model = json.loads((inner or byte_pairs()).to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    found = {
        "model": "gpt2",
        "pre": "gpt-2",
        "tokens": tokens,
        "merges": [" ".join(pair) for pair in model["merges"]],
        "token_type": [3 if token.startswith("<|") else 1 for token in tokens],
        "eos_token_id": 0,
        "bos_token_id": 1,
        **facts,
    }
    return {f"tokenizer.ggml.{k}": v for k, v in found.items() if v is not None}


def scored(name="plain", **facts):
    """The metadata of a GGUF file with the golden SentencePiece model."""
    more = {f"tokenizer.ggml.{key}": value for key, value in facts.items()}
    return {**GOLDEN["models"][name]["metadata"], **more}
