"""Data sets of the tensorflow-datasets catalogue as splits, by name."""

import importlib.metadata
import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from jdistill import kinds
from jdistill.data import _sources
from jdistill.data._splits import Parts, check_classes
from jdistill.data._text import Texts, Tokens, fitted, tokenized
from jdistill.data._tfds import is_text, prepared
from jdistill.typing import DataSet


def tfds(
    dataset: str,
    *,
    fold: int = 0,
    columns: tuple[str, str] | None = None,
    prepare: Callable[[Sequence[str]], Tokens] | None = None,
    valid_size: int | None = None,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
    trust_local: bool = False,
    max_bytes: int = 2**30,
) -> DataSet:
    """Any data set of the tensorflow-datasets catalogue with labels that are classes.

    Test is the builder's test split, or its validation split where the test split has
    no labels or is missing. Valid is the builder's validation split where that is not
    the test, else a block of the train split.

    Args:
        dataset: the builder's name, 'mnist' or 'glue/sst2'.
        fold: which block of the train split is valid, counted from the end.
        columns: names of the input and the label; by default the supervised keys.
        prepare: makes tokens of texts, fitted on the train part; `hashed_ngrams()` by
            default. For texts only.
        valid_size: examples of valid carved from train; a tenth, at most 5,000.
        data_dir: where prepared data are kept; `$JDISTILL_CACHE` or
            `~/.cache/jdistill`, then `tfds`, by default.
        manual_dir: a folder with the archives, for a machine without network;
            `$JDISTILL_DATA/tfds_manual/<name, / as _>` by default.
        trust_local: use an archive of `manual_dir` that is not the registered one. Its
            data are kept apart, under the archive's own hash.
        max_bytes: a split whose inputs take more is not held in memory.

    Returns:
        Images as float32 in [0, 1], texts as tokens, other arrays as they are.

    Raises:
        ValueError: no such data set, no data and no network, an archive that is not
            the registered one, no TensorFlow to unpack it, or no classes.

    References:
        TensorFlow Datasets, https://www.tensorflow.org/datasets.

    Example:
        >>> tfds('mnist').train.size  # doctest: +SKIP
        55000
    """
    if prepare is not None:
        kinds.function(prepare=prepare)
    builder, archives = prepared(
        dataset, data_dir=data_dir, manual_dir=manual_dir, trust_local=trust_local
    )
    chosen = _columns(builder, columns)
    names = _split_names(builder, chosen)
    info = {
        "dataset": dataset,
        "fold": fold,
        "version": str(builder.version),
        "tensorflow_datasets": importlib.metadata.version("tensorflow-datasets"),
        "archives": {a.path.name: a.sha256 for a in archives},
        "registered": all(a.registered for a in archives),
        "classes": chosen.classes,
    }
    rows = _rows(builder, names, fold=fold, valid_size=valid_size)
    if is_text(builder.info.features[chosen.inputs]):
        return _texts(builder, chosen, names, rows, prepare, info)
    if prepare is not None:
        raise ValueError(f"prepare= is for texts, but {dataset!r} has none")
    return _arrays(builder, chosen, names, rows, max_bytes, info)


def _columns(builder, columns) -> _sources.Columns:
    """The input and the label, refused where the label is not a class."""
    features = builder.info.features
    keys = columns or builder.info.supervised_keys
    if keys is None or len(keys) != 2 or not all(k in features for k in keys):
        raise ValueError(
            f"{builder.info.full_name}: pass columns=(input, label), two of "
            f"{sorted(features)}; its supervised keys are {keys}"
        )
    names = getattr(features[keys[1]], "names", None)
    if not names:
        raise ValueError(
            f"{builder.info.full_name}: {keys[1]!r} is no class label; class labels "
            f"are {sorted(k for k, f in features.items() if hasattr(f, 'names'))}"
        )
    return _sources.Columns(keys[0], keys[1], tuple(names))


def _split_names(builder, columns) -> Parts:
    """The builder's split for each part; None where valid is carved from train."""
    there = builder.info.splits
    if "train" not in there:
        raise ValueError(f"{builder.info.full_name} has no split 'train': {[*there]}")

    def labelled(name):
        return name in there and builder.as_data_source(name)[0][columns.label] >= 0

    found = [name for name in ("test", "validation") if labelled(name)]
    if not found:
        raise ValueError(
            f"{builder.info.full_name} has no labelled 'test' or 'validation' split, "
            f"only {[*there]}"
        )
    return Parts("train", found[1] if len(found) == 2 else None, found[0])


def _rows(builder, names, *, fold, valid_size) -> Parts:
    sizes = {n: s.num_examples for n, s in builder.info.splits.items()}
    test = np.arange(sizes[names.test])
    if names.valid:
        return Parts(np.arange(sizes["train"]), np.arange(sizes[names.valid]), test)
    block = valid_size or min(5000, max(1, sizes["train"] // 10))
    return Parts(*_sources.blocks(sizes["train"], fold=fold, block=block), test)


def _loaded(builder, columns, name):
    folder = pathlib.Path(builder.data_dir) / f"{columns.inputs}-{columns.label}"
    source = builder.as_data_source(name)
    return _sources.load(source, columns, folder=folder, name=name)


def _arrays(builder, columns, names, rows, max_bytes, info):
    feature = builder.info.features[columns.inputs]

    def split(part, name, rows):
        source = name or "train"
        size = builder.info.splits[source].num_examples
        # In memory the inputs are float32, whatever they are on disk.
        if None in feature.shape or 4 * size * np.prod(feature.shape) > max_bytes:
            return _sources.streamed_split(
                builder.as_data_source(source), rows, columns, name=part
            )
        whole = _loaded(builder, columns, source)
        return _sources.loaded_split(whole, rows, columns, name=part)

    parts = [split(*each) for each in zip(Parts._fields, names, rows, strict=True)]
    if parts[0].arrays is not None:
        label = parts[0].arrays["label"]
        check_classes(label, classes=columns.classes, name="train")
    return DataSet(
        *parts,
        prepare=lambda images: {"inputs": _sources.scale(images)},
        info={**info, **_sources.scaled(feature.np_dtype), "sizes": _sizes(parts)},
    )


def _texts(builder, columns, names, rows, fit, info):
    def read_texts(name, rows):
        whole = builder.as_data_source(name or "train")
        found = [whole[int(i)] for i in rows]
        read = tuple(e[columns.inputs].decode() for e in found)
        label = np.array([e[columns.label] for e in found])
        return Texts(read, label, columns.classes)

    texts = Parts(*(read_texts(*each) for each in zip(names, rows, strict=True)))
    check_classes(texts.train.label, classes=columns.classes, name="train")
    tokens = fitted(fit, texts.train.texts)
    parts = [tokenized(t, tokens, name=n) for n, t in texts._asdict().items()]
    info = {**info, "sizes": _sizes(parts), **tokens.info}
    learned = tokens.tokenizer
    return DataSet(*parts, prepare=tokens.prepare, info=info, tokenizer=learned)


def _sizes(parts):
    return {n: s.size for n, s in zip(Parts._fields, parts, strict=True)}
