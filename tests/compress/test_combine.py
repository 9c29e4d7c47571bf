import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import compress
from jdistill.typing import Compression

W = jnp.asarray(np.random.default_rng(0).normal(size=(12, 10)), jnp.float32)
PARAMS = {"a": W, "b": W[:5] * 3}
MASK = compress.magnitude(sparsity=0.4, where="a")
ALL = compress.global_magnitude(sparsity=0.6, where=".*")
CODES = compress.fake_quant(bits=4, where=".*")


def recorder(factor=1.0):
    """Multiplies by a learned factor, and keeps what it saw in its state."""

    def init(params, *, key=None, products=None):
        return jnp.float32(factor), (params, params)

    def update(params, learned, state, *, step, grads=None, stats=None, key=None):
        return params, learned, (params, grads)

    def apply(params, learned, state):
        return jax.tree.map(lambda x: x * learned, params)

    def encode(params, learned, state):
        applied = apply(params, learned, state)
        return {path: compress.Dense(x) for path, x in applied.items()}

    def trainable(params, learned, state):
        return jax.tree.map(lambda _: True, params)

    return Compression(init, update, apply, encode, trainable, ())


def leaves_equal(one, two):
    one, two = jax.tree.leaves(one), jax.tree.leaves(two)
    assert len(one) == len(two)
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    "stages",
    [
        (MASK, ALL, CODES),
        (MASK, recorder(0.5), CODES),
        (recorder(2.0), ALL, recorder(3.0)),
        (compress.identity(), MASK, CODES),
    ],
)
def test_chaining_is_associative(stages):
    a, b, c = stages
    chain = compress.chain
    results = []
    for made in (chain(a, b, c), chain(chain(a, b), c), chain(a, chain(b, c))):

        def after(params, made=made):
            at = made.update(params, *made.init(params), step=1, grads=params)
            return at, made.apply(*at)

        at, applied = jax.jit(after)(PARAMS)
        results.append((at, applied, made.trainable(*at), made.kinds))
    for at, applied, trainable, kinds in results[1:]:
        leaves_equal((at, applied, trainable), results[0][:3])
        assert kinds == results[0][3]


def test_a_later_stage_sees_what_an_earlier_one_applied():
    late = recorder()
    at = compress.chain(MASK, late).init(PARAMS)
    leaves_equal(at[1][1][0], PARAMS)
    params, _, (_, (seen, grads)) = compress.chain(MASK, late).update(
        PARAMS, *at, step=0, grads=PARAMS
    )
    assert float((seen["a"] == 0).mean()) == pytest.approx(0.4)
    leaves_equal(seen, params)
    leaves_equal(grads, PARAMS)


def test_an_earlier_stage_gets_gradients_through_the_later_ones_only():
    early = recorder(5.0)
    c = compress.chain(early, recorder(2.0), recorder(3.0))
    at = c.update(PARAMS, *c.init(PARAMS), step=0, grads=PARAMS)
    (((_, first), (_, second)), (_, third)) = at[2]
    leaves_equal(third, PARAMS)
    leaves_equal(second, jax.tree.map(lambda g: g * 3, PARAMS))
    leaves_equal(first, jax.tree.map(lambda g: g * 3 * 2, PARAMS))


def test_raw_parameters_change_only_where_a_stage_set_them():
    c = compress.chain(recorder(2.0), MASK)
    params, _, state = c.update(PARAMS, *c.init(PARAMS), step=0)
    mask = state[1].masks["a"]
    assert np.array_equal(params["a"], np.where(mask, W, 0))
    assert params["b"] is PARAMS["b"]


@pytest.mark.parametrize("late", [MASK, compress.chain(CODES, compress.identity())])
def test_an_order_that_breaks_an_invariant_is_refused(late):
    with pytest.raises(ValueError, match=r"'quantize' comes before 'mask'.*zeros"):
        compress.chain(CODES, MASK, late)


def test_codes_of_codes_are_refused_and_different_places_are_not():
    with pytest.raises(ValueError, match=r"Quantized already.*different where="):
        compress.chain(CODES, compress.fake_quant(where="a")).init(PARAMS)
    one, two = (compress.fake_quant(bits=b, where=w) for b, w in [(4, "a"), (8, "b")])
    c = compress.chain(one, two)
    forms = c.encode(PARAMS, *c.init(PARAMS))
    assert (forms["a"].bits, forms["b"].bits) == (4, 8)


def test_masks_are_outside_and_codes_inside():
    c = compress.chain(MASK, ALL, CODES)
    forms = c.encode(*c.update(PARAMS, *c.init(PARAMS), step=0))
    assert type(forms["a"]) is compress.Sparse
    assert type(forms["a"].values) is compress.Quantized


def test_an_empty_chain_is_the_identity():
    c = compress.chain()
    assert c.apply(PARAMS, *c.init(PARAMS)) is PARAMS
    assert compress.chain(MASK) is MASK
