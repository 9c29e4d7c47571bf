"""The kinds of networks that folders of Hugging Face hold."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from jdistill.models.formats._families import hf_rows
from jdistill.models.formats._hf_config import read_config, write_config
from jdistill.models.formats._hf_encoder_config import read_encoder, write_encoder
from jdistill.models.formats._hf_encoders import ENCODERS, bias_of, encoder_rows
from jdistill.models.formats._hf_families import FAMILIES
from jdistill.models.formats._hf_sentence import Sentence, write_sentence
from jdistill.models.formats._hf_t5 import T5, read_t5, t5_rows, write_t5
from jdistill.models.formats._rows import Row, Source
from jdistill.models.transformers import (
    DecoderConfig,
    EncoderConfig,
    EncoderDecoderConfig,
    decoder,
    encoder,
    encoder_decoder,
)
from jdistill.typing import Model


class Make(Protocol):
    """The model of a configuration."""

    def __call__(
        self, config: Any, /, *, dtype: str = "float32", remat: str = "none"
    ) -> Model:
        """Of parameters in float32, computed in `dtype`."""
        ...


class Read(Protocol):
    """A configuration, of config.json and the arrays."""

    def __call__(
        self,
        family: str,
        said: Mapping[str, Any],
        source: Source,
        /,
        *,
        head: str | None,
        sentence: Sentence | None,
    ) -> tuple[Any, Source]:
        """It, and the source without what is not read."""
        ...


class Kind(NamedTuple):
    """One kind.

    * `config`: the class of its configurations. `make(config, ...)`: their model.
    * `families`: by name, each with `kind` and `prefixes`.
    * `read(family, said, source, *, head, sentence) -> (config, source)`: from
      config.json and the arrays; the source without what is not read.
    * `write(config)`: what config.json says.
    * `rows(config)`: the table of arrays.
    * `written(config, source)`: the arrays by the names of a file.
    * `beside(config, folder)`: writes what stands beside config.json.
    """

    config: type
    make: Make
    families: Mapping[str, Any]
    read: Read
    write: Callable[[Any], dict[str, Any]]
    rows: Callable[[Any], tuple[Row, ...]]
    written: Callable[[Any, Source], Source] = lambda config, source: source
    beside: Callable[[Any, pathlib.Path], None] = lambda config, folder: None


def _read_decoder(
    name: str, said: Mapping[str, Any], source: Source, *, head: str | None, **_: Any
) -> tuple[DecoderConfig, Source]:
    if head is not None:
        raise ValueError(f"head={head!r} is for encoders, and {name!r} is a decoder")
    config = read_config(name, said, source.names)
    if said.get("tie_word_embeddings") is False:
        return config, source
    return _one_head(config, source)


def _one_head(config: DecoderConfig, source: Source) -> tuple[DecoderConfig, Source]:
    """Leaves out a head that is the embedding once more, as some files hold it."""
    if config.tied:
        return config, source
    by_path = {path: row.name for row in hf_rows(config) for path in row.paths}
    head, embedding = by_path["head/kernel"], by_path["embed/embedding"]
    if source.names.get(head) != source.names.get(embedding):
        return config, source
    if not np.array_equal(source.get(head), source.get(embedding)):
        return config, source
    rest = {name: kind for name, kind in source.names.items() if name != head}
    return dataclasses.replace(config, tied=True), source._replace(names=rest)


def _written(config: EncoderConfig, source: Source) -> Source:
    """A body alone has no prefix; a matrix of its own has its bias twice."""
    family = ENCODERS[config.family]
    prefix = family.prefix if config.head in ("none", "sentence") else ""
    names = {name.removeprefix(prefix): name for name in source.names}
    if config.head == "vocabulary":
        names[family.bias] = bias_of(family, tied=config.tied)
    kinds = {ours: source.names[name] for ours, name in names.items()}
    return Source(kinds, lambda name: source.get(names[name]))


def _beside(config: EncoderConfig, folder: pathlib.Path) -> None:
    if config.head == "sentence":
        write_sentence(config, folder)


KINDS = (
    Kind(DecoderConfig, decoder, FAMILIES, _read_decoder, write_config, hf_rows),
    Kind(
        EncoderConfig,
        encoder,
        ENCODERS,
        read_encoder,
        write_encoder,
        encoder_rows,
        _written,
        _beside,
    ),
    Kind(EncoderDecoderConfig, encoder_decoder, T5, read_t5, write_t5, t5_rows),
)


def kind_of(config: Any) -> Kind:
    """The kind of a configuration.

    Args:
        config: of a network.

    Raises:
        TypeError: it is none that folders hold.
    """
    for kind in KINDS:
        if isinstance(config, kind.config):
            return kind
    names = [kind.config.__name__ for kind in KINDS]
    raise TypeError(f"config must be one of {names}, got {type(config).__name__}")


def kind_named(family: str) -> Kind:
    """The kind of a family that there is.

    Args:
        family: its name.
    """
    return next(kind for kind in KINDS if family in kind.families)
