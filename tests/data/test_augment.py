import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import data, losses, models, objective, train
from jdistill.typing import Frozen, Outputs

RANDOM = np.random.default_rng(0)
IMAGES = jnp.asarray(RANDOM.normal(size=(5, 6, 6, 2)), jnp.float32)
KEY = jax.random.key(0)


def test_each_image_is_moved_as_a_whole_and_nothing_comes_in():
    moved = data.shift(pixels=2)({"inputs": IMAGES, "id": jnp.arange(5)}, KEY)["inputs"]
    places = set()
    for old, new in zip(
        np.pad(IMAGES, [(0, 0), (2, 2), (2, 2), (0, 0)]), moved, strict=True
    ):
        fits = [
            (i, j)
            for i in range(5)
            for j in range(5)
            if np.array_equal(old[i : i + 6, j : j + 6], new)
        ]
        assert len(fits) == 1
        places.add(fits[0])
    assert len(places) > 1


def test_a_mixture_lies_between_two_examples_and_has_no_label():
    batch = {"inputs": IMAGES, "label": jnp.arange(5)}
    found = data.mixup(alpha=0.5)(batch, KEY)
    assert found["label_mask"].tolist() == [0] * 5
    assert jnp.allclose(found["inputs"].mean(), IMAGES.mean(), atol=0.2)
    flat, new = IMAGES.reshape(5, -1), found["inputs"].reshape(5, -1)
    for old, mix in zip(flat, new, strict=True):
        way = flat - old[None]
        lengths = jnp.maximum(jnp.linalg.norm(way, axis=1), 1e-6)
        along = way @ (mix - old) / lengths**2
        off = jnp.linalg.norm((mix - old)[None] - along[:, None] * way, axis=1)
        assert off.min() < 1e-4 and -1e-5 <= along[off.argmin()] <= 1 + 1e-5


def test_padding_is_mixed_into_nothing():
    batch = {"inputs": IMAGES.at[3].set(jnp.nan), "mask": jnp.array([1, 1, 1, 0, 1.0])}
    found = data.mixup(alpha=1.0)(batch, KEY)["inputs"]
    assert jnp.isfinite(found[jnp.array([0, 1, 2, 4])]).all()


def test_what_another_network_reads_is_altered_alike():
    """Its inputs here are those of the student, twice as large and in grey."""
    batch = {"inputs": IMAGES, "teacher_inputs": 2 * IMAGES[..., :1], "id": jnp.ones(5)}
    for augment in (data.shift(pixels=2), data.mixup(alpha=1.0)):
        found = augment(batch, KEY)
        assert found["id"] is batch["id"]
        assert not jnp.allclose(found["inputs"], IMAGES)
        beside = 2 * found["inputs"][..., :1]
        np.testing.assert_allclose(found["teacher_inputs"], beside, rtol=1e-5)
    vectors = {**batch, "teacher_inputs": IMAGES.mean(axis=(1, 2))}
    found = data.mixup(alpha=1.0)(vectors, KEY)
    wanted = found["inputs"].mean(axis=(1, 2))
    np.testing.assert_allclose(found["teacher_inputs"], wanted, atol=1e-6)


def test_what_cannot_be_altered_is_named():
    ids = {"inputs": IMAGES, "teacher_inputs": jnp.ones((5, 9), jnp.int32)}
    with pytest.raises(ValueError, match="fractions, and teacher_inputs are int32"):
        data.mixup(alpha=1.0)(ids, KEY)
    with pytest.raises(ValueError, match=r"6, 6, 2\], and teacher_inputs \[5, 9\]"):
        data.shift(pixels=1)(ids, KEY)
    with pytest.raises(ValueError, match=r"and inputs \[5, 9\]"):
        data.shift(pixels=1)({"inputs": jnp.ones((5, 9))}, KEY)


def test_several_follow_each_other_with_keys_of_their_own():
    one, two = data.shift(pixels=1), data.shift(pixels=1)
    both = data.augmentations(one=one, two=two)({"inputs": IMAGES}, KEY)["inputs"]
    keys = jax.random.split(KEY)
    by_hand = two(one({"inputs": IMAGES}, keys[0]), keys[1])["inputs"]
    np.testing.assert_array_equal(both, by_hand)


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueError, match="pixels must be a whole number from 1, got 0"):
        data.shift(pixels=0)
    with pytest.raises(ValueError, match=r"alpha must be above 0, got -1\.0"):
        data.mixup(alpha=-1.0)
    with pytest.raises(ValueError, match="augmentations needs one"):
        data.augmentations()


def test_teacher_and_student_see_the_same_altered_batch():
    """Then a student that is its teacher has nothing to learn, whatever it is shown."""
    model = models.mlp(widths=(6,), classes=3)
    batch = {"inputs": IMAGES, "label": jnp.zeros(5, int), "id": jnp.arange(5)}
    goal = objective.combine(kd=objective.on_logits(losses.kl))
    recipe = train.learner(
        model, goal, optax.sgd(0.1), teacher=model, augment=data.mixup(alpha=1.0)
    )
    frozen = Frozen(*jax.jit(model.init)(jax.random.key(1), batch))
    state = jax.jit(recipe.init)(KEY, batch, frozen, start=frozen)
    assert recipe.teach(batch, frozen) is batch  # nothing is known ahead
    _, metrics = jax.jit(recipe.step)(state, batch, frozen)
    np.testing.assert_allclose(metrics["kd"][0], 0, atol=1e-6)
    fresh = jax.jit(recipe.init)(KEY, batch, frozen)
    _, one = jax.jit(recipe.step)(fresh, batch, frozen)
    _, two = jax.jit(recipe.step)(fresh._replace(step=jnp.int32(1)), batch, frozen)
    assert one["kd"][0] != two["kd"][0]  # another step is altered otherwise
    known = {**batch, "outputs": {"teacher": Outputs(jnp.zeros((5, 3)))}}
    with pytest.raises(
        ValueError, match=r"outputs of \['teacher'\] came with the batch"
    ):
        recipe.step(fresh, known, frozen)
