"""A tokenizer of fewer tokens that still writes every text."""

import itertools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jdistill.tokenizers._tokenizer import from_json
from jdistill.typing import Tokenizer


class Kept(NamedTuple):
    """A smaller vocabulary.

    * `tokenizer`: of the kept tokens, numbered anew.
    * `ids`: `[kept]`, the old id of each new one, in rising order: the rows of an
      embedding that stay.
    """

    tokenizer: Tokenizer
    ids: np.ndarray


def keep(tokenizer: Tokenizer, ids: Any) -> Kept:
    """The tokenizer of some ids, of all that they are joined from, and of each byte.

    Besides `ids` these stay: what a kept token is joined from, pair by pair; every
    token that no pair makes, such as bytes and characters; control and special tokens,
    and those that end a text. So a text whose tokens are all among `ids` is cut as
    before, and any other is cut into more and shorter tokens, down to bytes: nothing is
    lost or unknown.

    Args:
        tokenizer: one that joins pairs (a byte-pair encoding).
        ids: those to keep, such as the ids of a text.

    Returns:
        `Kept(tokenizer, ids)`.

    Raises:
        ValueError: the tokenizer joins no pairs, or there is no such id.

    Example:
        >>> from jdistill.tokenizers import from_gguf
        >>> made = from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2',
        ...     'tokenizer.ggml.merges': ['a b', 'ab a'],
        ...     'tokenizer.ggml.tokens': ['a', 'b', 'ab', 'aba']})
        >>> small = keep(made, [2])
        >>> small.ids, small.tokenizer.encode('aba')
        (array([0, 1, 2]), array([2, 0], dtype=int32))
    """
    definition = json.loads(tokenizer.definition())
    model = definition["model"]
    if model.get("type") != "BPE":
        raise ValueError(
            f"a {model.get('type')} tokenizer joins no pairs and cannot be cut down; "
            "only BPE can"
        )
    wanted = np.unique(np.asarray(ids, np.int64))
    if wanted.size and not 0 <= wanted[0] <= wanted[-1] < tokenizer.vocab:
        wrong = wanted[0] if wanted[0] < 0 else wanted[-1]
        raise ValueError(f"id {wrong} is none of the {tokenizer.vocab} ids")
    merges = [_pair(merge) for merge in model["merges"]]
    names = {number: token for token, number in model["vocab"].items()}
    stays = _always(tokenizer, definition, merges)
    stays |= {names[i] for i in wanted.tolist() if i in names}
    _add_parts(stays, merges)
    added = {token["id"] for token in definition.get("added_tokens", [])}
    numbers = {number for token, number in model["vocab"].items() if token in stays}
    old = np.array(sorted(numbers | added), np.int64)
    new = {int(number): i for i, number in enumerate(old)}
    _renumber(definition, stays, merges, new)
    special: dict[str, Any] = {
        role: new[number] for role, number in tokenizer.special.items()
    }
    made = from_json(
        json.dumps(definition),
        special={"bos": None, **special},
        begins=tokenizer.begins,
        ends=[new[number] for number in tokenizer.ends],
    )
    return Kept(made, old)


def _pair(merge: Any) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _always(tokenizer: Tokenizer, definition: Mapping[str, Any], merges) -> set[str]:
    """Tokens that no pair makes (bytes, characters), and those with a role."""
    made = {left + right for left, right in merges}
    vocab = definition["model"]["vocab"]
    roles = {*tokenizer.special.values(), *tokenizer.control, *tokenizer.ends}
    return {t for t, number in vocab.items() if t not in made or number in roles}


def _add_parts(stays: set[str], merges: list[tuple[str, str]]) -> None:
    """Adds what each token is joined from, and what that is joined from."""
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    pairs: dict[str, list[tuple[str, str]]] = {}
    for left, right in merges:
        pairs.setdefault(left + right, []).append((left, right))
    waiting = list(stays)
    while waiting:
        token = waiting.pop()
        ways = pairs.get(token, [])
        parts = ways[0] if len(ways) == 1 else _last_pair(token, ranks) if ways else ()
        new = set(parts) - stays
        stays |= new
        waiting += new


def _last_pair(token: str, ranks: Mapping[tuple[str, str], int]) -> tuple[str, ...]:
    """The last two parts of a token that pairs can make in several ways.

    What joins inside a token does not depend on the text around it, so it is as if the
    token stood alone.
    """
    parts = list(token)
    while len(parts) > 2:
        pairs = list(itertools.pairwise(parts))
        known = [ranks.get(pair, len(ranks)) for pair in pairs]
        at = int(np.argmin(known))
        if known[at] == len(ranks):  # it is never made by joining
            break
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return tuple(parts)


def _renumber(definition, stays: set[str], merges, new: Mapping[int, int]) -> None:
    model = definition["model"]
    model["vocab"] = {
        token: new[number] for token, number in model["vocab"].items() if number in new
    }
    model["merges"] = [
        [left, right] for left, right in merges if {left, right, left + right} <= stays
    ]
    for token in definition.get("added_tokens", []):
        token["id"] = new[token["id"]]
    processor = definition.get("post_processor") or {}
    for part in processor.get("processors", [processor]):
        for token in part.get("special_tokens", {}).values():
            token["ids"] = [new[number] for number in token["ids"]]
        for name in ("cls", "sep"):
            if name in part:
                part[name] = [part[name][0], new[part[name][1]]]
