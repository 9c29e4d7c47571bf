"""What a file says is not believed, also where its checksums are right."""

import json
import tracemalloc

import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import artifact, compress
from tests.reliability.edits import closed, made_of, opened, with_header

NONE = np.zeros(0, np.uint8)
NULL = np.zeros(0, np.float32)
ONE = np.ones(1, np.uint8)
COLUMN = {"k": "d", "s": [40_000, 1], "z": 0, "p": [1, 0]}
ROW = {**COLUMN, "s": [1, 40_000]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "student.safetensors"


def refused(path, data, said=None, most=2**24):
    """One line that names the file, before much memory is taken."""
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=said) as caught:
            artifact.unpack(path)
        assert tracemalloc.get_traced_memory()[1] < len(data) + most
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def good(path):
    params = {"a": {"w": jnp.arange(24.0).reshape(4, 6)}, "b": jnp.zeros(50)}
    codes = compress.fake_quant(bits=4, where="a/w")
    artifact.pack(path, codes.encode(params, *codes.init(params)), {"n": jnp.ones(3)})
    return path.read_bytes()


BOMBS = {
    "factors": ({"k": "f", "l": COLUMN, "r": ROW}, [NONE, NULL] * 2),
    "masked factors": (
        {"k": "f", "l": COLUMN, "r": ROW, "s": [40_000] * 2}, [NONE, NULL, NONE, NULL],
    ),
    "zeros": ({"k": "d", "s": [10**11], "z": 0, "p": [1, 0]}, [NONE, NULL]),
    "codes of zeros": (
        {"k": "q", "s": [10**9], "b": 2, "z": 0, "p": [16, 0]},
        [NONE, NONE, np.ones(1, np.float32)],
    ),
    "a long jump": (
        {"k": "d", "s": [10**12], "t": "int8", "z": 1, "p": [16, 4]},
        [np.full(8, 255, np.uint8), NONE],
    ),
    "a long array of nothing": (
        {"k": "d", "s": [2**40, 0], "z": 0, "p": [1, 0]}, [NONE, NULL],
    ),
    "indices of zeros": (
        {"k": "c", "s": [10**9], "b": 16, "z": 0, "p": [1, 0]},
        [NONE, NONE, np.ones(1, np.float32)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_is_no_bomb(path, name):
    data = made_of(*BOMBS[name])
    assert len(data) < 1000
    refused(path, data, "pass max_bytes=")


def test_a_trusted_file_may_unfold_further(path):
    artifact.pack(path, {"w": compress.Dense(np.zeros(10**7, np.float32))})
    with pytest.raises(ValueError, match="pass max_bytes= above"):
        artifact.unpack(path)
    assert artifact.unpack(path, max_bytes=10**8).params["w"].shape == (10**7,)
    assert artifact.table(path, max_bytes=10**8)[0].density == 0


FLOATS = np.ones(4, np.float32)
HEADS = {
    "no description": (3, [FLOATS]),
    "no kind": ({"s": [4], "z": 4}, [FLOATS]),
    "a kind that is a list": ({"k": ["d"], "s": [4], "z": 4}, [FLOATS]),
    "an unknown kind": ({"k": "x", "s": [4], "z": 4}, [FLOATS]),
    "an unknown key": ({"k": "d", "s": [4], "z": 4, "y": 1}, [FLOATS]),
    "no shape": ({"k": "d", "z": 4}, [FLOATS]),
    "a negative length": ({"k": "d", "s": [-4, -1], "z": 4}, [FLOATS]),
    "a length that is true": ({"k": "d", "s": [True, 4], "z": 4}, [FLOATS]),
    "a length that is a fraction": ({"k": "d", "s": [4.0], "z": 4}, [FLOATS]),
    "many axes": ({"k": "d", "s": [1] * 60 + [4], "z": 4}, [FLOATS]),
    "a huge length beside a zero": ({"k": "d", "s": [0, 10**30], "z": 0}, [NONE]),
    "a wrong shape": ({"k": "d", "s": [5], "z": 5}, [FLOATS]),
    "an unknown type": ({"k": "d", "s": [4], "z": 4, "t": "object"}, [FLOATS]),
    "a type of another size": ({"k": "d", "s": [4], "z": 4, "t": "int8"}, [FLOATS]),
    "a type that is a number": ({"k": "d", "s": [4], "z": 4, "t": 3}, [FLOATS]),
    "another shape of as many": ({"k": "d", "s": [2, 2], "z": 4}, [FLOATS]),
    "another shape of codes": (
        {"k": "q", "s": [2, 2], "z": 4, "b": 8},
        [np.ones(4, np.int8), np.ones(1, np.float32)],
    ),
    "truth that is seven": (
        {"k": "d", "s": [1], "z": 1, "t": "bool"}, [np.full(1, 7, np.uint8)],
    ),
    "too many not zero": ({"k": "d", "s": [4], "z": 5}, [FLOATS]),
    "places of no kind": ({"k": "d", "s": [4], "z": 4, "p": 3}, [ONE, FLOATS]),
    "places of three": ({"k": "d", "s": [4], "z": 4, "p": [1, 2, 3]}, [ONE, FLOATS]),
    "an index of 17 bits": ({"k": "d", "s": [4], "z": 4, "p": [17, 1]}, [ONE, FLOATS]),
    "an index of 0 bits": ({"k": "d", "s": [4], "z": 4, "p": [0, 1]}, [ONE, FLOATS]),
    "many entries": ({"k": "d", "s": [4], "z": 4, "p": [1, 10**18]}, [ONE, FLOATS]),
    "a jump too far": (
        {"k": "d", "s": [4], "z": 1, "p": [8, 1]}, [ONE + 4, FLOATS[:1]],
    ),
    "a bitmap too long": ({"k": "d", "s": [400], "z": 4, "p": []}, [ONE, FLOATS]),
    "another number of places": ({"k": "d", "s": [4], "z": 3, "p": []}, [ONE, FLOATS]),
    "fewer arrays": ({"k": "d", "s": [4], "z": 4, "p": []}, [ONE]),
    "more arrays": ({"k": "d", "s": [4], "z": 4}, [FLOATS, FLOATS]),
    "no bits": ({"k": "q", "s": [4], "z": 4}, [FLOATS, FLOATS]),
    "many bits": ({"k": "q", "s": [4], "z": 4, "b": 10**9}, [ONE, FLOATS]),
    "codes of fewer bytes": ({"k": "q", "s": [4], "z": 4, "b": 8}, [ONE, FLOATS]),
    "codes in floats": ({"k": "q", "s": [4], "z": 4, "b": 8}, [FLOATS, FLOATS]),
    "a scale of another size": (
        {"k": "q", "s": [4], "z": 4, "b": 2}, [ONE, np.ones(3, np.float32)],
    ),
    "a scale of other words": (
        {"k": "q", "s": [4], "z": 4, "b": 2, "e": "bfloat16"}, [ONE, FLOATS],
    ),
    "integer values of codes": (
        {"k": "q", "s": [4], "z": 4, "b": 2, "t": "int8"}, [ONE, FLOATS],
    ),
    "zero points of another size": (
        {"k": "q", "s": [4], "z": 4, "b": 2, "o": 8}, [ONE, FLOATS, ONE],
    ),
    "zero points in fractions": (
        {"k": "q", "s": [4], "z": 4, "b": 2, "o": "float32"}, [ONE, FLOATS, FLOATS],
    ),
    "an index of no centroid": (
        {"k": "c", "s": [4], "z": 4, "b": 2}, [ONE + 254, FLOATS[:2]],
    ),
    "no centroids": ({"k": "c", "s": [4], "z": 4, "b": 2}, [ONE, FLOATS[:0]]),
    "factors without a side": ({"k": "f", "l": COLUMN}, [NONE, NONE]),
    "factors that do not fit": (
        {"k": "f", "l": COLUMN, "r": COLUMN}, [NONE, NULL] * 2,
    ),
    "a number that is none": ({"k": "n", "v": "zz"}, []),
    "a number too long": ({"k": "n", "v": "00" * 8}, []),
    "a number of no text": ({"k": "n", "v": 1.5}, []),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADS)
def test_a_description_that_does_not_fit_its_arrays_is_refused(path, name):
    refused(path, made_of(*HEADS[name]), "student.safetensors (is refused|was altered)")


def test_factors_of_factors_are_not_followed_for_ever(path):
    one = np.ones((1, 1), np.float32)
    deep = {"k": "d", "s": [1, 1], "z": 1}
    for _ in range(40):
        deep = {"k": "f", "l": deep, "r": {"k": "d", "s": [1, 1], "z": 1}}
    refused(path, made_of(deep, [one] * 41), "nested too deep")


def test_entries_that_share_a_tensor_are_refused(path):
    """With right checksums: the same bytes would be read again and again."""
    parts = opened(made_of({"k": "d", "s": [4], "z": 4}, [FLOATS]))
    entry, spec = parts.index["entries"][0], parts.tensors["w"]
    parts.index["entries"].append(["state", *entry[1:]])
    shared = closed(parts._replace(tensors={"w": spec, "state:w": spec}))
    refused(path, shared, "holds more than its index says")


def headers(data):
    """The header in all the ways that it can be wrong."""
    parts = opened(data)
    name, spec = "a/w.codes", parts.tensors["a/w.codes"]

    def tensor(**changed):
        return closed(parts._replace(tensors={**parts.tensors, name: spec | changed}))

    def index(**changed):
        return closed(parts._replace(index=parts.index | changed))

    def metadata(value):
        return with_header({"__metadata__": value, **parts.tensors}, parts.body)

    entries = parts.index["entries"]
    text = json.dumps(parts.index)
    first, last = spec["data_offsets"]
    return {
        "a deep header": with_header(b"{" + b'"a":{' * 10**5 + b"}" * 10**5, b""),
        "a deep index": closed(parts, text="[" * 10**5 + "]" * 10**5),
        "a number for metadata": metadata(3),
        "numbers in metadata": metadata({**parts.metadata, "index": 3}),
        "no index": metadata({"format": "jdistill", "version": "3"}),
        "a list for an index": closed(parts, text="[]"),
        "a number for entries": index(entries=3),
        "a number for a description": index(description=3),
        "a lone surrogate in a path": index(entries=[["parameter", "\ud800", {}, ""]]),
        "a lone surrogate in a text": index(description={"a": "\udfff"}),
        "a lone surrogate outside": with_header(
            json.dumps({"__metadata__": parts.metadata | {"x": "\ud800"}}).encode(), b""
        ),
        "a key twice": closed(parts, text=text[:-1] + ', "entries": []}'),
        "a tensor twice": with_header(
            b'{"b": 1, "b": 2, "__metadata__": {}}', parts.body
        ),
        "an entry twice": index(entries=[*entries, entries[0]]),
        "an entry of another section": index(entries=[["x", *entries[0][1:]]]),
        "a short entry": index(entries=[entries[0][:2]]),
        "a number for a tensor": closed(parts._replace(tensors={"a/w.codes": 3})),
        "a tensor too many": closed(
            parts._replace(tensors={**parts.tensors, "9.9": spec})
        ),
        "overlapping tensors": tensor(data_offsets=[first, last + 4], shape=[10**6]),
        "the same tensor again": closed(
            parts._replace(tensors={**parts.tensors, name: parts.tensors["b.values"]})
        ),
        "offsets that are fractions": tensor(data_offsets=[0.0, 4.0]),
        "offsets from the end": tensor(data_offsets=[-4, last]),
        "offsets turned round": tensor(data_offsets=[last, first]),
        "three offsets": tensor(data_offsets=[0, 1, 2]),
        "offsets far away": tensor(data_offsets=[0, 2**70]),
        "a type of nothing": tensor(dtype="X9"),
        "a type that is a list": tensor(dtype=["U8"]),
        "a shape of texts": tensor(shape=["a"]),
        "a shape too large": tensor(shape=[2**40, 2**40]),
        "a header longer than the file": (2**63).to_bytes(8, "little") + data[8:],
        "a header that is no JSON": with_header(b"{nothing", b""),
        "a header in UTF-16": with_header('{"a":1}'.encode("utf-16"), b""),
        "bytes that are no text": with_header(b'{"\xff":1}', b""),
        "a number too long": with_header(b'{"a":' + b"1" * 10**5 + b"}", b""),
        "text behind the header": with_header(b"{}{}", b""),
        "a folder too deep": index(
            entries=[["parameter", "/".join("a" * 10**4), *entries[0][2:]]]
        ),
    }


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    return headers(good(tmp_path_factory.mktemp("good") / "student.safetensors"))


def test_a_header_that_is_wrong_is_one_line_that_names_the_file(path, damaged):
    for data in damaged.values():
        refused(path, data)


def test_a_header_of_very_many_parts_is_refused(path):
    many = b'{"a":[' + b'{"":0},' * 200_000 + b"0]}"
    refused(path, with_header(many, b""), "too many parts")


def test_a_leaf_inside_of_another_needs_a_tree(path):
    leaves = {"a": compress.Dense(jnp.ones(1)), "a/b": compress.Dense(jnp.zeros(1))}
    artifact.pack(path, leaves)
    refused(path, path.read_bytes(), "'a/b' lies inside of another leaf.*pass like=")
    assert artifact.unpack(path, like={"a": 0, "a/b": 0}).params["a/b"] == 0
