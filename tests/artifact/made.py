"""Networks that are packed in the tests of this folder."""

import jax.numpy as jnp
import numpy as np

from jdistill import artifact, compress, tree

DRAW = np.random.default_rng(0)


def weights(dtype=jnp.float32):
    return {
        "dense": {"kernel": jnp.asarray(DRAW.normal(size=(64, 32)), dtype)},
        "layers": [jnp.asarray(DRAW.normal(size=(40, 9)), dtype), jnp.zeros(9, dtype)],
        "scale": jnp.asarray(0.3, dtype),
        "steps": jnp.arange(5),
        "on": jnp.array([True, False, True]),
    }


def compression(sparsity, bits):
    where = "dense/kernel|layers/0"
    stages = [compress.magnitude(sparsity=sparsity, where=where)]
    stages += [compress.fake_quant(bits=bits, where=where)] if bits else []
    return compress.chain(*stages)


def packed(path, sparsity=0.9, bits=8, dtype=jnp.float32, **options):
    c, params = compression(sparsity, bits), weights(dtype)
    at = c.update(params, *c.init(params), step=0)
    size = artifact.pack(path, c.encode(*at), **options)
    return c.apply(*at), size


def equal(one, two):
    one, two = tree.flatten(one), tree.flatten(two)
    assert set(one) == set(two)
    for name, leaf in one.items():
        assert leaf.dtype == two[name].dtype
        assert np.array_equal(leaf, two[name]), name
