import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import ctc
from jdistill import data, objective
from jdistill.typing import Outputs
from tests.seen import seen

DIGITS = data.digits().valid


def test_strings_hold_the_digits_they_name_in_order_and_nothing_else():
    some = ctc.strings(DIGITS, 50, 0).arrays
    assert some["inputs"].shape == (50, 64, 8)
    lengths = (some["string"] > 0).sum(1)
    assert set(lengths) == {3, 4, 5}
    assert some["string"].max() <= 10
    outside = some["inputs"] * (1 - some["token_mask"][..., None])
    assert not np.any(outside)
    ink = (
        DIGITS.arrays["inputs"].sum((1, 2, 3))
        if DIGITS.arrays["inputs"].ndim == 4
        else DIGITS.arrays["inputs"].reshape(DIGITS.size, -1).sum(1)
    )
    total = some["inputs"].sum((1, 2))
    assert np.all(total > lengths * ink.min() * 0.99)
    assert np.all(total < lengths * ink.max() * 1.01)


def test_columns_of_an_image_are_read_from_left_to_right():
    image = np.arange(64, dtype=np.float32).reshape(1, 8, 8, 1)
    one = data.in_memory(
        {"inputs": image, "label": np.array([1])}, classes=("a", "b"), name="one"
    )
    found = ctc.strings(one, 1, 0).arrays["inputs"][0]
    at = int(np.argmax(found.sum(1) > 0))
    np.testing.assert_array_equal(found[at : at + 8], image[0, ..., 0].T)


def test_ctc_is_minus_the_logarithm_of_all_alignments():
    """Three frames, one digit: six paths collapse to it."""
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(1, 3, 11)), jnp.float32)
    p = np.exp(jax.nn.log_softmax(logits))[0]
    paths = [(a, b, c) for a in (0, 4) for b in (0, 4) for c in (0, 4)]
    right = [path for path in paths if ctc.decoded(np.array(path)) == [4]]
    wanted = -np.log(sum(p[0, a] * p[1, b] * p[2, c] for a, b, c in right))
    batch = {
        "string": jnp.array([[4, 0]]),
        "token_mask": jnp.ones((1, 3)),
        "id": jnp.zeros(1, int),
    }
    goal = objective.combine(ctc=ctc.aligned())
    found, _ = goal.compute(seen(Outputs(logits)), batch, aux={}, step=0, key=None)
    assert len(right) == 6
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("one", "two", "wanted"),
    [
        ([], [], 0),
        ([1], [], 1),
        ([1, 2], [2, 1], 2),
        ([1, 2, 3], [1, 3], 1),
        ([5] * 3, [5] * 5, 2),
    ],
)
def test_the_distance_counts_edits(one, two, wanted):
    assert ctc.distance(one, two) == ctc.distance(two, one) == wanted
