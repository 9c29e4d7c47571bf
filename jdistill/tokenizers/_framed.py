"""Texts side by side as an encoder reads them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jdistill.typing import Batch, Tokenizer


def framed(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    steps: int,
    pairs: Sequence[str] | None = None,
    control: bool = False,
) -> Batch:
    """A batch of texts, each between the tokens that the vocabulary puts around it.

    Args:
        tokenizer: of the network.
        texts: one a row.
        steps: tokens of a row; of longer texts the end is cut, shorter ones are padded.
        pairs: a second text for each row, such as the answer to a question.
        control: whether the name of a control token in a text, such as '[MASK]', is
            that token.

    Returns:
        `inputs`, `token_mask` and `token_type`, each `[batch, steps]`.

    Raises:
        ValueError: there are more or fewer pairs than texts, or no room for a text.

    References:
        Devlin et al., BERT, arXiv:1810.04805.

    Example:
        >>> import json
        >>> from jdistill.tokenizers import from_json
        >>> words = {'model': {'type': 'WordLevel', 'vocab': {'a': 0, '?': 1},
        ...                    'unk_token': '?'},
        ...          'pre_tokenizer': {'type': 'Whitespace'}, 'version': '1.0'}
        >>> framed(from_json(json.dumps(words)), ['a b'], steps=3)['token_mask']
        array([[1., 1., 0.]], dtype=float32)
    """
    if pairs is not None and len(pairs) != len(texts):
        raise ValueError(f"{len(texts)} texts and {len(pairs)} pairs: one for each")
    shape = len(texts), steps
    inputs = np.full(shape, tokenizer.special.get("pad", 0), np.int32)
    types, mask = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    for i, text in enumerate(texts):
        pair = None if pairs is None else pairs[i]
        ids, kinds = tokenizer.frame(text, pair, steps=steps, control=control)
        inputs[i, : len(ids)], types[i, : len(ids)] = ids, kinds
        mask[i, : len(ids)] = 1
    return {"inputs": inputs, "token_mask": mask, "token_type": types}


def between(inner: Any, parts: Sequence[Any], steps: Any) -> tuple[Any, Any]:
    """Ids and token types of a text or two as the file's own template frames them.

    Args:
        inner: an object of the `tokenizers` package.
        parts: one text or two, cut by it.
        steps: the most tokens, None for no end; the longer text is cut first.

    Raises:
        ValueError: there is no room for a text.

    Example:
        >>> import tokenizers
        >>> words = tokenizers.models.WordLevel({'a': 0}, unk_token='a')
        >>> made = tokenizers.Tokenizer(words)
        >>> between(made, [made.encode('a')], None)[0].tolist()
        [0]
    """
    if steps is not None:
        room = steps - inner.num_special_tokens_to_add(len(parts) > 1)
        if room < 0:
            raise ValueError(
                f"steps={steps} leaves no room between the tokens around a text"
            )
        for part, size in zip(
            parts, _shares([len(x) for x in parts], room), strict=True
        ):
            part.truncate(size)
    whole = inner.post_process(*parts, add_special_tokens=True)
    return np.array(whole.ids, np.int32), np.array(whole.type_ids, np.int32)


def _shares(sizes: Sequence[int], room: int) -> list[int]:
    """How much of each of one or two texts fits; the longer one is cut first."""
    if len(sizes) == 1:
        return [min(sizes[0], room)]
    small = min(*sizes, room // 2)
    large = min(max(sizes), room - small)
    return [small, large] if sizes[0] <= sizes[1] else [large, small]
