"""A plain function of parameters and inputs as a `Model`."""

from collections.abc import Callable, Sequence
from typing import Any

from jdistill import kinds
from jdistill.models._arguments import entries, keywords, names, refuse_hidden
from jdistill.models._outputs import as_outputs
from jdistill.typing import Batch, Model, Outputs, Tree


def from_function(
    apply: Callable[..., Any],
    init: Callable[..., Tree] | None = None,
    *,
    inputs: str | Sequence[str] = "inputs",
) -> Model:
    """A plain `apply(params, x)` as a `Model`; its state is always empty.

    Whatever pytree of arrays the parameters are: a dictionary, a tuple, the arrays of
    an Equinox module (`eqx.partition`). Like
    in `from_linen` the signature of `apply` decides what else it is called with
    (`train`, `token_mask`...). A parameter named `key` gets the random key, and None
    where there is none, in evaluation.

    Args:
        apply: `apply(params, x, ...) -> logits` or `Outputs`.
        init: `init(key, x) -> params`. Without it the model cannot be initialised,
            and its parameters come from elsewhere.
        inputs: the entries of the batch that are passed by position.

    Returns:
        The model. `init` raises ValueError where none was given, `apply` where the
        batch lacks the inputs.

    Raises:
        TypeError: `apply` is no function.
        ValueError: it takes `**more` and names no mode, so that it would never be told
            that it trains.

    Example:
        >>> import jax.numpy as jnp
        >>> model = from_function(lambda params, x: x @ params['w'])
        >>> outputs, _ = model.apply({'w': jnp.ones((3, 2))}, {},
        ...                          {'inputs': jnp.ones((1, 3))})
        >>> outputs.logits
        Array([[3., 3.]], dtype=float32)
    """
    kinds.function(apply=apply)
    read = names(inputs=inputs)
    supply = keywords(apply, after=1 + len(read))
    refuse_hidden(apply)

    def start(key: Any, batch: Batch) -> tuple[Tree, Tree]:
        if init is None:
            raise ValueError(
                "this model was made without init; pass from_function(apply, "
                "init=init), or start from parameters you have: Frozen(params)"
            )
        params = init(key, *entries(batch, read))
        kinds.arrays(params=params)
        return params, {}

    def run(params, state, batch, *, train=False, key=None) -> tuple[Outputs, Tree]:
        out = apply(
            params, *entries(batch, read), **supply(batch, train=train, key=key)
        )
        return as_outputs(out), state

    name = getattr(apply, "__name__", type(apply).__name__)
    return Model(start, run, name=f"function {name}")
