"""Text that is data: the names of control tokens in it are words like others."""

import functools
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tokenizers


def control_of(inner: tokenizers.Tokenizer) -> frozenset[int]:
    """The ids of tokens that are no text.

    Args:
        inner: an object of the `tokenizers` package.

    Example:
        >>> from tokenizers import models
        >>> control_of(tokenizers.Tokenizer(models.WordLevel({'a': 0}, unk_token='a')))
        frozenset()
    """
    added = inner.get_added_tokens_decoder().items()
    return frozenset(i for i, token in added if token.special)


def cutting(
    inner: tokenizers.Tokenizer, vocab: int
) -> Callable[[Sequence[str], bool], list[Any]]:
    """A function that cuts texts, in which names of control tokens are words or not.

    Args:
        inner: an object of the `tokenizers` package.
        vocab: the number of ids.

    Returns:
        `cut(texts, control) -> encodings`.

    Example:
        >>> from tokenizers import models
        >>> words = tokenizers.Tokenizer(models.WordLevel({'a': 0}, unk_token='a'))
        >>> cutting(words, 1)(['a'], False)[0].ids
        [0]
    """
    reserved = np.zeros(vocab, bool)
    reserved[list(control_of(inner))] = True
    apart = functools.cache(lambda: ordinary(inner))

    def cut(texts: Sequence[str], control: bool) -> list[Any]:
        found = inner.encode_batch_fast(list(texts), add_special_tokens=False)
        if control:
            return found
        # where none was found, nothing would be cut otherwise
        again = [i for i, each in enumerate(found) if reserved[each.ids].any()]
        if again:
            anew = [texts[i] for i in again]
            cuts = apart().encode_batch_fast(anew, add_special_tokens=False)
            for i, each in zip(again, cuts, strict=True):
                found[i] = each
        return found

    return cut


def ordinary(inner: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """The same tokenizer, which finds no control token in a text.

    It is not enough to stop looking for them: a model that knows whole words, as
    WordLevel and Unigram do, would take `</s>` for the word of that id. So the names of
    control tokens become ones that nobody can write; the ids stay.

    Args:
        inner: an object of the `tokenizers` package; it is left as it is.

    Returns:
        Another one, for cutting text only: nothing is put around it.

    Example:
        >>> from tokenizers import AddedToken, models
        >>> words = {'</s>': 0, 'a': 1, '?': 2}
        >>> made = tokenizers.Tokenizer(models.WordLevel(words, unk_token='?'))
        >>> _ = made.add_special_tokens(['</s>'])
        >>> made.encode('</s>').ids, ordinary(made).encode('</s>').ids
        ([0], [2])
    """
    definition = json.loads(inner.to_str())
    added = definition["added_tokens"]
    secret = secrets.token_hex(16)
    names = {
        token["content"]: f"\uffff{secret}{token['id']}"
        for token in added
        if token["special"]
    }
    for token in added:
        token["content"] = names.get(token["content"], token["content"])
    _rename(definition["model"], names)
    definition["post_processor"] = None
    return tokenizers.Tokenizer.from_str(json.dumps(definition))


def _rename(model: dict[str, Any], names: Mapping[str, str]) -> None:
    vocab = model["vocab"]
    if isinstance(vocab, list):  # Unigram's pieces with their scores, by id
        model["vocab"] = [[names.get(x, x), *rest] for x, *rest in vocab]
    else:
        model["vocab"] = {names.get(x, x): number for x, number in vocab.items()}
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    if "merges" in model:
        model["merges"] = [
            pair for pair in model["merges"] if not _joined(pair) & names.keys()
        ]


def _joined(pair: Any) -> set[str]:
    """Two tokens and what they make; the older spelling has a space between them."""
    left, right = pair.split(" ", 1) if isinstance(pair, str) else pair
    return {left, right, left + right}
