"""What each step of making a language model smaller costs, on a text of one's own.

A row for each stage: bits per byte, perplexity, the divergence from the first model of
the same vocabulary, parameters, bytes, and how it writes on after `config.prompt`.
"""

import importlib.util
import pathlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

import jdistill as jd
from experiments.plan import at
from experiments.texts import Text, text
from jdistill import compress, data, language, models, ops, tokenizers, tree
from jdistill.build import build
from jdistill.typing import Compression, Frozen

KEYS = ("keep_layers", "keep_tokens", "compression", "pack", "export")
"""What a stage does: one of these, or nothing."""


class Now(NamedTuple):
    """The network between two stages.

    * `pretrained`: with the parameters that it computes with.
    * `encoded`: the forms of what was compressed, None before that.
    * `realised`, `bytes`: how its figures come about, and what it takes.
    """

    pretrained: models.Pretrained
    encoded: Mapping[str, Any] | None
    realised: str
    bytes: int


def run(config: Any, workdir: pathlib.Path) -> Iterator[dict[str, Any]]:
    """Yields a row for each stage of the configuration, and for each of its texts."""
    config = config.to_dict() if hasattr(config, "to_dict") else dict(config)
    with at("config.texts"):
        texts = [
            text(name, characters=config["characters"]) for name in config["texts"]
        ]
    with at("config.stages"):
        _check(config["stages"])
    _say(f"reads {config['model']}")
    with at("config.model"):
        source = read(config["model"])
    now = Now(source, None, "dense", tree.num_bytes(source.frozen.params))
    first: dict[str, models.Pretrained] = {}
    for stage in config["stages"]:
        _say(f"{stage['stage']}: made, scored, and asked to write")
        now = changed(now, stage, texts[0], pathlib.Path(workdir))
        one = now.pretrained
        against = first.setdefault(one.tokenizer.fingerprint, one)
        place = {
            "model": config["model"],
            "stage": stage["stage"],
            "realised": now.realised,
            "bytes": now.bytes,
            "parameters": tree.count(one.frozen.params),
            "writes": _writes(one, config),
        }
        for place["text"], found in _figures(one, against, texts, config):
            yield {**place, **found}


IDENTITY = ("model", "text")


def read(name: str) -> models.Pretrained:
    """A pretrained network: a folder of Hugging Face, a GGUF file, or `package:file`.

    Args:
        name: a path, or the name of an installed package and, after a colon, a pattern
            of the file in it.

    Raises:
        ValueError: there is no such package or file.

    Example:
        >>> read('no_such_package:*.gguf')
        Traceback (most recent call last):
        ValueError: the package 'no_such_package' is not installed
    """
    path = pathlib.Path(name)
    if re.fullmatch(r"\w+:.+", name):
        package, pattern = name.split(":")
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise ValueError(f"the package {package!r} is not installed")
        folder = pathlib.Path(next(iter(spec.submodule_search_locations)))
        found = sorted(folder.rglob(pattern))
        if not found:
            raise ValueError(f"the package {package!r} has no file {pattern}")
        path = found[0]
    return models.from_gguf(path) if path.suffix == ".gguf" else models.from_hf(path)


def changed(now: Now, stage: Mapping[str, Any], of: Text, folder: pathlib.Path) -> Now:
    """The network after a stage.

    Args:
        now: before it.
        stage: of the configuration.
        of: the text that chooses the tokens to keep.
        folder: where files are written.
    """
    for key in KEYS:
        if key in stage:
            return CHANGES[key](now, stage[key], of, folder)
    return now


def _layers(now: Now, layers: Any, of: Text, folder: pathlib.Path) -> Now:
    del of, folder
    one = now.pretrained
    if isinstance(layers, int):
        layers = language.spread(one.config.depth, layers)
    return _dense(one, *language.keep_layers(one.frozen.params, one.config, layers))


