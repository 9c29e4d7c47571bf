"""Handwritten digits that come with scikit-learn: 1,797 images of 8x8."""

import importlib.metadata
from typing import Any

import numpy as np

from jdistill import extras
from jdistill.data._splits import Parts, check_classes, digests, folds, in_memory
from jdistill.typing import DataSet

CLASSES = tuple("0123456789")


def digits(*, fold: int = 0, num_folds: int = 5) -> DataSet:
    """The optical digits of scikit-learn, scaled to [0, 1].

    Args:
        fold: which fold is the test part.
        num_folds: number of folds; an image's fold is a hash of its pixels.

    Returns:
        A data set of `inputs` float32 `[batch, 8, 8, 1]` and 10 classes.

    Raises:
        ValueError: there is no such fold.

    References:
        Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI 1998.

    Example:
        >>> digits().train.arrays['inputs'].shape[1:]
        (8, 8, 1)
    """
    source: Any = extras.needed("sklearn.datasets", by="data.digits")
    bunch = source.load_digits()
    images, label = bunch.images.astype(np.uint8), bunch.target
    indices = folds(digests(map(bytes, images)), fold=fold, num_folds=num_folds)
    parts = {
        name: in_memory(
            {**scale(images[rows]), "label": label[rows]}, classes=CLASSES, name=name
        )
        for name, rows in zip(Parts._fields, indices, strict=True)
    }
    check_classes(label[indices.train], classes=CLASSES, name="train")
    info = {
        "dataset": "digits",
        "fold": fold,
        "num_folds": num_folds,
        "sizes": {name: split.size for name, split in parts.items()},
        "classes": CLASSES,
        "scikit_learn": importlib.metadata.version("scikit-learn"),
    }
    train, valid, test = parts.values()
    return DataSet(train, valid, test, scale, info)


def scale(images: Any) -> dict[str, np.ndarray]:
    """Model inputs of images whose pixels are 0 to 16.

    Args:
        images: `[batch, 8, 8]` or `[batch, 8, 8, 1]`, values 0 to 16.

    Returns:
        `inputs` float32 `[batch, 8, 8, 1]`, values 0 to 1.

    Raises:
        ValueError: another shape.

    Example:
        >>> scale(np.full((1, 8, 8), 16))['inputs'].max()
        np.float32(1.0)
    """
    images = np.asarray(images)
    if images.shape[1:] not in ((8, 8), (8, 8, 1)):
        raise ValueError(f"digits are [batch, 8, 8], got {list(images.shape)}")
    return {"inputs": (images.reshape(-1, 8, 8, 1) / 16).astype(np.float32)}
