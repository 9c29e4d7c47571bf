"""Comments of the running Python's standard library: texts without labels."""

import functools
import pathlib
import re
import sysconfig
import tokenize
from collections.abc import Iterator

from jdistill.data import _stdlib_docs as docs


def stdlib_comments() -> tuple[str, ...]:
    """Comments of the packages of `stdlib_docs`: unlabelled texts for a teacher.

    Lines of comment that follow each other are one text. Names are masked as in
    `stdlib_docs`, and a text that is one of its docstrings is left out, so that none is
    in the test part of any fold.

    Returns:
        Texts, each once.

    Raises:
        ValueError: this Python has no standard library source.

    Example:
        >>> set(stdlib_comments()) & set(docs.stdlib_texts().test.texts)
        set()
    """
    return read(pathlib.Path(sysconfig.get_paths()["stdlib"]))


@functools.lru_cache(maxsize=2)
def read(library: pathlib.Path) -> tuple[str, ...]:
    """All masked comments below a standard library folder that are no docstring.

    Args:
        library: the folder that holds the standard library's source.

    Returns:
        Texts in the order of package, file and line.

    Raises:
        ValueError: the source of a package is not there.
    """
    files = {label: docs.source_files(library, n) for label, n in docs.SOURCES.items()}
    mask, known = docs.masker(files), {*docs.read(library).texts}
    found = (
        mask(text) for paths in files.values() for p in paths for text in blocks(p)
    )
    return tuple(
        dict.fromkeys(t for t in found if docs.has_words(t) and t not in known)
    )


def blocks(path: pathlib.Path) -> Iterator[str]:
    """The comments of a file; those of lines that follow each other are one."""
    with tokenize.open(path) as file:
        tokens = [*tokenize.generate_tokens(file.readline)]
    block: list[str] = []
    last = None
    for token in tokens:
        if token.type != tokenize.COMMENT:
            continue
        row = token.start[0]
        if block and row - 1 != last:
            yield " ".join(block)
            block = []
        block.append(re.sub(r"^[#!: ]+", "", token.string))
        last = row
    yield " ".join(block)
