"""The residual network: sizes, shortcuts and batch statistics."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import tree
from jdistill.models import _resnet, resnet

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("depth", "count"), [(20, 269_722), (32, 464_154), (56, 853_018)]
)
def test_sizes_are_those_of_the_paper(depth, count):
    batch = {"inputs": jnp.zeros((1, 8, 8, 3))}
    model = resnet(classes=10, depth=depth)
    assert tree.count(jax.eval_shape(model.init, KEY, batch)[0]) == count


@pytest.fixture(scope="module")
def small():
    taps = [f"Block_{n}" for n in range(3)] + ["Block_1/ConvNorm_1"]
    model = resnet(classes=5, depth=8, width=4, taps=taps)
    x = jax.random.normal(KEY, (4, 8, 8, 3))
    shapes, state = jax.eval_shape(model.init, KEY, {"inputs": x})
    draw = np.random.default_rng(0).normal
    params = jax.tree.map(lambda p: jnp.asarray(draw(0, 0.3, p.shape), "f4"), shapes)
    state = tree.map_paths(
        lambda path, s: jnp.full(s.shape, float(path.endswith("var"))), state
    )
    return jax.jit(model.apply, static_argnames="train"), params, state, x


def test_stages_halve_the_resolution_and_double_the_channels(small):
    apply, params, state, x = small
    features = apply(params, state, {"inputs": x})[0].features
    shapes = [features[f"Block_{n}"].shape for n in range(3)]
    assert shapes == [(4, 8, 8, 4), (4, 4, 4, 8), (4, 2, 2, 16)]


def test_shortcuts_are_the_strided_identity_between_zero_channels(small):
    apply, params, state, x = small
    f = apply(params, state, {"inputs": x})[0].features
    short = np.pad(np.asarray(f["Block_0"])[:, ::2, ::2], [(0, 0)] * 3 + [(2, 2)])
    np.testing.assert_allclose(
        f["Block_1"], np.maximum(f["Block_1/ConvNorm_1"] + short, 0), atol=1e-6
    )


def test_padding_changes_neither_statistics_nor_real_logits(small):
    apply, params, state, x = small
    plain, wanted = apply(params, state, {"inputs": x[:3]}, train=True)
    padded = {"inputs": x.at[3].set(9.0), "mask": jnp.array([1, 1, 1, 0])}
    outputs, after = apply(params, state, padded, train=True)
    np.testing.assert_allclose(outputs.logits[:3], plain.logits, atol=1e-4)
    for a, b in zip(jax.tree.leaves(after), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert not jax.tree.all(jax.tree.map(jnp.array_equal, after, state))


def test_evaluation_of_an_example_does_not_depend_on_the_others(small):
    apply, params, state, x = small
    both, _ = apply(params, state, {"inputs": x})
    other, _ = apply(params, state, {"inputs": x.at[1:].set(0.0)})
    np.testing.assert_allclose(both.logits[0], other.logits[0], atol=1e-5)


@pytest.mark.parametrize("depth", [2, 7, 18, 21])
def test_a_depth_that_is_not_6n_plus_2_is_refused(depth):
    with pytest.raises(ValueError, match=rf"depth must be 6n \+ 2 .* got {depth}"):
        resnet(classes=10, depth=depth)


def test_kernels_are_drawn_as_he_et_al_do():
    key, usual = jax.random.key(3), nn.initializers.variance_scaling
    for shape in ((3, 3, 16, 32), (1, 1, 3, 5)):
        wanted = usual(2.0, "fan_out", "normal")(key, shape)
        np.testing.assert_allclose(_resnet.he_normal(key, shape), wanted, rtol=1e-5)
