"""The checksum that no sharding changes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from jdistill import train
from jdistill.train._leaves import agrees, checksum, folded

RNG = np.random.default_rng(0)


def values(dtype):
    bits = RNG.integers(0, 2, (8, 4)) if dtype == "bool" else RNG.normal(size=(8, 4))
    return jnp.asarray(bits * (1 if dtype == "bool" else 50)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "int8", "bool"])
def test_sharding_changes_no_checksum(dtype):
    whole = values(dtype)
    mesh = train.data_mesh(jax.devices()[:4])
    for spec in (PartitionSpec("data"), PartitionSpec(None, "data"), PartitionSpec()):
        there = jax.device_put(whole, NamedSharding(mesh, spec))
        assert int(folded(there)) == int(folded(np.asarray(whole)))
        assert agrees(np.asarray(whole), checksum(there))


def test_every_bit_changes_it():
    whole = np.asarray(values("float32"))
    one = int(folded(whole))
    for bit in range(8 * whole.nbytes):
        raw = bytearray(whole.tobytes())
        raw[bit // 8] ^= 1 << bit % 8
        other = np.frombuffer(raw, np.float32).reshape(whole.shape)
        assert int(folded(other)) != one
        assert not agrees(other, {"folded": one})


def test_swapped_elements_change_it():
    x = np.arange(8, dtype=np.float32)
    assert int(folded(x)) != int(folded(x[::-1]))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "bool", "uint16"])
@pytest.mark.parametrize("shape", [(), (0,), (3, 2)])
def test_checksums_on_the_host_are_those_of_the_bytes(dtype, shape):
    import zlib

    x = np.asarray(jnp.ones(shape, dtype))
    assert checksum(x) == zlib.crc32(x.tobytes())
    assert checksum(np.asfortranarray(x)) == zlib.crc32(x.tobytes())
