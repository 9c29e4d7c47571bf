"""Prompts and what was written after them, as rows to learn from."""

from typing import Any

import jax.numpy as jnp

from jdistill import kinds
from jdistill.language._generate import Generated
from jdistill.typing import SOURCE, Array, Batch


def continued(prompts: Batch, written: Generated) -> Batch:
    """Rows of a prompt and its continuation, each token with the one after it.

    Args:
        prompts: `inputs` `[batch, prompt]`, and `token_mask` where they are of
            different lengths.
        written: what `generate` wrote after them.

    Returns:
        `inputs`, `label`, `token_mask` and `label_mask` `[batch, prompt + steps - 1]`;
        both masks are 1 where a token has one after it. `source` and `source_mask` of
        the prompts stay beside them.

    Example:
        >>> prompts = {'inputs': jnp.array([[5, 6], [7, 0]]),
        ...            'token_mask': jnp.array([[1, 1], [1, 0]])}
        >>> written = Generated(jnp.array([[1, 2], [3, 0]]), jnp.array([2, 1]),
        ...                     jnp.zeros((2, 2)))
        >>> batch = continued(prompts, written)
        >>> batch['inputs'], batch['label']
        (Array([[5, 6, 1],
               [7, 3, 0]], dtype=int32), Array([[6, 1, 2],
               [3, 0, 0]], dtype=int32))
        >>> batch['token_mask']
        Array([[1., 1., 1.],
               [1., 0., 0.]], dtype=float32)
    """
    kinds.batch(prompts=prompts)
    kinds.instance(Generated, "what generate wrote", {"written": written})
    if "inputs" not in prompts:
        raise ValueError(f"prompts has no 'inputs'; there are {sorted(prompts)}")
    tokens = jnp.asarray(prompts["inputs"], jnp.int32)
    count = _lengths(prompts, tokens)
    width = tokens.shape[1] + written.tokens.shape[1]
    rows, offset = jnp.arange(tokens.shape[0])[:, None], jnp.arange(width)[None]
    real = offset[:, : tokens.shape[1]] < count[:, None]
    text = jnp.pad(jnp.where(real, tokens, 0), ((0, 0), (0, width - tokens.shape[1])))
    order = offset[:, : written.tokens.shape[1]]
    inside = order < written.lengths[:, None]
    places = jnp.where(inside, count[:, None] + order, width)
    text = text.at[rows, places].set(written.tokens, mode="drop")
    followed = offset[:, 1:] < (count + written.lengths)[:, None]
    mask = followed.astype(jnp.float32)
    return {
        **{name: prompts[name] for name in SOURCE if name in prompts},
        "inputs": text[:, :-1],
        "label": text[:, 1:],
        "token_mask": mask,
        "label_mask": mask,
    }


def _lengths(prompts: Batch, tokens: Array) -> Any:
    mask = prompts.get("token_mask")
    if mask is None:
        return jnp.full(tokens.shape[:1], tokens.shape[1])
    return (jnp.asarray(mask) > 0).sum(1)
