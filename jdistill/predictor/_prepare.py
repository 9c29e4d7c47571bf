"""How examples become inputs, as a file says it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jdistill import data, language, tokenizers
from jdistill.build import build
from jdistill.predictor._examples import Texts
from jdistill.predictor._network import line, named
from jdistill.typing import Tokenizer

ENCODED = "encoded"
"""The preparation whose tokenizer stands in the file itself."""
PREPARATIONS = (ENCODED, "hashed_ngrams", "scale")
"""The preparations that a file may name: they read nothing but their examples."""
MAX_LENGTH = 1 << 16
"""The most steps that a preparation may make of a text."""
MAX_GRAM = 64
"""The longest n-gram, and how many lengths of them there may be."""


class Read(NamedTuple):
    """What makes a batch of texts, the tokenizer, and whether pixels are scaled."""

    texts: Texts | None = None
    tokenizer: Tokenizer | None = None
    scaled: bool = False


def reading(says: Mapping[str, Any], spec: Mapping[str, Any]) -> Read:
    """How examples become inputs, from a description that is not believed.

    Args:
        says: the description.
        spec: the network that was made of it, empty for one's own.

    Returns:
        `Read`, of nothing where it says nothing.

    Raises:
        ValueError: what it names is not in the list, or has other sizes than its model.

    Example:
        >>> reading({'prepare': {'name': 'hashed_ngrams'}}, {}).texts is None
        False
    """
    if "tokenizer" not in says:
        return _preparation(says.get("prepare"), _rows(spec))
    tokenizer = tokenizers.from_description(says["tokenizer"])
    if spec:
        config = spec.get("config", {})
        tokenizers.check_vocabulary(tokenizer, config.get("vocab", 0))
    if spec.get("name") == "encoder":
        return Read(_framed(tokenizer, spec["config"]), tokenizer)
    start = config_start(spec)
    return Read(
        lambda texts: language.prompts(tokenizer, texts, start=start), tokenizer
    )


def config_start(spec: Mapping[str, Any]) -> int | None:
    """The id that texts begin with, of a network that reads a source.

    Args:
        spec: the network that was made of a description, empty for one's own.

    Example:
        >>> config_start({'name': 'decoder', 'config': {}}) is None
        True
    """
    if spec.get("name") != "encoder_decoder":
        return None
    return spec["config"].get("start", 0)


def _framed(tokenizer: Tokenizer, config: Mapping[str, Any]) -> Texts:
    """Texts between the tokens that the vocabulary puts around them."""
    asks = config.get("head") == "vocabulary"  # what stands at '[MASK]'

    def texts(several):
        longest = max(len(tokenizer.frame(x, control=asks)[0]) for x in several)
        steps = min(longest, config["max_steps"])
        return tokenizers.framed(tokenizer, several, steps=steps, control=asks)

    return texts


def _rows(spec: Mapping[str, Any]) -> int | None:
    """How many ids a network takes; None of one that takes any, modulo its buckets."""
    return spec.get("vocab")


def _preparation(spec: Any, rows: int | None) -> Read:
    if spec is None:
        return Read()
    if spec == {"name": "scale"}:
        return Read(scaled=True)
    if isinstance(spec, dict) and spec.get("name") == "bpe":
        raise ValueError(
            "'bpe' was learned on texts that are not in it: jd.describe(model, "
            "data=...) of the data set itself keeps what was learned"
        )
    name = named(spec, "preparation", PREPARATIONS)
    made = (_encoded if name == ENCODED else _grams)(spec)
    if rows is not None and made.info["vocab"] > rows:
        raise ValueError(
            f"its preparation has {made.info['vocab']} ids, and its model {rows}"
        )
    return Read(made.prepare)


def _encoded(spec: Mapping[str, Any]) -> data.Tokens:
    steps = spec.get("max_length")
    if set(spec) != {"name", "max_length", "tokenizer"} or not (
        type(steps) is int and 1 <= steps <= MAX_LENGTH
    ):
        raise ValueError(
            f"its preparation {ENCODED!r} needs a tokenizer and a max_length, a whole "
            f"number from 1 to {MAX_LENGTH}"
        )
    tokenizer = tokenizers.from_description(spec["tokenizer"])
    return data.encoded(tokenizer, max_length=steps)(())


def _grams(spec: Mapping[str, Any]) -> data.Tokens:
    limits = {"num_buckets": 2**31, "max_length": MAX_LENGTH}
    for key, value in spec.items():
        several = [value] if key in limits else value
        most = limits.get(key, MAX_GRAM)
        lists = isinstance(several, list) and len(several) <= MAX_GRAM
        if key != "name" and not (
            lists and all(type(x) is int and x <= most for x in several)
        ):
            raise ValueError(
                f"its preparation has {key}={str(value)[:40]}: whole numbers, at most "
                f"{most}"
            )
    try:
        return build(data, spec)(())
    except TypeError as error:
        raise ValueError(
            f"its preparation {spec['name']!r} cannot be made: {line(error)}"
        ) from error
