"""What a stage does to a language model: cut, train, round, write."""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import jdistill as jd
from experiments.tools import language_training
from experiments.tools.texts import Text
from jdistill import compress, data, language, models, ops, tokenizers, train, tree
from jdistill.build import build
from jdistill.typing import Compression, Frozen, Tokenizer, Tree

INFLUENCE = (8, 256)
"""Windows, and tokens of each, on which the influence of layers is measured."""


class Now(NamedTuple):
    """The network between two stages.

    * `pretrained`: with the parameters that it computes with.
    * `encoded`: the forms of what was compressed, None before that.
    * `realised`, `bytes`: how its figures come about, and what it takes.
    * `kept`: the tokenizer whose vocabulary was cut last, and its ids that stayed.
    """

    pretrained: models.Pretrained
    encoded: Mapping[str, Any] | None
    realised: str
    bytes: int
    kept: tuple[Tokenizer, np.ndarray] | None = None

    def outside(self, texts: Sequence[str]) -> int | None:
        """How many tokens of texts are none of those that stayed."""
        if self.kept is None:
            return None
        tokenizer, ids = self.kept
        found = np.concatenate(tokenizer.encode_many(texts))
        return int((~np.isin(found, ids)).sum())


class Place(NamedTuple):
    """Where a stage is.

    * `name`: of the stage.
    * `of`: the text that tokens are chosen by, and that is learned from.
    * `folder`: where files are written.
    * `teacher`: the first network of the same vocabulary.
    * `progress`: where it is shown how far all stages are.
    """

    name: str
    of: Text
    folder: pathlib.Path
    teacher: models.Pretrained
    progress: train.Progress | None = None


def begun(pretrained: models.Pretrained) -> Now:
    """A network to which nothing was done yet."""
    size = tree.num_bytes(pretrained.frozen.params)
    return Now(pretrained, None, "dense", size)


def changed(now: Now, stage: Mapping[str, Any], place: Place) -> Now:
    """The network after a stage.

    Args:
        now: before it.
        stage: of the configuration.
        place: where it is.
    """
    for key in KEYS:
        if key in stage:
            return CHANGES[key](now, stage[key], place)
    return now


def _layers(now: Now, how: Any, place: Place) -> Now:
    """Keeps a number of layers at equal distances, some by number, or by a rule.

    `dict(number=n, by=rule)` keeps the `n` that turn what goes through them most, or
    the first.
    """
    one = now.pretrained
    depth, layers = one.config.depth, how
    if isinstance(how, int):
        layers = language.spread(depth, how)
    elif isinstance(how, Mapping) and how["by"] == "influence":
        layers = language.most_influential(_influence(one, place.of), how["number"])
    elif isinstance(how, Mapping) and how["by"] == "first":
        layers = range(how["number"])
    elif isinstance(how, Mapping):
        raise ValueError(f"layers by {how['by']!r}; valid: influence, first")
    return _dense(now, *language.keep_layers(one.frozen.params, one.config, layers))


def _influence(one: models.Pretrained, of: Text) -> np.ndarray:
    """Of each layer, on the beginning of the text."""
    rows, steps = INFLUENCE
    letters = 8 * rows * steps  # more than tokens have
    corpus = data.tokenize([x[:letters] for x in of.train[:rows]], one.tokenizer)
    steps = min(steps, one.config.max_steps)
    windows = data.packed(corpus, steps=steps, ends=False)
    model = models.decoder(one.config, taps=("embed", "layers"))
    batch = windows.split.take(np.arange(min(rows, windows.split.size)))
    return language.block_influence(model, one.frozen, [batch])


def _tokens(now: Now, how: Mapping[str, int], place: Place) -> Now:
    """Keeps the ids that the text has, or `most` of them, and the `first` of all ids.

    Ids of byte pairs rise as pairs become rarer in what the tokenizer was made of.
    """
    one = now.pretrained
    counts = _counts(place.of.train, one.tokenizer.encode_many, one.tokenizer.vocab)
    order = np.argsort(-counts, kind="stable")[: how.get("most")]
    ids = np.union1d(order[counts[order] > 0], np.arange(how.get("first", 0)))
    kept = tokenizers.keep(one.tokenizer, ids)
    params, config = language.keep_tokens(one.frozen.params, one.config, kept.ids)
    small = one._replace(tokenizer=kept.tokenizer)
    now = now._replace(pretrained=small, kept=(one.tokenizer, kept.ids))
    return _dense(now, params, config)


@functools.lru_cache(maxsize=1)
def _counts(
    texts: tuple[str, ...],
    encode: Callable[[Sequence[str]], Sequence[np.ndarray]],
    vocab: int,
):
    """How often each id is in the texts; the same text is cut several times."""
    return np.bincount(np.concatenate(encode(texts)), minlength=vocab)


def _dense(now: Now, params: Tree, config: models.DecoderConfig) -> Now:
    """Other parameters and sizes, of which nothing is encoded."""
    one = now.pretrained._replace(
        model=models.decoder(config), frozen=Frozen(params), config=config
    )
    return Now(one, None, "dense", tree.num_bytes(params), now.kept)


def _learned(now: Now, how: Mapping[str, Any], place: Place) -> Now:
    """Trained on the text, beside the first network of its vocabulary."""
    one = now.pretrained
    frozen = language_training.learned(
        *(one, place.teacher, how, place.of, place.folder, place.name),
        progress=place.progress,
    )
    return _dense(now, frozen.params, one.config)


def _compressed(now: Now, specs: Any, place: Place) -> Now:
    """Codes in place of numbers; nothing is trained."""
    del place
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
    codes = chain.encode(*reached)
    return now._replace(pretrained=one, encoded=codes, realised="masked")


def _packed(now: Now, name: str, place: Place) -> Now:
    """Written as one file, and read back from it."""
    one, path = now.pretrained, place.folder / name
    about = jd.describe(one.model, tokenizer=one.tokenizer)
    size = jd.pack(path, now.encoded or one.frozen, description=about)
    found = jd.load(path)
    back = one._replace(frozen=found.frozen, model=found.model)
    return now._replace(
        pretrained=back._replace(tokenizer=found.tokenizer),
        realised="packed",
        bytes=size,
    )


def _exported(now: Now, name: str, place: Place) -> Now:
    """Written as a GGUF file, and read back from it."""
    path = place.folder / name
    models.to_gguf(now.pretrained, path, encoded=now.encoded, floats="F16")
    found = models.from_gguf(path)
    size = path.stat().st_size
    return now._replace(pretrained=found, realised="packed", bytes=size)


CHANGES: Mapping[str, Callable[[Now, Any, Place], Now]] = {
    "keep_layers": _layers,
    "keep_tokens": _tokens,
    "train": _learned,
    "compression": _compressed,
    "pack": _packed,
    "export": _exported,
}
KEYS = tuple(CHANGES)
"""What a stage does: one of these, or nothing."""
