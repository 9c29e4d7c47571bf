import jax.numpy as jnp
import numpy as np

from jdistill import losses


def test_cross_entropy_takes_every_integer_type_of_label():
    logits = jnp.array([[0.0, 1.0, 2.0]])
    values = [
        float(losses.cross_entropy(logits, jnp.array([2], kind))[0])
        for kind in (jnp.int8, jnp.uint8, jnp.int32)
    ]
    assert len(set(values)) == 1


def test_a_label_beyond_the_classes_is_not_a_number_rather_than_a_wrong_one():
    assert np.isnan(losses.cross_entropy(jnp.zeros((1, 3)), jnp.array([3]))[0])
