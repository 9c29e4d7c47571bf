"""A network of tokens that anyone could write, and its probabilities in NumPy."""

import jax.numpy as jnp
import numpy as np

from jdistill.typing import Frozen, Model, Outputs

DIM = 6


def bigrams(vocab, seed=0, *, headed=True):
    """A network that knows the token before and the mean of all so far."""
    random = np.random.default_rng(seed)
    params = {
        "embed": random.normal(size=(vocab, DIM)).astype(np.float32),
        "head": 3 * random.normal(size=(DIM, vocab)).astype(np.float32),
    }

    def apply(params, state, batch, *, train=False, key=None):
        rows = params["embed"][batch["inputs"]]
        count = jnp.arange(1, rows.shape[1] + 1)[None, :, None]
        hidden = rows + jnp.cumsum(rows, axis=1) / count
        if headed:
            return Outputs(hidden @ params["head"], hidden=hidden), state
        return Outputs(hidden @ params["head"]), state

    head = (lambda params: params["head"]) if headed else None
    return Model(None, apply, head), Frozen(params)


def log_probs(frozen, ids):
    """Of each next token, `[steps, vocab]` in float64."""
    embed = frozen.params["embed"].astype(np.float64)[np.asarray(ids)]
    hidden = embed + np.cumsum(embed, axis=0) / np.arange(1, len(ids) + 1)[:, None]
    logits = hidden @ frozen.params["head"].astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
