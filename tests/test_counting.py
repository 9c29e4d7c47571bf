import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import counting
from jdistill.counting import weighted_mean
from jdistill.typing import Outputs


def test_values_of_weight_zero_reach_neither_the_sum_nor_its_gradient():
    weights = jnp.array([1.0, 0.0, 2.0])

    def total(values):
        return weighted_mean(values, weights)[0]

    values = jnp.array([3.0, jnp.nan, 4.0])
    assert total(values) == 11
    assert jax.grad(total)(values).tolist() == [1, 0, 2]
    assert jax.grad(lambda x: total(jnp.log(x)))(jnp.ones(3).at[1].set(2)).tolist() == [
        1,
        0,
        2,
    ]


def test_sums_are_float32_whatever_comes_in():
    values, weights = jnp.ones(4096, jnp.bfloat16), jnp.ones(4096, bool)
    total, count = weighted_mean(values, weights)
    assert total == count == 4096 and total.dtype == count.dtype == jnp.float32


def test_several_labels_are_told_from_shares_and_sequences_and_numbers():
    tags = np.array([[1, 1, 0], [0, 0, 0]], np.float32)
    several = counting.several_labels
    assert several({"label": tags}) and several({"label": jnp.asarray(tags)})
    assert not several({"label": tags.astype(int)}), "a sequence of classes"
    assert not several({"label": tags[0]}) and not several({"id": np.arange(2)})
    assert not several({"label": np.eye(3, dtype=np.float32)}), "shares, each whole"
    assert not several({"label": np.float32([[1, 1], [0.5, 0.5]])})
    padded = {"label": np.float32([[1, 1], [7, 7]]), "mask": np.array([1, 0])}
    assert several(padded) and not several({"label": padded["label"]})


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 2\) is counted .* shape \(2,\)"):
        weighted_mean(jnp.ones((2, 2)), jnp.ones(2))
    with pytest.raises(ValueError, match="say per='example' or per='token'"):
        counting.keep(jnp.ones((2, 5)), jnp.ones((2, 3)))


def test_tokens_weigh_the_product_of_both_masks():
    batch = {"label": np.zeros((2, 2), int), "mask": np.array([1, 0])}
    assert counting.weights_of(batch).tolist() == [[1, 1], [0, 0]]
    batch["token_mask"] = np.array([[1, 0], [1, 1]])
    assert counting.weights_of(batch).tolist() == [[1, 0], [0, 0]]
    assert counting.weights_of(batch, per="example").tolist() == [1, 0]


def test_without_labels_the_teachers_logits_say_what_counts():
    for shape, wanted in (((2, 7), (2,)), ((2, 3, 7), (2, 3))):
        batch = {"id": np.arange(2), "outputs": {"teacher": Outputs(np.zeros(shape))}}
        assert counting.weights_of(batch).shape == wanted


def test_a_text_with_one_label_counts_examples():
    batch = {"label": np.zeros(2, int), "token_mask": np.ones((2, 9))}
    assert counting.weights_of(batch).shape == (2,)
    assert counting.weights_of(batch, per="token").shape == (2, 9)


def test_tokens_that_cannot_be_counted_are_named():
    with pytest.raises(ValueError, match=r"to count tokens.*there are \['inputs'\]"):
        counting.weights_of({"inputs": np.zeros((2, 9))}, per="token")


def test_kept_arrays_keep_their_type():
    for kind in (jnp.bfloat16, jnp.int8, bool):
        kept = counting.keep(jnp.ones((2, 3), kind), jnp.array([1.0, 0.0]))
        assert kept.dtype == kind and kept.sum() == 3


def test_shares_of_classes_are_one_label_of_an_example_and_not_a_sequence():
    shares = {"label": jnp.array([[0.3, 0.7], [1.0, 0.0]]), "mask": jnp.array([1, 0])}
    assert counting.weights_of(shares).tolist() == [1, 0]
    sequence = {**shares, "label": jnp.array([[3, 7], [1, 0]])}
    assert counting.weights_of(sequence).tolist() == [[1, 1], [0, 0]]
    steps = {"label": jnp.ones((2, 4, 3))}  # shares of each token
    assert counting.weights_of(steps).shape == (2, 4)
    assert counting.weights_of(shares, per="token").shape == (2, 2)
