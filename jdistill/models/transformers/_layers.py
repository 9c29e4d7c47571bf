"""Parts that transformers share: norms, projections, activations, initial weights."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jdistill.typing import Array, Key

ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "silu": jax.nn.silu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
}


def rms_norm(x: Array, scale: Any, *, eps: float, offset: float = 0.0) -> Array:
    r"""`x / sqrt(mean(x^2) + eps) * (offset + scale)`, in float32 at least.

    Args:
        x: `[..., dim]`.
        scale: `[dim]`.
        eps: added to the mean square.
        offset: added to the scale.

    Example:
        >>> rms_norm(jnp.array([1.0, 1.0]), jnp.ones(2), eps=3.0)
        Array([0.5, 0.5], dtype=float32)
    """
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    mean = jnp.square(wide).mean(-1, keepdims=True)
    gain = offset + along(scale, wide)
    return (wide * jax.lax.rsqrt(mean + eps) * gain).astype(x.dtype)


def layer_norm(x: Array, scale: Any, bias: Any, *, eps: float) -> Array:
    """Mean 0, variance 1 along the last axis, then scale and bias; in float32 at least.

    Args:
        x: `[..., dim]`.
        scale: `[dim]`.
        bias: `[dim]`.
        eps: added to the variance.

    Example:
        >>> layer_norm(jnp.array([1.0, 3.0]), jnp.ones(2), jnp.zeros(2), eps=0.0)
        Array([-1.,  1.], dtype=float32)
    """
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    wide = wide - wide.mean(-1, keepdims=True)
    wide = wide * jax.lax.rsqrt(jnp.square(wide).mean(-1, keepdims=True) + eps)
    return (wide * along(scale, wide) + along(bias, wide)).astype(x.dtype)


def dense(params: Mapping[str, Any], x: Array) -> Array:
    """`x @ kernel + bias` in the type of `x`, the bias where there is one.

    Args:
        params: `kernel` `[in, out]` and perhaps `bias` `[out]`.
        x: `[..., in]`.

    Example:
        >>> dense({'kernel': jnp.ones((2, 1)), 'bias': jnp.ones(1)}, jnp.ones((1, 2)))
        Array([[3.]], dtype=float32)
    """
    kernel = params["kernel"].astype(x.dtype)
    # one axis of rows: with two of them XLA turns both factors of the kernel's gradient
    # over on a CPU, and takes twice as long
    y = x.reshape(-1, x.shape[-1]) @ kernel
    y = y.reshape(*x.shape[:-1], kernel.shape[-1])
    return y + along(params["bias"], y) if "bias" in params else y


def network(params: Mapping[str, Any], x: Array, *, activation: str) -> Array:
    r"""`down(f(gate x) * up x)`, or `down(f(up x))` where there is no gate.

    Args:
        params: `up`, `down` and perhaps `gate`, each as of `dense`.
        x: `[..., dim]`.
        activation: name of f.

    Example:
        >>> one = {'kernel': jnp.ones((1, 1))}
        >>> network({'up': one, 'down': one}, jnp.array([[-2.0, 3.0]]).T,
        ...         activation='relu').ravel()
        Array([0., 3.], dtype=float32)
    """
    act, up = ACTIVATIONS[activation], dense(params["up"], x)
    hidden = act(dense(params["gate"], x)) * up if "gate" in params else act(up)
    return dense(params["down"], hidden)


def lookup(table: Any, index: Any, dtype: Any) -> Array:
    """Rows of a table; NaN for those that are not there.

    Args:
        table: `[rows, dim]`.
        index: integers of any shape.
        dtype: type of the rows.

    Example:
        >>> lookup(jnp.ones((3, 1)), jnp.array([2, 3, -1]), jnp.float32).ravel()
        Array([ 1., nan, nan], dtype=float32)
    """
    table = jnp.asarray(table)
    # a negative id would count from the end of the table
    inside = jnp.where(index < 0, table.shape[0], index)
    return table.at[inside].get(mode="fill", fill_value=jnp.nan).astype(dtype)


def wide_product(x: Array, matrix: Any) -> Array:
    """`x @ matrix`, both in the type of `x`, added up in float32 at least.

    Args:
        x: `[..., dim]`.
        matrix: `[dim, out]`.

    Example:
        >>> wide_product(jnp.ones((1, 3), jnp.bfloat16), jnp.ones((3, 1))).dtype
        dtype('float32')
    """
    wide = jnp.promote_types(x.dtype, jnp.float32)
    matrix = jnp.asarray(matrix, x.dtype)
    return jnp.matmul(x, matrix, preferred_element_type=wide)


def along(vector: Any, x: Array) -> Array:
    """A vector along the last axis of `x`, with its rank and in its type.

    Args:
        vector: `[dim]`.
        x: `[..., dim]`.

    Example:
        >>> along(jnp.ones(4), jnp.ones((2, 3, 4))).shape
        (1, 1, 4)
    """
    return jnp.asarray(vector, x.dtype).reshape((1,) * (x.ndim - 1) + (-1,))


def start_dense(
    key: Key, shape: tuple[int, ...], *, bias: bool, std: float = 0.02
) -> dict[str, Array]:
    """Normal weights `[..., in, out]`, and zeros for the bias where there is one.

    Args:
        key: draws the weights.
        shape: of the kernel; leading axes number layers.
        bias: whether there is one.
        std: of the weights.

    Example:
        >>> {k: v.shape for k, v in start_dense(jax.random.key(0), (3, 4, 5),
        ...                                     bias=True).items()}
        {'kernel': (3, 4, 5), 'bias': (3, 5)}
    """
    params = {"kernel": std * jax.random.normal(key, shape)}
    if bias:
        params["bias"] = jnp.zeros((*shape[:-2], shape[-1]))
    return params
