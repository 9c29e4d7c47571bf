"""Files that are cut off, altered or hostile: one line, and no memory for them."""

import json
import struct
import tracemalloc

import jax
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from jdistill.models.formats._rows import Source
from jdistill.models.formats._safetensors import INDEX, ONE, open_folder, write_folder

ARRAYS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b.odd": np.arange(3, dtype=np.uint8),
    "c": np.arange(4, dtype=np.float16),
    "empty": np.zeros((0, 3), np.int32),
    "scalar": np.array(2.5, np.float64),
}


def source(arrays):
    kinds = {k: jax.ShapeDtypeStruct(v.shape, v.dtype) for k, v in arrays.items()}
    return Source(kinds, arrays.__getitem__)


def put(folder, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    (folder / ONE).write_bytes(struct.pack("<Q", len(text)) + text + data)


def entry(first=0, last=8, shape=(2,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [first, last]}


def test_arrays_are_those_that_the_package_wrote(tmp_path):
    save_file(ARRAYS, tmp_path / ONE)
    found = open_folder(tmp_path)
    assert found.names.keys() == ARRAYS.keys()
    for name, x in ARRAYS.items():
        assert found.names[name].shape == x.shape and found.names[name].dtype == x.dtype
        np.testing.assert_array_equal(found.get(name), x)


def test_the_package_reads_what_is_written(tmp_path):
    half = {"half": np.arange(5).astype(ml_dtypes.bfloat16)}
    write_folder(source(ARRAYS | half), tmp_path, 10**9)
    found = open_folder(tmp_path)
    assert found.get("half").tobytes() == half["half"].tobytes()
    theirs = load_file(tmp_path / ONE)
    assert theirs.keys() == (ARRAYS | half).keys()
    for name, x in ARRAYS.items():
        np.testing.assert_array_equal(theirs[name], x)
    header = (tmp_path / ONE).read_bytes()
    assert struct.unpack("<Q", header[:8])[0] % 8 == 0
    assert b'"__metadata__":{"format":"pt"}' in header


def test_an_array_is_a_view_of_the_file(tmp_path):
    save_file({"large": np.ones(5_000_000, np.float32)}, tmp_path / ONE)
    tracemalloc.start()
    found = open_folder(tmp_path).get("large")
    assert found[-1] == 1 and not found.flags.writeable
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 4, 8, 20, 300, -1])
def test_a_file_that_is_cut_off_is_named(size, tmp_path):
    save_file(ARRAYS, tmp_path / ONE)
    whole = (tmp_path / ONE).read_bytes()
    (tmp_path / ONE).write_bytes(whole[:size])
    with pytest.raises(ValueError, match=r"model\.safetensors: cut off") as found:
        open_folder(tmp_path)
    assert "\n" not in str(found.value)


def test_bytes_behind_the_arrays_are_noticed(tmp_path):
    put(tmp_path, {"a": entry()}, bytes(9))
    with pytest.raises(ValueError, match="arrays of 8 bytes in a file with room for 9"):
        open_folder(tmp_path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"[]", "holds no object"),
        (b"{", "is no JSON"),
        (b"\xff\xfe{}", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        ({"a": 3}, "the entry of 'a' makes no sense"),
        ({"a": entry(dtype="F4")}, "the entry of 'a' makes no sense"),
        ({"a": entry(shape=(2.0,))}, "the entry of 'a' makes no sense"),
        ({"a": entry(shape=(True, 2))}, "the entry of 'a' makes no sense"),
        ({"a": entry(shape=(-1, -2))}, "the entry of 'a' makes no sense"),
        ({"a": entry(shape=(2**40, 2**40))}, "the entry of 'a' makes no sense"),
        ({"a": entry(-8, 0)}, "the entry of 'a' makes no sense"),
        ({"a": entry(8, 0)}, "the entry of 'a' makes no sense"),
        ({"a": entry(0, 2**62, (2**60,))}, "arrays of 4611686018427387904 bytes"),
        ({"a": entry(), "b": entry()}, "'b' does not begin where"),
        ({"a": entry(4, 12)}, "'a' does not begin where"),
    ],
)
def test_a_hostile_header_is_one_line_without_memory(header, message, tmp_path):
    put(tmp_path, header, bytes(8))
    tracemalloc.start()
    with pytest.raises(ValueError, match=message) as found:
        open_folder(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert "\n" not in str(found.value) and len(str(found.value)) < 400


def test_a_header_of_gigabytes_is_not_read(tmp_path):
    with open(tmp_path / ONE, "wb") as file:
        file.write(struct.pack("<Q", 2**31) + b"{")
        file.truncate(2**32)
    with pytest.raises(ValueError, match="a header of 2147483648 bytes, more than"):
        open_folder(tmp_path)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({}, "has no weight_map"),
        ({"weight_map": {"a": "../x.safetensors"}}, "names '../x.safetensors'"),
        ({"weight_map": {"a": "/etc/passwd"}}, "names '/etc/passwd'"),
        ({"weight_map": {"a": "none.safetensors"}}, "which is no file of"),
        ({"weight_map": {"a": ".."}}, r"names '\.\.'"),
    ],
)
def test_an_index_names_files_of_its_folder(index, message, tmp_path):
    save_file({"a": np.ones(2)}, tmp_path.parent / "x.safetensors")
    (tmp_path / INDEX).write_text(json.dumps(index))
    with pytest.raises(ValueError, match=message):
        open_folder(tmp_path)


def test_two_files_with_one_name_are_refused(tmp_path):
    for file in ("x.safetensors", "y.safetensors"):
        save_file({"a": np.ones(2)}, tmp_path / file)
    where = {"a": "x.safetensors", "b": "y.safetensors"}
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": where}))
    with pytest.raises(ValueError, match=r"y\.safetensors holds again: a$"):
        open_folder(tmp_path)


def test_a_folder_without_files_says_what_is_there(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ValueError, match=r"no model\.safetensors.*pytorch_model\.bin"):
        open_folder(tmp_path)
