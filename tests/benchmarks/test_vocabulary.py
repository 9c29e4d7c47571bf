import jax
import numpy as np
import pytest

from benchmarks import vocabulary


@pytest.mark.parametrize("name", ["forward", "recompute"])
def test_both_sides_have_one_value_and_one_gradient(name):
    keys = jax.random.split(jax.random.key(0), 4)
    given = [
        jax.random.normal(key, shape)
        for key, shape in zip(keys, vocabulary.shapes((2, 3), (4, 5), 7), strict=True)
    ]
    form = vocabulary.FORMS[name]
    ours = jax.value_and_grad(lambda *g: vocabulary.ours(*g, **form), (0, 1))(*given)
    theirs = jax.value_and_grad(vocabulary.theirs, (0, 1))(*given)
    for mine, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)
