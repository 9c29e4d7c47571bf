import jax
import jax.numpy as jnp
import pytest

from jdistill import ops

W = jnp.ones((3, 4))
X = jnp.ones((2, 3))


def madds(fn, *args, **kwargs):
    return ops.count(fn, *args, **kwargs).total.multiply_adds


def conv(w, x, **kwargs):
    numbers = ("NHWC", "HWIO", "NHWC")
    defaults = dict(window_strides=(1, 1), padding="VALID", dimension_numbers=numbers)
    return jax.lax.conv_general_dilated(x, w, **{**defaults, **kwargs})


def test_a_matrix_product_counts_its_three_sizes_and_its_bytes():
    cost = ops.count(lambda w, x: x @ w["a"], {"a": W}, X).ops["a"]
    assert cost == (2 * 3 * 4, 4 * 12, 4 * (6 + 8))


@pytest.mark.parametrize(
    "options, shape, wanted",
    [
        ({}, (3, 3, 2, 6), 4 * 4 * 6 * 9 * 2),
        ({"window_strides": (2, 2)}, (3, 3, 2, 6), 2 * 2 * 6 * 9 * 2),
        ({"feature_group_count": 2}, (3, 3, 1, 6), 4 * 4 * 6 * 9),
        ({"rhs_dilation": (2, 2)}, (3, 3, 2, 6), 2 * 2 * 6 * 9 * 2),
        (
            {"lhs_dilation": (2, 2), "padding": [(0, 0)] * 2},
            (2, 2, 2, 6),
            10 * 10 * 6 * 4 * 2 // 4,
        ),
    ],
)
def test_convolutions_count_their_windows(options, shape, wanted):
    x = jnp.ones((1, 6, 6, 2))
    assert madds(lambda w, x: conv(w, x, **options), jnp.ones(shape), x) == wanted


def test_loops_multiply_and_branches_take_the_dearest():
    def fn(w, x):
        def step(x, _):
            cheap, dear = (lambda x: x @ w), (lambda x: x @ w @ w)
            return jax.lax.cond(x.sum() > 0, cheap, dear, x), None

        return jax.lax.scan(step, x @ w, None, length=5)[0]

    one = 2 * 3 * 3
    assert madds(fn, jnp.ones((3, 3)), X) == one + 5 * 2 * one


def test_a_while_loop_asks_for_its_trips():
    def fn(w, x):
        return jax.lax.while_loop(lambda x: x.sum() < 9, lambda x: x @ w["a"], x)

    args = {"a": jnp.ones((3, 3))}, X
    with pytest.raises(ValueError, match=r"'a' is in a while loop.*give trips="):
        ops.count(fn, *args)
    assert madds(fn, *args, trips=7) == 7 * 18


def test_experts_count_each_row_once():
    def fn(w, x, n):
        return jax.lax.ragged_dot(x, w, n)

    assert madds(fn, jnp.ones((2, 3, 4)), jnp.ones((5, 3)), jnp.array([2, 3])) == 60


def test_counts_agree_with_the_compiler_s_for_plain_products(examples):
    fn, args, _, _ = examples("linen perceptron")
    flops = jax.jit(fn).lower(*args).compile().cost_analysis()["flops"]
    assert 2 * madds(fn, *args) <= flops <= 2.5 * madds(fn, *args)


def test_attention_counts_though_it_reads_no_weight(examples):
    fn, args, _, _ = examples("linen language")
    found = ops.count(fn, *args)
    assert found.total.multiply_adds == sum(c.multiply_adds for c in found.ops.values())
    pairs = [cost for key, cost in found.ops.items() if "dot_general" in key]
    assert [cost.weight_bytes for cost in pairs] == [0, 0]
    assert [cost.multiply_adds for cost in pairs] == [3 * 2 * 2 * 5 * 5 * 4] * 2