def _tokens(now: Now, how: Mapping[str, int], of: Text, folder: pathlib.Path) -> Now:
    """Keeps the ids that the text has, or `most` of them, and the `first` of all ids.

    Ids of byte pairs rise as pairs become rarer in what the tokenizer was made of.
    """
    del folder
    one = now.pretrained
    found = np.concatenate(one.tokenizer.encode_many(of.train))
    counts = np.bincount(found, minlength=one.tokenizer.vocab)
    order = np.argsort(-counts, kind="stable")[: how.get("most")]
    ids = np.union1d(order[counts[order] > 0], np.arange(how.get("first", 0)))
    kept = tokenizers.keep(one.tokenizer, ids)
    params, config = language.keep_tokens(one.frozen.params, one.config, kept.ids)
    return _dense(one._replace(tokenizer=kept.tokenizer), params, config)


def _dense(one: models.Pretrained, params, config) -> Now:
    model = models.decoder(config)
    one = one._replace(model=model, frozen=Frozen(params), config=config)
    return Now(one, None, "dense", tree.num_bytes(params))


def _compressed(now: Now, specs: Any, of: Text, folder: pathlib.Path) -> Now:
    """Codes in place of numbers; nothing is trained."""
    del of, folder
    one = now.pretrained
    chain: Compression = compress.chain(*(build(compress, spec) for spec in specs))
    uses = ops.uses(
        lambda params, batch: one.model.apply(params, {}, batch)[0].logits,
        one.frozen.params,
        {"inputs": np.zeros((1, 8), np.int32)},
    )
    learned, state = chain.init(one.frozen.params, products=uses)
    reached = one.frozen.params, learned, state
    one = one._replace(frozen=Frozen(chain.apply(*reached)))
    return Now(one, chain.encode(*reached), "masked", now.bytes)


def _packed(now: Now, name: str, of: Text, folder: pathlib.Path) -> Now:
    """Written as one file, and read back from it."""
    del of
    one, path = now.pretrained, folder / name
    about = language.describe(one.config, one.tokenizer)
    size = jd.pack(path, now.encoded or _plain(one), description=about)
    found = jd.load(path)
    back = one._replace(frozen=found.frozen, model=found.model)
    return now._replace(
        pretrained=back._replace(tokenizer=found.tokenizer),
        realised="packed",
        bytes=size,
    )


def _exported(now: Now, name: str, of: Text, folder: pathlib.Path) -> Now:
    """Written as a GGUF file, and read back from it."""
    del of
    path = folder / name
    models.to_gguf(path, now.pretrained, encoded=now.encoded, floats="F16")
    found = models.from_gguf(path)
    return Now(found, now.encoded, "packed", path.stat().st_size)


def _plain(one: models.Pretrained) -> Mapping[str, Any]:
    return compress.identity().encode(one.frozen.params, (), ())


CHANGES: Mapping[str, Callable[[Now, Any, Text, pathlib.Path], Now]] = {
    "keep_layers": _layers,
    "keep_tokens": _tokens,
    "compression": _compressed,
    "pack": _packed,
    "export": _exported,
}


def _figures(one, against, texts, config) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in texts:
        corpus = data.tokenize(each.test, one.tokenizer, edition=each.edition)
        windows = data.windows(
            corpus, steps=config["context"], positions=one.config.max_steps
        )
        teacher = None if against is one else (against.model, against.frozen)
        row = language.figures(
            *(one.model, one.frozen, windows),
            teacher=teacher,
            batch_size=config["batch_size"],
        )
        yield each.edition, row


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _writes(one: models.Pretrained, config: Mapping[str, Any]) -> str:
    write = language.writer(one.model, one.frozen, one.tokenizer, steps=config["steps"])
    return write(config["prompt"])


def _check(stages: Any) -> None:
    for stage in stages:
        does = [key for key in stage if key != "stage"]
        if "stage" not in stage or len(does) > 1 or set(does) - set(KEYS):
            raise ValueError(
                f"a stage has a name and one of {', '.join(KEYS)}, got {dict(stage)}"
            )
