"""Which axes of a weight its products contract and keep, and which are layers."""

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn
from flax import nnx

from jdistill import ops


def ones(*shape):
    return jnp.ones(shape)


def linen(module, *args):
    variables = jax.eval_shape(module.init, jax.random.key(0), *args)
    return lambda params, *x: module.apply(params, *x), (variables, *args)


def nnx_linear():
    graph, state = nnx.split(nnx.Linear(3, 4, rngs=nnx.Rngs(0)))
    return lambda state, x: nnx.merge(graph, state)(x), (state, ones(2, 3))


class Tied(nn.Module):
    @nn.compact
    def __call__(self, tokens):
        embed = nn.Embed(11, 8)
        return embed.attend(nn.Dense(8)(embed(tokens)))


class Layer(nn.Module):
    @nn.compact
    def __call__(self, x, _):
        return x + nn.Dense(8)(nn.MultiHeadDotProductAttention(num_heads=2)(x)), None


def stack(axis):
    layers = nn.scan(
        Layer, variable_axes={"params": axis}, split_rngs={"params": True}, length=3
    )

    class Stack(nn.Module):
        @nn.compact
        def __call__(self, x):
            return layers(name="layers")(x, None)[0]

    return linen(Stack(), ones(2, 5, 8))


def conv(groups):
    module = nn.Conv(6, (3, 2), feature_group_count=groups)
    return linen(module, ones(1, 5, 5, 4))


def heads(p, x):
    return jnp.einsum("bhd,hdo->bo", x, p["w"])


def experts(p, x, sizes):
    return jax.lax.ragged_dot(x, p["w"], sizes)


def by_hand(p, x):
    return x @ p["w"][0] @ p["w"][1]


def tied_autoencoder(p, x):
    return jnp.tanh(x @ p["w"]) @ p["w"].T


def masked(p, x):
    return x @ (p["w"] * jnp.where(p["w"] > 0, 1.0, 0.0)).T


def joined(p, x):
    return x @ p["w"].reshape(3, 8)


def split_up(p, x):
    return jnp.einsum("bi,hid->bhd", x, p["w"].reshape(5, 2, 4).transpose(1, 0, 2))


X3, X4 = ones(7, 3), ones(7, 4)
W34 = {"w": ones(3, 4)}
ATTENTION = "params/layers/MultiHeadDotProductAttention_0"
CASES = {
    "linen Dense": (linen(nn.Dense(4), X3), "params/kernel", (0,), (1,), ()),
    "linen Conv": (conv(1), "params/kernel", (0, 1, 2), (3,), ()),
    "linen grouped Conv": (conv(2), "params/kernel", (0, 1, 2), (3,), ()),
    "linen scanned query": (stack(0), f"{ATTENTION}/query/kernel", (1,), (2, 3), (0,)),
    "linen scanned out": (stack(0), f"{ATTENTION}/out/kernel", (1, 2), (3,), (0,)),
    "linen scanned Dense": (stack(0), "params/layers/Dense_0/kernel", (1,), (2,), (0,)),
    "scanned along axis 1": (
        stack(1), "params/layers/Dense_0/kernel", (0,), (2,), (1,)),
    "nnx Linear": (nnx_linear(), "kernel", (0,), (1,), ()),
    "out x in": ((lambda p, x: x @ p["w"].T, (W34, X4)), "w", (1,), (0,), ()),
    "weight on the left": ((lambda p, x: p["w"] @ x.T, (W34, X4)), "w", (1,), (0,), ()),
    "einsum over two axes": (
        (heads, ({"w": ones(2, 3, 4)}, ones(7, 2, 3))), "w", (0, 1), (2,), ()),
    "a matrix for each head": (
        (lambda p, x: jnp.einsum("bhd,hdo->bho", x, p["w"]),
         ({"w": ones(2, 3, 4)}, ones(7, 2, 3))), "w", (1,), (2,), (0,)),
    "experts": (
        (experts, ({"w": ones(2, 3, 4)}, X3, jnp.array([3, 4]))), "w", (1,), (2,),
        (0,)),
    "layers by index": (
        (by_hand, ({"w": ones(2, 3, 3)}, X3)), "w", (1,), (2,), (0,)),
    "axes joined": ((joined, ({"w": ones(3, 2, 4)}, X3)), "w", (0,), (1, 2), ()),
    "an axis split": (
        (split_up, ({"w": ones(5, 8)}, ones(7, 5))), "w", (0,), (1,), ()),
    "kept and contracted": ((tied_autoencoder, (W34, X3)), "w", (0, 1), (), ()),
    "masked in the model": ((masked, (W34, X4)), "w", (1,), (0,), ()),
    "hidden by arithmetic": (
        (lambda p, x: x @ (p["w"] @ jnp.ones((4, 4))), (W34, X3)), "w", (0, 1), (), ()),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_axes_of_a_weight_are_of_the_kind_that_its_products_give_them(name):
    (fn, args), path, contracted, kept, layers = CASES[name]
    use = ops.uses(fn, *args)[path]
    assert (use.contracted, use.kept, use.layers) == (contracted, kept, layers)
    assert not use.looked_up


def test_an_embedding_is_no_weight_and_a_tied_head_is_told_apart():
    fn, args = linen(Tied(), jnp.arange(6).reshape(2, 3))
    found = ops.uses(fn, *args)
    assert sorted(found) == ["params/Dense_0/kernel", "params/Embed_0/embedding"]
    tied = found["params/Embed_0/embedding"]
    assert tied.looked_up and (tied.contracted, tied.kept) == ((1,), (0,))
    assert not found["params/Dense_0/kernel"].looked_up


def test_a_look_up_by_a_constant_is_no_look_up():
    def fn(p, x):
        return x @ p["w"][jnp.array([0, 1, 2])]

    assert not ops.uses(fn, {"w": ones(5, 4)}, X3)["w"].looked_up


def test_every_product_that_reads_a_weight_is_named():
    found = ops.uses(tied_autoencoder, W34, X3)
    assert found["w"].keys == ("w", "w#1")


def test_a_use_is_static_in_a_compiled_function():
    use = ops.uses(tied_autoencoder, W34, X3)["w"]
    assert jax.tree.leaves(use) == []
    assert jax.jit(lambda use: use)(use) == use
