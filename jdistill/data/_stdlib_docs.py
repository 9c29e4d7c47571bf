"""Text classification from the docstrings of the running Python's standard library.

The label is the package a docstring comes from. Source is parsed, never imported, and
the names of the packages and their modules are masked, so the label is not in the text.
"""

import ast
import collections
import functools
import pathlib
import platform
import re
import sysconfig
import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from jdistill import kinds
from jdistill.data._splits import Parts, check_classes, digests, folds
from jdistill.data._text import Texts, Tokens, fitted, tokenized
from jdistill.typing import DataSet

SOURCES = {
    "asyncio": "asyncio",
    "decimal": "_pydecimal.py",
    "email": "email",
    "http": "http",
    "importlib": "importlib",
    "logging": "logging",
    "multiprocessing": "multiprocessing",
    "unittest": "unittest",
    "urllib": "urllib",
    "xml": "xml",
}
"""Where each package's Python source is, below the standard library's folder. Python
3.11, 3.12 and 3.13 all ship these ten, each with about 100 docstrings or more."""

CLASSES = tuple(SOURCES)
MASK = "[mask]"
MIN_WORDS = 3
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def stdlib_docs(
    *,
    fold: int = 0,
    num_folds: int = 5,
    prepare: Callable[[Sequence[str]], Tokens] | None = None,
) -> DataSet:
    """Docstrings of ten standard library packages, to be classified by package.

    Args:
        fold: which fold is the test part.
        num_folds: number of folds; a text's fold is a hash of the masked text.
        prepare: makes tokens of texts, fitted on the training part: `hashed_ngrams()`
            by default, or `bpe()`.

    Returns:
        A data set of `inputs` int32 `[batch, steps]` with `token_mask`. `info` holds
        the Python version, the counts and `vocab`, the number of token ids.

    Raises:
        ValueError: there is no such fold, or this Python has no standard library
            source.

    Example:
        >>> stdlib_docs().train.classes[:3]
        ('asyncio', 'decimal', 'email')
    """
    if prepare is not None:
        kinds.function(prepare=prepare)
    texts = stdlib_texts(fold=fold, num_folds=num_folds)
    tokens = fitted(prepare, texts.train.texts)
    parts = {
        name: tokenized(t, tokens, name=name) for name, t in texts._asdict().items()
    }
    info = {
        "dataset": "stdlib_docs",
        "fold": fold,
        "num_folds": num_folds,
        "python": platform.python_version(),
        "sizes": {name: split.size for name, split in parts.items()},
        "counts": class_counts(texts),
        "classes": CLASSES,
        **tokens.info,
    }
    learned = tokens.tokenizer
    return DataSet(**parts, prepare=tokens.prepare, info=info, tokenizer=learned)


def stdlib_texts(*, fold: int = 0, num_folds: int = 5) -> Parts:
    """The masked docstrings of `stdlib_docs` themselves, for baselines and for reading.

    Args:
        fold: which fold is the test part.
        num_folds: number of folds.

    Returns:
        `Texts` of train, valid and test.

    Raises:
        ValueError: there is no such fold, or this Python has no standard library
            source.

    Example:
        >>> len(stdlib_texts().train.texts) > 1000
        True
    """
    whole = read(pathlib.Path(sysconfig.get_paths()["stdlib"]))
    hashes = digests(text.encode() for text in whole.texts)
    indices = folds(hashes, fold=fold, num_folds=num_folds)
    check_classes(whole.label[indices.train], classes=CLASSES, name="train")

    def part(rows):
        return Texts(tuple(whole.texts[i] for i in rows), whole.label[rows], CLASSES)

    return Parts(*(part(rows) for rows in indices))


def class_counts(texts: Parts) -> dict[str, int]:
    """Examples of each class over all parts.

    Example:
        >>> texts = Texts(('x', 'y'), np.array([0, 1]), ('a', 'b'))
        >>> class_counts(Parts(texts, texts, texts))
        {'a': 3, 'b': 3}
    """
    labels = np.concatenate([t.label for t in texts])
    classes = texts.train.classes
    counts = np.bincount(labels, minlength=len(classes)).tolist()
    return dict(zip(classes, counts, strict=True))


@functools.lru_cache(maxsize=8)
def read(library: pathlib.Path) -> Texts:
    """All masked docstrings below a standard library folder, each text once.

    A text that two packages share has no label, so it is left out.

    Args:
        library: the folder that holds the standard library's source.

    Returns:
        Texts in the order of package, file and line.

    Raises:
        ValueError: the source of a package is not there.
    """
    files = {label: source_files(library, name) for label, name in SOURCES.items()}
    mask = masker(files)
    labels: dict[str, set[str]] = collections.defaultdict(set)
    for label, paths in files.items():
        for docstring in (text for path in paths for text in docstrings(path)):
            text = mask(docstring)
            if has_words(text):
                labels[text].add(label)
    kept = {text: min(found) for text, found in labels.items() if len(found) == 1}
    label = np.array([CLASSES.index(name) for name in kept.values()], np.int32)
    return Texts(tuple(kept), label, CLASSES)


def has_words(text: str) -> bool:
    """Whether a masked text has enough words beside its masks.

    Example:
        >>> has_words('two words'), has_words('now [mask] three words')
        (False, True)
    """
    return len(re.findall(r"[a-z]{2,}", text.replace(MASK, ""))) >= MIN_WORDS


def source_files(library: pathlib.Path, name: str) -> list[pathlib.Path]:
    """The Python files of a package without its tests, sorted.

    Args:
        library: the folder that holds the standard library's source.
        name: the package's folder or file in it.

    Returns:
        Paths.

    Raises:
        ValueError: there are none.
    """
    path = library / name
    found = [path] if path.is_file() else sorted(path.rglob("*.py"))
    found = [
        f for f in found if not {"test", "tests"} & {*f.relative_to(library).parts}
    ]
    if not found:
        raise ValueError(
            f"stdlib_docs needs the source of {name!r} in {library}: use a Python "
            "whose standard library is installed as .py files"
        )
    return found


def docstrings(path: pathlib.Path) -> Iterator[str]:
    """The docstrings of a file's module, classes and functions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old string escapes warn in newer Pythons
        tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED):
            yield ast.get_docstring(node) or ""


def masker(files: dict[str, list[pathlib.Path]]) -> Callable[[str], str]:
    """A function that lowers a text and masks the names of all packages and modules.

    A package's name is masked wherever it stands, also inside `HTTPConnection`; a
    module's name where it is a whole word. A dotted chain becomes one mask, since its
    length would tell too.

    Args:
        files: each package's files.

    Returns:
        `text -> text`.

    Example:
        >>> mask = masker({'http': [pathlib.Path('http/client.py')]})
        >>> mask('An HTTPConnection of http.client; clients')
        'an [mask]connection of [mask]; clients'
    """
    modules = {
        (p.parent.name if p.stem == "__init__" else p.stem).strip("_").lower()
        for paths in files.values()
        for p in paths
    }
    inside = re.compile(f"_*(?:{'|'.join(files)})")
    whole = "|".join(sorted(map(re.escape, modules - {"", "main"})))
    word = re.compile(rf"(?<![a-z0-9])_*(?:{whole})(?![a-z0-9])")
    chain = re.compile(rf"{re.escape(MASK)}(?:[._]*{re.escape(MASK)})+")

    def mask(text: str) -> str:
        text = word.sub(MASK, inside.sub(MASK, text.lower()))
        return " ".join(chain.sub(MASK, text).split())

    return mask
