"""Functions of every kind that the interpreter must see through."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx


class Example(NamedTuple):
    fn: object
    args: tuple
    weights: tuple  # what ops.weights must find
    unread: tuple  # what ops.uncovered must find


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


class Perceptron(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(nn.relu(nn.Dense(8)(x)))


class Convolutional(nn.Module):
    @nn.compact
    def __call__(self, x, *, train=False):
        x = nn.Conv(4, (3, 3), strides=2)(x)
        x = nn.relu(nn.BatchNorm(use_running_average=not train)(x))
        x = nn.Conv(4, (3, 3), feature_group_count=2, kernel_dilation=2)(x)
        return nn.Dense(3)(x.reshape(x.shape[0], -1))


class Block(nn.Module):
    @nn.compact
    def __call__(self, x, _):
        x = x + nn.MultiHeadDotProductAttention(num_heads=2)(nn.LayerNorm()(x))
        return x + nn.Dense(8)(nn.gelu(nn.Dense(12)(nn.LayerNorm()(x)))), None


class Language(nn.Module):
    @nn.compact
    def __call__(self, tokens):
        embed = nn.Embed(11, 8)
        x = embed(tokens) + self.param("place", nn.initializers.normal(), (1, 5, 8))
        layers = nn.scan(
            nn.remat(Block, prevent_cse=False),
            variable_axes={"params": 0},
            split_rngs={"params": True},
            length=3,
        )
        return embed.attend(layers(name="layers")(x, None)[0])


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["first", "rest"], meta_fields=[]
)
class Plain:
    def __init__(self, first, rest):
        self.first, self.rest = first, rest


def linen(module, *args):
    variables = jax.jit(module.init)(jax.random.key(0), *args)
    state = {k: v for k, v in variables.items() if k != "params"}

    def fn(params, state, *args):
        return module.apply({"params": params, **state}, *args)

    return fn, (variables["params"], state, *args)


def perceptron():
    paths = ("Dense_0/kernel", "Dense_1/kernel")
    return Example(*linen(Perceptron(), normal(0, 4, 5)), paths, ())


def convolutional():
    paths = ("Conv_0/kernel", "Conv_1/kernel", "Dense_0/kernel")
    return Example(*linen(Convolutional(), normal(0, 2, 8, 8, 2)), paths, ())


def language():
    tokens = jnp.arange(10).reshape(2, 5)
    block = "layers/MultiHeadDotProductAttention_0"
    paths = (
        "Embed_0/embedding",
        "layers/Dense_0/kernel",
        "layers/Dense_1/kernel",
        *(f"{block}/{name}/kernel" for name in ("key", "out", "query", "value")),
    )
    stacked = [f"{block}/{name}/bias" for name in ("key", "out", "query", "value")]
    norms = [f"layers/LayerNorm_{i}/{n}" for i in (0, 1) for n in ("bias", "scale")]
    dense = ["layers/Dense_0/bias", "layers/Dense_1/bias"]
    unread = tuple(sorted(["place", *stacked, *norms, *dense]))
    return Example(*linen(Language(), tokens), paths, unread)


def nnx_model():
    rngs = nnx.Rngs(0)
    model = nnx.Sequential(nnx.Linear(5, 8, rngs=rngs), nnx.Linear(8, 3, rngs=rngs))
    graph, state = nnx.split(model)

    def fn(state, x):
        return nnx.merge(graph, state)(x)

    paths = ("layers/0/kernel", "layers/1/kernel")
    return Example(fn, (state, normal(0, 4, 5)), paths, ())


def plain_class():
    model = Plain(normal(0, 5, 8), [normal(1, 8, 8), (normal(2, 3, 8), None)])

    def fn(model, x):
        x = jnp.tanh(x @ model.first)
        return jnp.tanh(x @ model.rest[0]) @ model.rest[1][0].T

    return Example(fn, (model, normal(3, 4, 5)), ("first", "rest/0", "rest/1/0"), ())


def einsums():
    params = {"a": normal(0, 3, 5, 4), "b": normal(1, 4, 6), "table": normal(2, 7, 6)}

    @jax.jit
    def inner(params, x):
        mixed = jnp.einsum("bti,hij->bhtj", x, params["a"])
        return jnp.einsum("bhtj,jk->bk", mixed, params["b"].astype(jnp.float32))

    def fn(params, x, index):
        y = inner(params, x) + params["table"][index]
        return jax.vmap(lambda row: row @ (params["b"] * jnp.ones((1, 1))).T)(y)

    args = (params, normal(3, 2, 6, 5), jnp.array([1, 2]))
    return Example(fn, args, ("a", "b"), ("table",))


@jax.custom_jvp
def halved_tangent(w, x):
    return x @ w


@halved_tangent.defjvp
def _(primals, tangents):
    return halved_tangent(*primals), sum(
        jax.jvp(lambda w, x: x @ w, primals, tangents)[1:]
    ) / 2


@jax.custom_vjp
def doubled_cotangent(w, x):
    return x @ w


def _backward(residuals, g):
    w, x = residuals
    return 2 * x.T @ g, 2 * g @ w.T


doubled_cotangent.defvjp(lambda w, x: (x @ w, (w, x)), _backward)


def control_flow():
    names = ("cond", "custom_jvp", "custom_vjp", "recurrent", "stack", "while")
    params = {name: normal(i, 4, 4) / 2 for i, name in enumerate(names)}
    params["stack"] = normal(9, 3, 4, 4) / 2

    def fn(params, x):
        def layer(x, w):
            return jnp.tanh(doubled_cotangent(params["custom_vjp"], x) + x @ w), x.sum()

        def time(h, x):
            return jnp.tanh(x[None] + h @ params["recurrent"]), h

        x, _ = jax.lax.scan(layer, x, params["stack"], reverse=True)
        h, _ = jax.lax.scan(time, jnp.zeros((1, 4)), x)
        x = halved_tangent(params["custom_jvp"], x + h)
        x = jax.lax.cond(x.sum() > 1e6, lambda x: x @ params["cond"], jnp.cos, x)
        more = jax.lax.fori_loop(0, 2, lambda i, x: jnp.sin(x @ params["while"]), x)
        return more + x

    return Example(fn, (params, normal(7, 5, 4)), names, ())


EXAMPLES = {
    "linen perceptron": perceptron,
    "linen convolutional": convolutional,
    "linen language": language,
    "nnx": nnx_model,
    "plain class": plain_class,
    "einsum": einsums,
    "control flow": control_flow,
}


@functools.cache
def build(name):
    return EXAMPLES[name]()


@pytest.fixture(params=EXAMPLES)
def example(request):
    return build(request.param)


@pytest.fixture
def examples():
    return build
