import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import dense


def test_both_sides_have_one_value_and_one_gradient():
    student, teacher = jax.random.normal(jax.random.key(0), (2, 2, 3, 5))
    given = (
        student,
        teacher,
        jnp.array([[0, 4, 2], [1, 1, 3]]),
        jnp.ones((2, 3)).at[1, 2].set(0.0),
    )
    ours, theirs = (jax.value_and_grad(f)(*given) for f in (dense.ours, dense.theirs))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
        ours,
        theirs,
    )
