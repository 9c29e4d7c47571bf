"""Attention in parts, where later keys are not seen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill.models.transformers._attention import PARTS, attend, distances

DRAW = np.random.default_rng(0)


def arrays(steps, *, heads=4, kv_heads=2, head_dim=8):
    shapes = [(2, steps, n, head_dim) for n in (heads, kv_heads, kv_heads)]
    return [jnp.asarray(DRAW.normal(size=shape), jnp.float32) for shape in shapes]


def mask_of(steps, window=None):
    order = jnp.arange(steps)[None].repeat(2, 0)
    segment = jnp.where(order < steps // 3, 1, 2)
    behind = distances(order, order, segment, segment, None)
    return (behind >= 0) & (behind < (window or steps))


@pytest.mark.parametrize("more", [{}, {"cap": 2.0}, {"bias": True}])
@pytest.mark.parametrize(("steps", "window"), [(64, None), (203, None), (256, 17)])
def test_parts_give_what_all_queries_at_once_give(steps, window, more):
    if "bias" in more:
        bias = DRAW.normal(size=(1, 4, steps, steps))
        more = {"bias": jnp.asarray(bias, jnp.float32)}
    given, mask = arrays(steps), mask_of(steps, window)
    weights = DRAW.normal(size=given[0].shape)

    def loss(*given, causal):
        mixed = attend(*given, mask=mask, scale=0.3, causal=causal, **more)
        return (mixed * weights).sum(), mixed

    whole, parts = (
        jax.value_and_grad(
            lambda *given, c=causal: loss(*given, causal=c), (0, 1, 2), has_aux=True
        )(*given)
        for causal in (False, True)
    )
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(parts), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)


def test_parts_spare_scores_of_keys_that_nobody_sees():
    given, mask = arrays(512), mask_of(512)

    def scores(causal):
        call = jax.jit(lambda *a: attend(*a, mask=mask, scale=1.0, causal=causal))
        return call.lower(*given).compile().cost_analysis()["flops"]

    share = (PARTS + 1) / (2 * PARTS)
    assert share * 0.98 < scores(True) / scores(False) < share * 1.05
