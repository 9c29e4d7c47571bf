"""A network computed in another type than its parameters are kept in."""

from typing import Any

import jax
import jax.numpy as jnp

from jdistill import kinds
from jdistill.models._sizes import float_type
from jdistill.typing import Batch, Model, Tree

KEPT = (
    *("mask", "token_mask", "source_mask", "label_mask"),
    *("label", "weight", "outputs"),
)
"""Entries of a batch that stay as they are: they count examples and tokens."""


def compute_in(model: Model, compute_dtype: str) -> Model:
    r"""A network that casts its parameters and inputs before it computes.

    .. math:: f'(\theta, x) = f(cast(\theta), cast(x)), \quad
        \partial f' / \partial \theta = cast^{-1}(\partial f / \partial cast(\theta))

    Parameters stay in the type they are kept in, and so do their gradients. What is
    cast is every floating-point parameter and entry of the batch but masks and labels,
    all at once and before any of it is used: where weights are split over devices, the
    cast ones are gathered. The state, such as batch statistics, keeps its own type. A
    layer with a type of its own (`dtype=` of linen and nnx) computes in that one.

    Args:
        model: any model.
        compute_dtype: 'bfloat16', 'float16', 'float32' or 'float64'.

    Returns:
        A model of the same parameters and state; its outputs are of the type that the
        network gives.

    Raises:
        ValueError: `compute_dtype` is none of these.

    References:
        Micikevicius et al., Mixed precision training, ICLR 2018 (arXiv:1710.03740);
        Kalamkar et al., A study of BFLOAT16 for deep learning training, 2019
        (arXiv:1905.12322).

    Example:
        >>> from jdistill.models import from_function
        >>> half = compute_in(from_function(lambda p, x: x @ p['w']), 'bfloat16')
        >>> params, batch = {'w': jnp.ones((5, 3))}, {'inputs': jnp.ones((2, 5))}
        >>> half.apply(params, {}, batch)[0].logits.dtype
        dtype(bfloat16)
    """
    kinds.model(model=model)
    kind = float_type(compute_dtype, name="compute_dtype")

    def apply(params, state, batch, /, *, train=False, key=None):
        outputs, after = model.apply(
            _cast(params, kind), state, _inputs(batch, kind), train=train, key=key
        )
        return outputs, jax.tree.map(_like, after, state)

    head = model.head
    return model._replace(
        apply=apply,
        head=None if head is None else lambda params: head(_cast(params, kind)),
        name=f"{model.name or 'a model'} in {compute_dtype}",
    )


def _inputs(batch: Batch, kind: Any) -> Batch:
    return {n: x if n in KEPT else _cast(x, kind) for n, x in batch.items()}


def _cast(values: Tree, kind: Any) -> Tree:
    def cast(x):
        floats = jnp.issubdtype(jnp.result_type(x), jnp.floating)
        return jnp.asarray(x, kind) if floats else x

    return jax.tree.map(cast, values)


def _like(new: Any, old: Any) -> Any:
    return jnp.asarray(new, jnp.result_type(old))
