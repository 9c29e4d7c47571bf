"""What do losses between transformers gain on docstrings?

Question: a transformer encoder of two narrow layers learns from one of four on the
docstrings of the standard library. Which loss between their states and attention gains
something over labels alone, and over plain KL?
Cost: about forty minutes of one CPU core, nothing to download.
Command: python -m experiments.main --config=configs/transformers.py --workdir=runs/tf
Expected: the table of docs/results.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.pairs import ALONE, HARD, KL, TOKENS, beside, through

FEW = ("minilm",)


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    smoke = is_smoke(arg)
    c = ml_collections.ConfigDict()
    c.experiment = "losses"
    c.seeds = (0,) if smoke else (0, 1, 2, 3, 4)
    c.batch_size = 64
    c.eval_batch = 256
    c.eval_every = c.save_every = 6 if smoke else 300
    c.num_steps = 6 if smoke else 600
    c.tx = dict(name="adam", schedule="cosine", learning_rate=1e-3, clip_norm=1.0)
    steps = 16 if smoke else 64
    prepare = dict(name="bpe", vocab_size=500 if smoke else 2000, max_length=steps)
    c.data = dict(name="stdlib_docs", num_folds=5, prepare=prepare)
    shallow, deep = (1, 1) if smoke else (2, 4)

    def encoder(depth, dim, **more):
        size = dict(depth=depth, dim=dim, heads=4, mlp_dim=2 * dim, dropout=0.1)
        return dict(name="encoder_classifier", **size, **more)

    ours, theirs = taps(shallow - 1), taps(deep - 1)
    wide = encoder(deep, 32 if smoke else 128, taps=tuple(theirs.values()))
    narrow = encoder(shallow, 16 if smoke else 32, taps=tuple(ours.values()))
    c.teacher = dict(model=wide, terms=dict(ce=HARD))
    c.student = dict(model=narrow)
    found = methods(ours, theirs)
    named = {n: m for n, m in found.items() if n in FEW}
    c.methods = named if smoke else {"alone": ALONE, "kl": KL, **found}
    c.against = tuple(n for n in ("alone", "kl") if n in c.methods)
    return c


def taps(last: int) -> dict[str, str]:
    """The embedding and, of the last layer, the output, queries, keys and values."""
    attention = f"EncoderBlock_{last}/attention"
    kinds = {kind: f"{attention}/{kind}" for kind in ("query", "key", "value")}
    return {"first": "embed", "last": f"EncoderBlock_{last}", **kinds}


def methods(ours: dict[str, str], theirs: dict[str, str]) -> dict[str, list[dict]]:
    """Each loss at weight 1 beside the labels, and TinyBERT's together."""

    def between(loss, *kinds, **more):
        student, teacher = (tuple(side[k] for k in kinds) for side in (ours, theirs))
        both = dict(student=student, teacher=teacher)
        return dict(on="features", loss=loss, token_mask=TOKENS, **both, **more)

    def states(loss, kind):
        source = through("linear", ours[kind])
        term = dict(on="features", loss=loss, per="token", student=source)
        return dict(term, teacher=theirs[kind])

    def method(term):
        return beside(**term)

    tinybert = method(between("attention_scores", "query", "key"))
    tinybert[0]["terms"]["hidden"] = states("hidden_state", "last")
    tinybert[0]["terms"]["embedding"] = states("hidden_state", "first")
    relations = between("minilm", "query", "key", "value", relation_heads=4)
    return {
        "attention_scores": method(between("attention_scores", "query", "key")),
        "attention_kl": method(between("attention_kl", "query", "key")),
        "hidden_state": method(states("hidden_state", "last")),
        "cosine": method(states("cosine", "last")),
        "minilm": method(relations),
        "tinybert": tinybert,
    }
