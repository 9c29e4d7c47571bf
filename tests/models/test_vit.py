"""The vision transformer: sizes, patches and their places."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import ops, tree
from jdistill.models import vit
from jdistill.models._vit import _places

KEY = jax.random.key(0)
SIZES = dict(classes=3, patch=2, dim=8, heads=2, depth=2)
IMAGES = jax.random.normal(jax.random.key(1), (2, 6, 4, 3))


@pytest.fixture(scope="module")
def small():
    model = vit(**SIZES)
    params, _ = jax.eval_shape(model.init, KEY, {"inputs": IMAGES})
    draw = np.random.default_rng(0).normal
    params = jax.tree.map(lambda p: jnp.asarray(draw(0, 0.4, p.shape), "f4"), params)
    return jax.jit(model.apply), params


def logits(small, images):
    apply, params = small
    return apply(params, {}, {"inputs": images})[0].logits


@pytest.mark.parametrize(("patch", "mlp_dim"), [(1, None), (2, 20)])
def test_the_size_follows_from_the_layers_not_from_the_image(patch, mlp_dim):
    sizes = SIZES | {"patch": patch, "mlp_dim": mlp_dim}
    params, _ = jax.eval_shape(vit(**sizes).init, KEY, {"inputs": IMAGES})
    d, f = 8, mlp_dim or 32
    block = 4 * (d * d + d) + (d * f + f) + (f * d + d) + 2 * 2 * d
    wanted = (3 * patch**2 * d + d) + 2 * block + 2 * d + (3 * d + 3)
    assert tree.count(params) == wanted


def test_a_patch_is_a_product_of_its_pixels_alone():
    model = vit(**SIZES, taps="embed")
    params, _ = model.init(KEY, {"inputs": IMAGES})
    found = model.apply(params, {}, {"inputs": IMAGES})[0].features["embed"]
    kernel = params["embed"]["kernel"].reshape(-1, 8)
    patch = IMAGES[1, 2:4, 0:2].reshape(-1)
    wanted = patch @ kernel + params["embed"]["bias"]
    np.testing.assert_allclose(found[1, 1, 0], wanted, rtol=1e-4, atol=1e-5)


def test_every_pixel_and_every_place_counts(small):
    slope = jax.grad(lambda x: logits(small, x)[0].sum())(IMAGES)
    assert jnp.all(jnp.abs(slope[0]) > 0) and not jnp.any(slope[1])
    wanted = logits(small, IMAGES)
    for axis in (1, 2):
        moved = jnp.roll(IMAGES, 2, axis)
        assert jnp.abs(logits(small, moved) - wanted).max() > 1e-3


def test_places_differ_in_both_directions_and_are_waves():
    places = _places(3, 5, 8).reshape(3, 5, 8)
    flat = places.reshape(15, 8)
    apart = np.linalg.norm(flat[:, None] - flat[None], axis=-1)
    assert np.all(apart + np.eye(15) > 0.1)
    np.testing.assert_allclose(places[2, 4, 0], np.sin(2.0))
    np.testing.assert_allclose(places[2, 4, 3], np.cos(2.0 / 100))
    np.testing.assert_allclose(places[2, 4, 4], np.sin(4.0))
    np.testing.assert_array_equal(places[1, :, :4], places[1, :1, :4].repeat(5, 0))


def test_one_network_takes_images_of_several_sizes(small):
    assert logits(small, IMAGES[:, :2, :2]).shape == (2, 3)
    gray = vit(**SIZES)
    params, _ = gray.init(KEY, {"inputs": IMAGES[..., 0]})
    found = gray.apply(params, {}, {"inputs": IMAGES[..., 0]})[0].logits
    wanted = gray.apply(params, {}, {"inputs": IMAGES[..., :1]})[0].logits
    np.testing.assert_array_equal(found, wanted)


def test_dropout_follows_the_key_and_only_in_training():
    model = vit(**SIZES, dropout=0.5)
    batch = {"inputs": IMAGES}
    params, _ = model.init(KEY, batch)

    def apply(key, train):
        return model.apply(params, {}, batch, train=train, key=key)[0].logits

    one, two = (jax.random.key(n) for n in (1, 2))
    np.testing.assert_array_equal(apply(one, True), apply(one, True))
    assert jnp.abs(apply(one, True) - apply(two, True)).max() > 1e-3
    np.testing.assert_array_equal(apply(one, False), apply(two, False))


def test_half_precision_keeps_parameters_and_logits():
    model = vit(**SIZES, dtype="bfloat16", taps="EncoderBlock_0")
    params, _ = model.init(KEY, {"inputs": IMAGES})
    outputs = model.apply(params, {}, {"inputs": IMAGES})[0]
    assert {x.dtype for x in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    assert outputs.logits.dtype == jnp.float32
    assert outputs.features["EncoderBlock_0"].dtype == jnp.bfloat16


def test_its_products_are_found_with_the_weights_they_read():
    model = vit(**SIZES)
    params, _ = model.init(KEY, {"inputs": IMAGES})

    def run(params, images):
        return model.apply(params, {}, {"inputs": images})[0].logits

    found = ops.weights(run, params, IMAGES)
    kernels = {path for path in tree.flatten(params) if path.endswith("kernel")}
    assert set(found) == kernels and len(kernels) == 2 + 2 * 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch": 0}, "patch must be"),
        ({"heads": 3}, "heads must divide dim=8, got 3"),
        ({"dim": 6}, "dim must be a multiple of 4, got 6"),
    ],
)
def test_sizes_that_do_not_fit_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        vit(**SIZES | change)


def test_sides_that_are_no_patches_are_named():
    with pytest.raises(ValueError, match=r"patch=2 takes images .* got \(2, 5, 4, 3\)"):
        vit(**SIZES).init(KEY, {"inputs": IMAGES[:, :5]})
