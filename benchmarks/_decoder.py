"""A decoder in plain JAX: layers in a scan, worked off again in the backward pass."""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jdistill.typing import Model, Outputs

RULES = [
    (".*(query|key|value|gate|up)", PartitionSpec(None, "data", "model")),
    (".*(out|down)", PartitionSpec(None, "model", "data")),
    (".*embed", PartitionSpec("model", "data")),
    (".*head", PartitionSpec("data", "model")),
]


class Form(NamedTuple):
    """Sizes: `groups` are heads of keys and values, `hidden` is inside the gate."""

    depth: int
    dim: int
    heads: int
    groups: int
    hidden: int
    vocab: int


def shapes(form: Form) -> dict:
    """The shape of each parameter; those of layers are stacked."""
    wide = form.dim // form.heads * form.groups
    layer = {
        "query": (form.dim, form.dim),
        "key": (form.dim, wide),
        "value": (form.dim, wide),
        "out": (form.dim, form.dim),
        "gate": (form.dim, form.hidden),
        "up": (form.dim, form.hidden),
        "down": (form.hidden, form.dim),
        "before": (form.dim,),
        "between": (form.dim,),
    }
    return {
        "embed": (form.vocab, form.dim),
        "layers": {name: (form.depth, *shape) for name, shape in layer.items()},
        "last": (form.dim,),
        "head": (form.dim, form.vocab),
    }


def count(form: Form) -> int:
    """The number of parameters."""
    leaves = jax.tree.leaves(shapes(form), is_leaf=lambda x: isinstance(x, tuple))
    return sum(map(math.prod, leaves))


def init(*, form: Form, dtype) -> dict:
    """Parameters of the right shapes; only these are looked at."""
    return jax.tree.map(
        lambda shape: jnp.zeros(shape, dtype),
        shapes(form),
        is_leaf=lambda x: isinstance(x, tuple),
    )


def apply(params: dict, tokens, *, form: Form, mesh: Mesh):
    """The logits of the next tokens, in bfloat16 `[batch, steps, vocab]`."""
    place = NamedSharding(mesh, PartitionSpec("data"))
    keep = functools.partial(jax.lax.with_sharding_constraint, shardings=place)
    # Cast before the scan slices them, so that bfloat16 is what is gathered.
    params = jax.tree.map(lambda x: x.astype(jnp.bfloat16), params)
    return hidden(params, tokens, form=form, keep=keep) @ params["head"]


def hidden(params: dict, tokens, *, form: Form, keep=lambda x: x):
    """What the head makes logits of, in the parameters' type `[batch, steps, dim]`."""

    @jax.checkpoint
    def layer(x, weights):
        x = keep(x + _attention(_normal(x, weights["before"]), weights, form))
        inner = _normal(x, weights["between"])
        gate = jax.nn.silu(inner @ weights["gate"]) * (inner @ weights["up"])
        return keep(x + gate @ weights["down"]), None

    x = keep(params["embed"][tokens])
    x, _ = jax.lax.scan(layer, x, params["layers"])
    return _normal(x, params["last"])


def model(form: Form, mesh: Mesh) -> Model:
    """The decoder as a `Model`."""

    def first(key, batch):
        return init(form=form, dtype=jnp.float32), {}

    def forward(params, state, batch, *, train=False, key=None):
        return Outputs(apply(params, batch["inputs"], form=form, mesh=mesh)), state

    return Model(first, forward)


def _attention(x, weights, form: Form):
    size = form.dim // form.heads
    query = (x @ weights["query"]).reshape(*x.shape[:2], form.heads, size)
    key = (x @ weights["key"]).reshape(*x.shape[:2], form.groups, size)
    value = (x @ weights["value"]).reshape(*x.shape[:2], form.groups, size)
    query, key = _turned(query), _turned(key)
    found = jax.nn.dot_product_attention(query, key, value, is_causal=True)
    return found.reshape(x.shape) @ weights["out"]


def _normal(x, scale):
    wide = x.astype(jnp.float32)
    size = jax.lax.rsqrt(jnp.mean(wide**2, axis=-1, keepdims=True) + 1e-5)
    return (wide * size).astype(x.dtype) * (1 + scale)


def _turned(x):
    """Rotary positions."""
    half = x.shape[-1] // 2
    rates = 10_000.0 ** (-jnp.arange(half) / half)
    angle = jnp.arange(x.shape[1])[:, None] * rates
    cos, sin = jnp.cos(angle)[None, :, None], jnp.sin(angle)[None, :, None]
    a, b = x[..., :half].astype(jnp.float32), x[..., half:].astype(jnp.float32)
    turned = jnp.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)
    return turned.astype(x.dtype)
