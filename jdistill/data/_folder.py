"""Images or texts of one's own, in a folder for each class."""

import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jdistill import extras, kinds
from jdistill.checks import one_of, whole
from jdistill.data._examples import Examples, check_files, data_set
from jdistill.data._splits import Parts
from jdistill.data._text import Tokens
from jdistill.typing import DataSet

Path = str | os.PathLike[str]
IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tiff", ".webp")
TEXTS = (".md", ".rst", ".txt")
MODES = {1: "L", 3: "RGB"}


def folder(
    train: Path,
    *,
    test: Path | None = None,
    valid: Path | None = None,
    size: tuple[int, int] | None = None,
    channels: int = 3,
    classes: Sequence[str] | None = None,
    fold: int = 0,
    num_folds: int = 5,
    prepare: Callable[[Sequence[str]], Tokens] | None = None,
) -> DataSet:
    """Images, or texts, in a folder for each class, whose name is the label.

    Files that are in no such folder have no label. Files are taken in the order of
    their names; images are read by Pillow, as their own orientation says.

    Args:
        train: a folder of folders; without `test` all parts are taken from it.
        test: that of the test part.
        valid: that of the valid part; without it a tenth of `train`.
        size: height and width that images are resized to; by default all must be of
            one size.
        channels: 3 for colours, 1 for grey.
        classes: the labels' names in order; by default the folders, sorted.
        fold: which fold is the test part.
        num_folds: number of folds; an example's fold is a hash of its content.
        prepare: makes tokens of texts, fitted on the training part; `hashed_ngrams()`
            by default.

    Returns:
        A data set of images, float32 `[batch, height, width, channels]` in [0, 1], or
        of tokens.

    Raises:
        ValueError: a folder without files that are known, with both kinds, with images
            of several sizes, or with one that cannot be read.
        ImportError: images, and Pillow is not there.

    Example:
        >>> import tempfile
        >>> root = pathlib.Path(tempfile.mkdtemp())
        >>> for i in range(40):
        ...     path = root / ('spam', 'ham')[i % 2] / f'{i}.txt'
        ...     path.parent.mkdir(exist_ok=True)
        ...     _ = path.write_text(f'mail number {i}')
        >>> folder(root).train.classes
        ('ham', 'spam')
    """
    whole(channels=channels)
    one_of((*MODES,), channels=channels)
    check_files(Parts(train, valid, test))
    if size is not None:
        if not isinstance(size, tuple | list) or len(size) != 2:
            raise ValueError(f"size must be (height, width), got {kinds.got(size)}")
        for side in size:
            whole(**{"each of size": side})

    def read(path: Path) -> Examples:
        return _examples(pathlib.Path(path), size, channels)

    return data_set(
        read,
        Parts(train, valid, test),
        name="folder",
        classes=classes,
        fold=fold,
        num_folds=num_folds,
        prepare=prepare,
    )


def _examples(root: pathlib.Path, size: Any, channels: int) -> Examples:
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder")
    files = sorted(p for p in root.rglob("*") if p.is_file() and not _hidden(p, root))
    images = [path for path in files if path.suffix.lower() in IMAGES]
    texts = [path for path in files if path.suffix.lower() in TEXTS]
    if bool(images) == bool(texts):
        said = "both images and texts" if images else "neither images nor texts"
        raise ValueError(f"{root} has {said}: one of {', '.join((*IMAGES, *TEXTS))}")
    found = images or texts
    parents = [path.relative_to(root).parts[:-1] for path in found]
    label = [parts[0] if parts else None for parts in parents]
    inputs = _pixels(images, size, channels) if images else [*map(_text, texts)]
    return Examples(inputs, label)


def _hidden(path: pathlib.Path, root: pathlib.Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _text(path: pathlib.Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error}") from error


def _pixels(paths: Sequence[pathlib.Path], size: Any, channels: int) -> np.ndarray:
    image, operations = (
        extras.needed(name, by="data.folder") for name in ("PIL.Image", "PIL.ImageOps")
    )
    found: list[np.ndarray] = []
    for path in paths:
        try:
            with image.open(path) as opened:
                turned = operations.exif_transpose(opened).convert(MODES[channels])
        except Exception as error:  # whatever a damaged file makes of a decoder
            raise ValueError(f"{path} cannot be read as an image: {error}") from error
        if size is not None:
            turned = turned.resize(tuple(reversed(size)), image.Resampling.BILINEAR)
        pixels = np.asarray(turned, np.uint8)
        pixels = pixels.reshape(*pixels.shape[:2], channels)
        if found and pixels.shape != found[0].shape:
            raise ValueError(
                f"{path} has {pixels.shape[:2]} pixels, and {paths[0].name} "
                f"{found[0].shape[:2]}: pass size=(height, width)"
            )
        found.append(pixels)
    return np.stack(found)
