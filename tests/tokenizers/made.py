"""Small tokenizers for tests."""

import json
import pathlib

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

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


def unigram(size=None):
    """T5's form: whole pieces with scores, and '</s>' behind each text."""
    words = ["\u2581", "\u2581the", "\u2581cat", "s", "a", "t", "\u2581", "c"]
    pieces = ["<pad>", "</s>", "<unk>", *dict.fromkeys(words)]
    extra = [f"<extra_id_{i}>" for i in (1, 0)]
    fill = [f"\u2581{i}" for i in range((size or 0) - len(pieces) - len(extra))]
    scores = [(piece, -float(i)) for i, piece in enumerate([*pieces, *fill, *extra])]
    inner = tokenizers.Tokenizer(models.Unigram(scores, unk_id=2, byte_fallback=False))
    space = dict(replacement="\u2581", prepend_scheme="always")
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(**space)]
    )
    inner.decoder = decoders.Metaspace(**space)
    inner.post_processor = processors.TemplateProcessing(
        single=["$A", "</s>"],
        pair=["$A", "</s>", "$B", "</s>"],
        special_tokens=[("</s>", 1)],
    )
    inner.add_special_tokens(["<pad>", "</s>", "<unk>", *extra])
    return inner
