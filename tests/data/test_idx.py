"""Files in MNIST's format, written by hand."""

import errno
import gzip
import math
import struct
import tracemalloc

import jax
import numpy as np
import pytest

from jdistill import data

IMAGES = np.random.default_rng(0).integers(256, size=(80, 3, 2), dtype=np.uint8)
LABEL = (np.arange(80) % 4).astype(np.uint8)
KINDS = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}


def write(path, array):
    head = bytes([0, 0, KINDS[array.dtype.name], array.ndim])
    head += struct.pack(f">{array.ndim}I", *array.shape)
    raw = head + array.astype(array.dtype.newbyteorder(">")).tobytes()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


@pytest.mark.parametrize("end", ["", ".gz"])
def test_a_folder_with_the_names_of_mnist_is_enough(tmp_path, end):
    for name, size in (("train", 80), ("t10k", 10)):
        write(tmp_path / f"{name}-images-idx3-ubyte{end}", IMAGES[-size:])
        write(tmp_path / f"{name}-labels-idx1-ubyte{end}", LABEL[-size:])
    made = data.idx(tmp_path)
    assert made.test.classes == ("0", "1", "2", "3")
    np.testing.assert_array_equal(
        made.test.arrays["inputs"], IMAGES[-10:, ..., None] / np.float32(255)
    )
    np.testing.assert_array_equal(made.test.arrays["label"], LABEL[-10:])
    assert made.train.size + made.valid.size == 80
    assert made.info["test_in_train"] > 0


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "uint8"])
def test_numbers_of_every_type_are_read(tmp_path, kind):
    values = np.random.default_rng(1).normal(scale=50, size=(80, 3)).astype(kind)
    wanted = values.astype(jax.dtypes.canonicalize_dtype(kind))  # float64: float32
    images = write(tmp_path / "x", values)
    label = write(tmp_path / "y", LABEL)
    made = data.idx(images, label=label)
    found = np.concatenate([part.arrays["inputs"] for part in made[:3]])
    assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, wanted.tolist()))


def test_inputs_alone_have_no_labels(tmp_path):
    made = data.idx(write(tmp_path / "x", IMAGES))
    assert not made.train.arrays["label_mask"].any() and made.train.classes == ()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw[:-1], r"takes 496 bytes; it has 495"),
        (lambda raw: raw + b"\0", r"takes 496 bytes; it has 497"),
        (lambda raw: b"\1" + raw[1:], "is no idx file: it begins with '01000803'"),
        (lambda raw: raw[:2] + b"\7" + raw[3:], "is no idx file"),
        (lambda raw: raw[:10], "is truncated: it has 10"),
        (lambda raw: b"", "is no idx file"),
        (lambda raw: raw[:4] + b"\xff" * 12 + raw[16:], "takes"),
        (lambda raw: gzip.compress(raw)[:-9], "truncated or damaged"),
    ],
)
def test_a_file_that_is_damaged_is_refused(tmp_path, damage, message):
    path = write(tmp_path / "x", IMAGES)
    assert path.stat().st_size == 16 + math.prod(IMAGES.shape)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=message):
        data.idx(path)


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    images, few = write(tmp_path / "x", IMAGES), write(tmp_path / "y", LABEL[:7])
    with pytest.raises(ValueError, match=r"shape \[7\] for the 80 examples"):
        data.idx(images, label=few)
    with pytest.raises(ValueError, match="has no train-images-idx3-ubyte"):
        data.idx(tmp_path)
    with pytest.raises(ValueError, match="it gives all files"):
        data.idx(tmp_path, label=few)
    with pytest.raises(ValueError, match="test_label= needs test="):
        data.idx(images, test_label=few)


def test_a_small_file_of_much_memory_is_refused_before_it_is_unfolded(tmp_path):
    path = tmp_path / "x.gz"
    head = bytes([0, 0, 8, 1]) + struct.pack(">I", 2**31)
    path.write_bytes(gzip.compress(head + bytes(10**6)))
    said = rf"x.gz says .* takes {8 + 2**31} bytes, more than \d+: gunzip it if you"
    with pytest.raises(ValueError, match=said):
        data.idx(path)
    head = bytes([0, 0, 8, 1]) + struct.pack(">I", 10)
    path.write_bytes(gzip.compress(head + bytes(10**8)))
    tracemalloc.start()
    with pytest.raises(ValueError, match="takes 18 bytes; it has 19"):
        data.idx(path)
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()


def test_a_file_system_that_fails_is_no_damage(tmp_path, monkeypatch):
    path = write(tmp_path / "x.gz", IMAGES)

    def fails(*args, **more):
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(gzip, "open", fails)
    with pytest.raises(OSError, match="Input/output error"):
        data.idx(path)
