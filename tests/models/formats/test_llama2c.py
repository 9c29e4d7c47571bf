"""Files of llama2.c: all three versions are one network, and damage is one line."""

import struct

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import tree
from jdistill.models import DecoderConfig, decoder, from_llama2c

CONFIG = DecoderConfig(
    vocab=24, dim=16, depth=2, heads=4, kv_heads=2, head_dim=4, mlp_dim=32, max_steps=8
)
GROUP = 16
WEIGHTS = ("wq", "wk", "wv", "wo", "w1", "w2", "w3")


def interleave(kernel, heads):
    """Rows `[out, in]` as llama2.c turns them, written by index."""
    out, half = kernel.shape[0], kernel.shape[0] // heads // 2
    rows = [
        head * 2 * half + side * half + i
        for head in range(heads)
        for i in range(half)
        for side in (0, 1)
    ]
    assert sorted(rows) == list(range(out))
    return kernel[rows]


def parts_of(params):
    """Arrays by llama2.c's names."""
    flat = {path: np.asarray(x) for path, x in tree.flatten(params).items()}

    def kernels(path, heads=0):
        stack = [x.T for x in flat[f"layers/{path}/kernel"]]
        return [interleave(x, heads) for x in stack] if heads else stack

    parts = {
        "embed": [flat["embed/embedding"]],
        "attention_norm": list(flat["layers/attention_norm/scale"]),
        "wq": kernels("attention/query", 4),
        "wk": kernels("attention/key", 2),
        "wv": kernels("attention/value"),
        "wo": kernels("attention/out"),
        "ffn_norm": list(flat["layers/mlp_norm/scale"]),
        "w1": kernels("mlp/gate"),
        "w2": kernels("mlp/down"),
        "w3": kernels("mlp/up"),
        "norm": [flat["norm/scale"]],
        "output": [flat["head/kernel"].T] if "head/kernel" in flat else [],
    }
    return {name: [x.astype("<f4") for x in xs] for name, xs in parts.items()}


def networks(tied=True):
    config = DecoderConfig(**(CONFIG.as_dict() | {"tied": tied}))
    params = decoder(config).init(jax.random.key(0), {})[0]
    draw = np.random.default_rng(0)
    # whole numbers of 1/8 below 16: int8 groups hold them bit for bit with this scale
    return jax.tree.map(
        lambda x: jnp.float32(draw.integers(-120, 120, x.shape) / 8), params
    )


def sizes(vocab=24):
    return struct.pack("<7i", 16, 32, 2, 4, 2, vocab, 8)


def joined(parts, *names):
    return b"".join(x.tobytes() for name in names for x in parts[name])


def legacy(params, tied=True):
    parts = parts_of(params)
    first = [
        "embed",
        "attention_norm",
        "wq",
        "wk",
        "wv",
        "wo",
        "ffn_norm",
        "w1",
        "w2",
        "w3",
        "norm",
    ]
    tables = bytes(2 * 8 * 2 * 4)
    vocab = 24 if tied else -24
    return sizes(vocab) + joined(parts, *first) + tables + joined(parts, "output")


def headed(version, tied, extra=b""):
    head = struct.pack("<Ii", 0x616B3432, version) + sizes() + bytes([tied]) + extra
    return head.ljust(256, b"\0")


def floats(params, tied=True):
    names = [
        "attention_norm",
        "ffn_norm",
        "norm",
        "embed",
        "wq",
        "wk",
        "wv",
        "wo",
        "w1",
        "w2",
        "w3",
        "output",
    ]
    return headed(1, tied) + joined(parts_of(params), *names)


def int8(params, tied=True):
    parts = parts_of(params)
    data = joined(parts, "attention_norm", "ffn_norm", "norm")
    for name in ("embed", *WEIGHTS, "output"):
        for x in parts[name]:
            data += (x * 8).astype(np.int8).tobytes()
            data += np.full(x.size // GROUP, 0.125, "<f4").tobytes()
    return headed(2, tied, struct.pack("<i", GROUP)) + data


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("version", [legacy, floats, int8])
def test_each_version_is_read_bit_for_bit(version, tied, tmp_path):
    params = networks(tied)
    (tmp_path / "a.bin").write_bytes(version(params, tied))
    found = from_llama2c(tmp_path / "a.bin")
    assert found.config == DecoderConfig(**(CONFIG.as_dict() | {"tied": tied}))
    one, two = tree.flatten(params), tree.flatten(found.frozen.params)
    assert one.keys() == two.keys()
    for path, x in one.items():
        np.testing.assert_array_equal(x, two[path], err_msg=path)


@pytest.mark.parametrize("version", [legacy, floats, int8])
def test_a_file_of_another_length_is_refused(version, tmp_path):
    data = version(networks())
    for wrong in (data[:-4], data + bytes(4), data[:300]):
        (tmp_path / "a.bin").write_bytes(wrong)
        with pytest.raises(ValueError, match="the header says"):
            from_llama2c(tmp_path / "a.bin")


@pytest.mark.parametrize(
    ("at", "number", "message"),
    [
        (0, 2**30, "dim of 1073741824 is none"),
        (0, 18, "dim=18 is no 4 heads"),
        (8, 0, "depth of 0"),
        (12, -4, "heads of -4"),
        (16, 3, "kv_heads must divide"),
        (20, 2000, "the header says"),
    ],
)
def test_a_header_that_cannot_be_is_refused(at, number, message, tmp_path):
    data = bytearray(legacy(networks()))
    data[at : at + 4] = struct.pack("<i", number)
    (tmp_path / "a.bin").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        from_llama2c(tmp_path / "a.bin")


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"12")
    with pytest.raises(ValueError, match="2 bytes are no model"):
        from_llama2c(tmp_path / "a.bin")
    for version, extra, message in (
        (3, b"", "version 3"),
        (2, bytes(4), "groups of 0"),
    ):
        (tmp_path / "a.bin").write_bytes(headed(version, True, extra))
        with pytest.raises(ValueError, match=message):
            from_llama2c(tmp_path / "a.bin")


def greedy(pretrained, steps):
    """The likeliest tokens after 'bos', from the cache."""
    decoding, params = pretrained.model.decoding, pretrained.frozen.params
    cache = decoding.start(params, {}, {"inputs": np.ones((1, 1))}, steps + 1)

    def step(carry, _):
        cache, token = carry
        logits, cache = decoding.step(
            params, {}, cache, token[:, None], jnp.ones(1, jnp.int32)
        )
        token = jnp.argmax(logits, axis=-1).astype(jnp.int32)
        return (cache, token), token[0]

    begin = jnp.array([pretrained.tokenizer.special["bos"]], jnp.int32)
    return jax.jit(lambda: jax.lax.scan(step, (cache, begin), None, steps)[1])()


@pytest.mark.realdata
def test_stories_are_told(data_folder):
    folder = data_folder / "weights" / "stories260K"
    read = from_llama2c(folder / "stories260K.bin", tokenizer=folder / "tok512.bin")
    told = read.tokenizer.decode(np.asarray(greedy(read, 60)))
    assert told.startswith(
        "Once upon a time, there was a little girl named Lily. She loved to play "
        "outside in the park."
    )


@pytest.mark.realdata
def test_a_tokenizer_of_another_vocabulary_is_refused(data_folder, tmp_path):
    (tmp_path / "a.bin").write_bytes(legacy(networks()))
    words = data_folder / "weights" / "stories260K" / "tok512.bin"
    with pytest.raises(ValueError, match="the tokenizer has 512 ids"):
        from_llama2c(tmp_path / "a.bin", tokenizer=words)
