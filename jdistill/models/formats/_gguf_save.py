"""Decoders to GGUF files."""

import math
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from jdistill import kinds as check
from jdistill import tokenizers, tree
from jdistill.checks import one_of
from jdistill.files import replacing
from jdistill.models.formats._gguf import ROPE_FACTORS
from jdistill.models.formats._gguf_config import metadata_of, rope_factors
from jdistill.models.formats._gguf_rows import rows_of
from jdistill.models.formats._gguf_tensors import (
    FLOATS,
    asked_kinds,
    plain,
    tensors_of,
    with_codes,
)
from jdistill.models.formats._gguf_tokenizer import check_tokenizer
from jdistill.models.formats._gguf_write import Planned, write_file
from jdistill.models.formats._pretrained import Pretrained, unpadded
from jdistill.models.formats._rows import write_rows
from jdistill.models.transformers import DecoderConfig
from jdistill.typing import Tokenizer
from jdistill.words import check_path

_FILE_TYPES = {
    "F32": 0,
    "F16": 1,
    "Q4_0": 2,
    "Q4_1": 3,
    "Q8_0": 7,
    "Q5_0": 8,
    "Q5_1": 9,
    "BF16": 32,
    "TQ2_0": 37,
    "MXFP4": 38,
}
_UNUSED = 5
"""Type of a token that stands for a row of the embedding without an id."""


def to_gguf(
    pretrained: Pretrained,
    path: str | os.PathLike[str],
    *,
    encoded: Mapping[str, Any] | None = None,
    floats: str = "F32",
    kinds: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Writes a decoder as a GGUF file, for llama.cpp and all that reads such files.

    Parameters with codes, as `encode` of a compression gives them, become blocks of
    the fewest bytes from which a reader makes the very same numbers: Q8_0, Q4_0, Q4_1,
    Q5_0, Q5_1, TQ2_0 or MXFP4. Nothing is rounded to become a block. Vectors are F32.

    Args:
        pretrained: the network, with the parameters that it computes with.
        path: of the file, which takes the place of an old one when it is whole.
        encoded: encodings by the paths of parameters.
        floats: how matrices without codes are stored, 'F32', 'F16' or 'BF16', the last
            two by rounding.
        kinds: kinds by regular expressions of whole paths, in the place of these.
        metadata: more to say, under 'general.' and 'tokenizer.': such as a chat
            template, or all that `gguf_metadata` found in another file.

    Returns:
        None.

    Raises:
        ValueError: the file could not say what the configuration, the tokenizer or the
            codes are; the message says what would be lost and what would fit.
        TypeError: the network is no decoder.

    References:
        Gerganov et al., GGUF, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.

    Example:
        >>> import pathlib, tempfile
        >>> import jax
        >>> from jdistill import models
        >>> from jdistill.typing import Frozen
        >>> config = models.DecoderConfig(vocab=50, dim=32, depth=1, heads=4,
        ...     kv_heads=2, head_dim=8, mlp_dim=32, max_steps=64)
        >>> model = models.decoder(config)
        >>> variables = Frozen(*model.init(jax.random.key(0), {}))
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'small.gguf'
        >>> models.to_gguf(models.Pretrained(model, variables, config, None), path)
        >>> models.from_gguf(path).config == config
        True
    """
    check.instance(
        Pretrained, "a Pretrained (models.from_hf...)", {"pretrained": pretrained}
    )
    one_of((*FLOATS,), floats=floats)
    check_path(path=path)
    given = {"encoded": encoded, "kinds": kinds, "metadata": metadata}
    check.mapping(**{name: value for name, value in given.items() if value is not None})
    params, config = pretrained.frozen.params, pretrained.config
    if not isinstance(config, DecoderConfig):
        raise TypeError(f"to_gguf writes decoders, got {type(config).__name__}")
    config = unpadded(config, pretrained.tokenizer)
    leaves, rows = tree.flatten(params), rows_of(config)
    shapes = {name: x.shape for name, x in write_rows(rows, params).names.items()}
    said = metadata_of(config, shapes)  # refuses before anything is made
    said |= _tokens(pretrained.tokenizer, config.vocab, metadata or {})
    codes, asked = with_codes(encoded or {}, leaves), asked_kinds(leaves, kinds or {})
    tensors = {}
    if (factors := rope_factors(config)) is not None:
        tensors[ROPE_FACTORS] = plain(
            ROPE_FACTORS, factors.shape, "F32", lambda: factors
        )
    for row in rows:
        tensors |= tensors_of(row, leaves, codes, asked, floats)
    planned = {name: written.planned for name, written in tensors.items()}
    said |= _general(planned, metadata or {})
    with replacing(path) as file:
        data = ((name, written.make()) for name, written in tensors.items())
        write_file(file, said, planned, data)


def _general(planned: Mapping[str, Planned], given: Mapping[str, Any]) -> dict:
    """What is said of the file as a whole; the kind of most of its numbers."""
    numbers: Counter[str] = Counter()
    for tensor in planned.values():
        numbers[tensor.kind.name] += math.prod(tensor.shape)
    own = {
        "general.type": "model",
        "general.file_type": _FILE_TYPES[numbers.most_common(1)[0][0]],
        "general.quantization_version": 2,
    }
    fixed = own.keys() | {"general.architecture", "general.alignment"}
    more = {k: x for k, x in given.items() if k.startswith("general.")}
    return own | {k: x for k, x in more.items() if k not in fixed}


def _tokens(
    tokenizer: Tokenizer | None, rows: int, given: Mapping[str, Any]
) -> dict[str, Any]:
    """What is said of the tokenizer, with a token for each row of the embedding."""
    said = {k: x for k, x in given.items() if k.startswith("tokenizer.")}
    if "tokenizer.ggml.tokens" in said:
        check_tokenizer(said)
        other = tokenizers.from_gguf(said)
        if tokenizer is not None:
            tokenizers.same_vocabulary(other, tokenizer)
            _same_ends(other, tokenizer)
    elif tokenizer is None:
        return {"tokenizer.ggml.model": "none", **said}
    else:
        tokenizers.check_vocabulary(tokenizer, rows)
        said = tokenizers.to_gguf(tokenizer) | said
    return said | _padded(said, rows)


def _same_ends(given: Tokenizer, own: Tokenizer) -> None:
    if given.ends != own.ends:
        raise ValueError(
            f"texts end with {list(given.ends)} in the metadata and with "
            f"{list(own.ends)} in the tokenizer"
        )


def _padded(said: Mapping[str, Any], rows: int) -> dict[str, Any]:
    tokens = list(said["tokenizer.ggml.tokens"])
    more = rows - len(tokens)
    padded: dict[str, Any] = {
        "tokenizer.ggml.tokens": tokens[:rows]
        + [f"[PAD{i}]" for i in range(len(tokens), rows)]
    }
    for name, filler in (("token_type", _UNUSED), ("scores", 0)):
        if (found := said.get(f"tokenizer.ggml.{name}")) is not None:
            tail = np.full(max(more, 0), filler, np.asarray(found).dtype)
            padded[f"tokenizer.ggml.{name}"] = np.concatenate([found[:rows], tail])
    return padded
