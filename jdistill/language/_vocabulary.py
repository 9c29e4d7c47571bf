"""Networks of fewer tokens."""

import dataclasses
from typing import Any

import numpy as np

from jdistill import kinds
from jdistill.language._depth import Config, check_config
from jdistill.models import EncoderConfig, EncoderDecoderConfig
from jdistill.typing import Tree


def keep_tokens(params: Tree, config: Config, ids: Any) -> tuple[Tree, Any]:
    r"""A network of some of its tokens, numbered anew: decoder, encoder or both in one.

    .. math:: E' = E_{ids}, \quad W' = W_{:, ids}

    The logits of the tokens that stay are the same, so their probabilities are those
    of the whole model given that one of them comes.

    Args:
        params: those of the whole network.
        config: its sizes.
        ids: old ids in the order of the new ones, as `tokenizers.keep` gives them.

    Returns:
        The parameters and the configuration of the smaller network.

    Raises:
        ValueError: an id is not there, stands twice or is of what pads the embedding,
            or that with which texts begin does not stay.
        TypeError: the configuration is of another network.

    Example:
        >>> from jdistill.models import DecoderConfig
        >>> config = DecoderConfig(vocab=9, dim=4, depth=1, heads=1, kv_heads=1,
        ...                        head_dim=4, mlp_dim=8, max_steps=16)
        >>> params = {'embed': {'embedding': np.ones((9, 4))}}
        >>> small, less = keep_tokens(params, config, [0, 2, 7])
        >>> small['embed']['embedding'].shape, less.vocab
        ((3, 4), 3)
    """
    check_config(config)
    kinds.mapping(params=params)
    chosen = _checked(config, ids)
    if "embed" not in params:
        raise ValueError(f"params have no 'embed'; there are {sorted(params)}")
    small = {**params, "embed": {"embedding": params["embed"]["embedding"][chosen]}}
    own: dict[str, Any] = {"vocab": len(chosen), "words": None}
    if isinstance(config, EncoderDecoderConfig):
        own["start"] = _place(chosen, config.start)
    if not isinstance(config, EncoderConfig) or config.head == "vocabulary":
        head = {name: x[..., chosen] for name, x in params.get("head", {}).items()}
        small |= {"head": head} if head else {}
    return small, dataclasses.replace(config, **own)


def _checked(config: Config, ids: Any) -> np.ndarray:
    chosen = np.asarray(ids)
    if chosen.ndim != 1 or not chosen.size or chosen.dtype.kind not in "iu":
        raise ValueError(f"ids must be whole numbers in one row, got {chosen.shape}")
    wrong = chosen[(chosen < 0) | (chosen >= config.vocab)]
    if wrong.size:
        raise ValueError(f"id {wrong[0]} is none of the {config.vocab} of the model")
    values, counts = np.unique(chosen, return_counts=True)
    if counts.max() > 1:
        raise ValueError(f"id {values[counts.argmax()]} stands twice")
    if config.words is not None and chosen.max() >= config.words:
        raise ValueError(
            f"id {chosen.max()} is none of the {config.words} words of the model: what "
            "follows them pads its embedding"
        )
    return chosen


def _place(chosen: np.ndarray, start: int) -> int:
    if start not in chosen:
        raise ValueError(f"id {start}, with which every text begins, must stay")
    return int(np.flatnonzero(chosen == start)[0])
