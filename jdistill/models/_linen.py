"""Any flax.linen module as a `Model`."""

import contextlib
import dataclasses
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.errors import InvalidRngError

from jdistill import kinds
from jdistill.models._arguments import entries, keywords, names, refuse_hidden
from jdistill.models._outputs import as_outputs
from jdistill.models._padding import keep_if_padding, real_positions
from jdistill.models._taps import read_taps
from jdistill.typing import Batch, Model, Outputs, Tree

CAPTURED = "intermediates"
CONVOLUTIONS = (nn.Conv, nn.ConvLocal, nn.ConvTranspose)


def from_linen(
    module: nn.Module,
    *,
    taps: str | Sequence[str] = (),
    inputs: str | Sequence[str] = "inputs",
) -> Model:
    """A flax.linen module as a `Model`; the module is not changed.

    The signature of `__call__` decides what it is called with besides the inputs: the
    mode (`train`, `deterministic`...), `mask` or `token_mask` (the batch's
    `token_mask`), and any other parameter that is named like an entry of the batch.
    Collections other than `params` are the state; those that grow from call to call
    (`sow`) are left out of it. In training the batch's `mask` reaches each BatchNorm,
    so padding changes no statistics. All random streams come from `key`.

    Args:
        module: returns the logits, or `Outputs`.
        taps: paths of submodules (`'Block_0/Conv_1'`) whose outputs become
            `Outputs.features`; `'path/method'` taps another method than `__call__`,
            `'path/name'` a value that the module sows, and `'path#1'` the second call.
            Inside `nn.scan(variable_axes={..., 'intermediates': 0})` a tap is the
            stack over the layers.
        inputs: the entries of the batch that are passed by position.

    Returns:
        The model. Its `apply` raises ValueError for a batch without the inputs, for a
        tap that does not exist, where a `key` is needed and not given, and for images
        without a channel, which linen would take for one example.

    Example:
        >>> model = from_linen(nn.Sequential([nn.Dense(3), nn.relu, nn.Dense(2)]),
        ...                    taps='layers_0')
        >>> batch = {'inputs': jax.numpy.ones((5, 4))}
        >>> params, state = jax.jit(model.init)(jax.random.key(0), batch)
        >>> outputs, state = model.apply(params, state, batch)
        >>> outputs.logits.shape, outputs.features['layers_0'].shape
        ((5, 2), (5, 3))
    """
    _check_module(module)
    read, wanted = names(inputs=inputs), names(taps=taps)
    supply = keywords(type(module).__call__, after=1 + len(read))

    def forward(variables, batch, *, train, key, capture):
        inputs = entries(batch, read)
        with _checked_images(inputs), _masked_statistics(batch, train=train):
            return module.apply(
                variables,
                *inputs,
                rngs=None if key is None else {"params": key},
                mutable=[*(set(variables) - {"params"}), CAPTURED],
                capture_intermediates=capture,
                **supply(batch, train=train),
            )

    def init(key: Any, batch: Batch) -> tuple[Tree, Tree]:
        arguments, inputs = supply(batch, train=False), entries(batch, read)
        with _checked_images(inputs):
            variables = dict(module.init(key, *inputs, **arguments))
        params = variables.pop("params", {})
        return params, _without_sown(forward, params, variables, batch)

    def apply(params, state, batch, *, train=False, key=None) -> tuple[Outputs, Tree]:
        def run(capture):
            variables = {"params": params, **state}
            return forward(variables, batch, train=train, key=key, capture=capture)

        try:
            out, changed = run(_only(wanted))
        except InvalidRngError as error:
            raise ValueError(
                f"the model draws random numbers here; pass key= to apply ({error})"
            ) from error
        out = as_outputs(out)
        features = read_taps(
            wanted,
            _by_name(changed.get(CAPTURED, {})),
            lambda: _by_name(jax.eval_shape(lambda: run(True)[1])[CAPTURED]),
        )
        new = {name: changed.get(name, state[name]) for name in state}
        if train and state:
            new = keep_if_padding(new, dict(state), batch)
        return out._replace(features={**out.features, **features}), new

    return Model(init, apply, name=_said(module))


