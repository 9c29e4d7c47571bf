"""Decoders of fewer tokens."""

import dataclasses
from typing import Any

import numpy as np

from jdistill import kinds
from jdistill.models import DecoderConfig
from jdistill.typing import Tree


def keep_tokens(
    params: Tree, config: DecoderConfig, ids: Any
) -> tuple[Tree, DecoderConfig]:
    r"""A decoder of some of its tokens, numbered anew.

    .. math:: E' = E_{ids}, \quad W' = W_{:, ids}

    The logits of the tokens that stay are the same, so their probabilities are those
    of the whole model given that one of them comes.

    Args:
        params: those of the whole decoder.
        config: its sizes.
        ids: old ids in the order of the new ones, as `tokenizers.keep` gives them.

    Returns:
        The parameters and the configuration of the smaller decoder.

    Raises:
        ValueError: an id is not there or stands twice.

    Example:
        >>> config = DecoderConfig(vocab=9, dim=4, depth=1, heads=1, kv_heads=1,
        ...                        head_dim=4, mlp_dim=8, max_steps=16)
        >>> params = {'embed': {'embedding': np.ones((9, 4))}}
        >>> small, less = keep_tokens(params, config, [0, 2, 7])
        >>> small['embed']['embedding'].shape, less.vocab
        ((3, 4), 3)
    """
    kinds.instance(DecoderConfig, "a DecoderConfig", {"config": config})
    kinds.mapping(params=params)
    chosen = np.asarray(ids)
    if chosen.ndim != 1 or not chosen.size or chosen.dtype.kind not in "iu":
        raise ValueError(f"ids must be whole numbers in one row, got {chosen.shape}")
    wrong = chosen[(chosen < 0) | (chosen >= config.vocab)]
    if wrong.size:
        raise ValueError(f"id {wrong[0]} is none of the {config.vocab} of the model")
    values, counts = np.unique(chosen, return_counts=True)
    if counts.max() > 1:
        raise ValueError(f"id {values[counts.argmax()]} stands twice")
    needed = ("embed",) if config.tied else ("embed", "head")
    if missing := [name for name in needed if name not in params]:
        there = sorted(params)
        raise ValueError(f"params have no {missing[0]!r}; there are {there}")
    small = {**params, "embed": {"embedding": params["embed"]["embedding"][chosen]}}
    if not config.tied:
        small["head"] = {"kernel": params["head"]["kernel"][:, chosen]}
    return small, dataclasses.replace(config, vocab=len(chosen))
