"""The world of stories that a small language model writes."""

import ml_collections

SMALL = dict(dim=40, depth=2, heads=5, kv_heads=1, head_dim=8, mlp_dim=96)
TINY = dict(dim=8, depth=1, heads=1, kv_heads=1, head_dim=8, mlp_dim=8)


def stories(smoke: bool) -> ml_collections.ConfigDict:
    """What experiments with stories260K share; with `smoke` a teacher at random.

    Example:
        >>> stories(True).num_steps
        3
    """
    c = ml_collections.ConfigDict()
    c.experiment = "closed_world"
    c.name = "stories260K"
    c.teacher = dict(
        file="weights/stories260K/stories260K.bin",
        tokenizer="weights/stories260K/tok512.bin",
    )
    c.begin = 1
    c.context = 32
    c.train_rows, c.test_rows = 8_192, 512
    c.batch_size, c.eval_batch = 32, 256
    c.num_steps = 400
    c.tx = dict(name="adam", schedule="cosine", learning_rate=3e-3, warmup=40)
    c.students = {"51k": SMALL}
    labels = dict(ce=dict(on="labels", loss="cross_entropy"))
    c.first = dict(terms=labels, num_steps=2 if smoke else 200)
    if smoke:
        c.name, c.teacher = "random", TINY | dict(vocab=30, max_steps=32)
        c.context, c.num_steps, c.tx.warmup = 8, 3, 1
        c.train_rows, c.test_rows, c.batch_size, c.eval_batch = 16, 8, 4, 8
        c.students = dict(tiny=TINY)
    c.tx.clip_norm = 1.0
    return c