def _said(module: nn.Module) -> str:
    """Its class, and what it was made with."""
    own = [
        f.name for f in dataclasses.fields(module) if f.name not in ("parent", "name")
    ]
    made = {name: getattr(module, name) for name in own}
    shown = (f"{n}={_named(x)}" for n, x in made.items() if x is not None)
    text = f"{type(module).__name__.lstrip('_')}({', '.join(shown)})"
    return textwrap.shorten(text, 100, placeholder=" ...)")


def _named(value: Any) -> str:
    """Layers and functions by their names, other values as they are."""
    if isinstance(value, list | tuple) and any(map(callable, value)):
        return f"[{', '.join(map(_named, value))}]"
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return repr(value)


def _check_module(module: Any) -> None:
    if not isinstance(module, nn.Module):
        mend = ": from_nnx takes modules of nnx" if _is_nnx(module) else ""
        said = "a flax.linen module, such as nn.Dense(3)"
        raise TypeError(f"module must be {said}, got {kinds.got(module)}{mend}")
    if type(module) is not nn.Sequential:  # hands on what it is given
        refuse_hidden(type(module).__call__)


def _is_nnx(module: Any) -> bool:
    return type(module).__module__.startswith("flax.nnx")


def _without_sown(forward, params, state, batch: Batch) -> dict[str, Any]:
    # A collection with a leaf more after each call would never settle as a state.
    def after(params, state):
        key = jax.random.key(0)
        variables = {"params": params, **state}
        return forward(variables, batch, train=False, key=key, capture=False)[1]

    if not state:
        return {}
    changed = jax.eval_shape(after, params, state)
    settled = jax.tree.structure
    return {
        name: value
        for name, value in state.items()
        if settled(changed.get(name, value)) == settled(value)
    }


def _checked_images(inputs: Sequence[Any]):
    """Refuses a convolution that takes a whole batch for one example, as linen does."""
    shapes = {jnp.shape(x) for x in inputs}

    def check(call, args, kwargs, context):
        module = context.module
        if isinstance(module, CONVOLUTIONS) and args and args[0].shape in shapes:
            size = module.kernel_size
            if args[0].ndim <= 1 + (1 if isinstance(size, int) else len(size)):
                raise ValueError(
                    f"the convolution {'/'.join(module.path)!r} takes inputs "
                    f"{list(args[0].shape)} for one example and no batch: it reads "
                    "[batch, ..., channels], and grey images have one channel behind, "
                    "x[..., None]"
                )
        return call(*args, **kwargs)

    return nn.intercept_methods(check)


def _masked_statistics(batch: Batch, *, train: bool):
    if not train:
        return contextlib.nullcontext()

    def give_mask(call, args, kwargs, context):
        module = context.module
        if isinstance(module, nn.BatchNorm) and context.method_name == "__call__":
            at = "/".join(module.path)
            if kwargs.get("mask") is None and args:
                kwargs = {**kwargs, "mask": real_positions(args[0].shape, batch, at=at)}
        return call(*args, **kwargs)

    return nn.intercept_methods(give_mask)


def _only(wanted: tuple[str, ...]) -> Callable[[nn.Module, str], bool] | bool:
    chosen = {name.split("#")[0] for name in wanted}

    def keep(module: nn.Module, method: str) -> bool:
        path = "/".join(module.path)
        return (method == "__call__" and path in chosen) or f"{path}/{method}" in chosen

    return keep if wanted else False


def _by_name(captured: Tree) -> dict[str, tuple[Any, ...]]:
    """All calls' values by path, the method's name left out for `__call__`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(
        captured, is_leaf=lambda x: isinstance(x, tuple)
    )
    paths = ("/".join(key.key for key in keys) for keys, _ in leaves)
    named = (
        (p.removesuffix("/__call__"), value)
        for p, (_, value) in zip(paths, leaves, strict=True)
    )
    return {p: value if isinstance(value, tuple) else (value,) for p, value in named}
