"""Any flax.nnx module as a `Model`."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jdistill import kinds, tree
from jdistill.models._arguments import entries, keywords, names
from jdistill.models._outputs import as_outputs
from jdistill.models._padding import keep_if_padding, real_positions
from jdistill.models._taps import read_taps
from jdistill.typing import Batch, Model, Outputs, Tree

MASKS = ("mask", "token_mask")


def from_nnx(
    factory: Callable[[nnx.Rngs], nnx.Module],
    *,
    taps: str | Sequence[str] = (),
    inputs: str | Sequence[str] = "inputs",
) -> Model:
    """A flax.nnx module as a `Model`, from the function that builds it.

    Parameters and state are `nnx.State`s of plain arrays: every `nnx.Param`, and all
    other variables but those of random streams, which are made anew from `key` in each
    call. The mode is set with `train()` and `eval()`, and passed to parameters named
    `train`, `deterministic`... as in `from_linen`; so are masks. In training the
    batch's `mask` reaches each BatchNorm.

    Args:
        factory: `factory(rngs) -> module`. The parameters of a module you have are
            `nnx.state(module, nnx.Param)`.
        taps: paths of submodules (`'blocks/0/linear'`) whose outputs become
            `Outputs.features`; `'path/name'` is a value that the module sows, and
            `'path#1'` the second call.
        inputs: the entries of the batch that are passed by position.

    Returns:
        The model. Its `apply` raises ValueError for a batch without the inputs, for a
        tap that does not exist and where a `key` is needed and not given.

    Example:
        >>> model = from_nnx(lambda rngs: nnx.Linear(4, 2, rngs=rngs))
        >>> batch = {'inputs': jnp.ones((5, 4))}
        >>> params, state = jax.jit(model.init)(jax.random.key(0), batch)
        >>> model.apply(params, state, batch)[0].logits.shape
        (5, 2)
    """
    _check_factory(factory)
    read, wanted = names(inputs=inputs), names(taps=taps)
    shapes = nnx.eval_shape(lambda: factory(nnx.Rngs(0)))
    graph, _, streams, kept = nnx.split(shapes, nnx.Param, nnx.RngState, ...)
    kept = sorted(tree.flatten(nnx.as_pure(kept)))
    streams = nnx.as_pure(streams)
    layers = {_name(path): (None,) for path, _ in nnx.iter_modules(shapes) if path}
    supply = keywords(type(shapes).__call__, after=1 + len(read))

    def init(key: Any, batch: Batch) -> tuple[Tree, Tree]:
        entries(batch, read)
        module = factory(nnx.Rngs(key))
        params, _, state = nnx.state(module, nnx.Param, nnx.RngState, ...)
        return nnx.as_pure(params), nnx.as_pure(state)

    def apply(params, state, batch, *, train=False, key=None) -> tuple[Outputs, Tree]:
        if train and key is None and jax.tree.leaves(streams):
            raise ValueError(
                "the model has random streams (dropout...); pass key= to apply"
            )
        _check_state(state, kept)
        module = nnx.merge(graph, params, _start(streams, key), state)
        _set_mode(module, train)
        if train:
            _mask_statistics(module, batch)
        _record(module, wanted)
        call = nnx.capture(module, nnx.Intermediate)
        out, sown = call(*entries(batch, read), **supply(batch, train=train))
        out = as_outputs(out)
        captured = _by_name(sown)
        features = read_taps(wanted, captured, lambda: {**layers, **captured})
        new = nnx.as_pure(nnx.state(module, _is_state))
        if train:
            new = keep_if_padding(new, nnx.as_pure(state), batch)
        return out._replace(features={**out.features, **features}), new

    return Model(init, apply, name=type(shapes).__name__)


def _check_factory(factory: Any) -> None:
    of_linen = any(c.__module__.startswith("flax.linen") for c in type(factory).__mro__)
    if of_linen or isinstance(factory, nnx.Module) or not callable(factory):
        mend = "from_linen takes modules of linen" if of_linen else "pass the function"
        raise TypeError(
            "factory must make a module of nnx, such as lambda rngs: nnx.Linear(4, 2, "
            f"rngs=rngs), got {kinds.got(factory)}: {mend}"
        )
    is_class = isinstance(factory, type)  # its own signature is that of its metaclass
    called = functools.partial(factory.__init__, None) if is_class else factory
    try:
        inspect.signature(called).bind(None)
    except TypeError as error:
        name = getattr(factory, "__name__", type(factory).__name__)
        raise TypeError(
            f"factory is called with rngs alone, as in lambda rngs: nnx.Linear(4, 2, "
            f"rngs=rngs), and {name} cannot be: {error}"
        ) from None


def _check_state(state: Tree, kept: Sequence[str]) -> None:
    missing = [name for name in kept if name not in tree.flatten(state)]
    if missing:
        raise ValueError(
            f"the state lacks {', '.join(missing)} of the module: of a trained one it "
            "is nnx.state(module, nnx.BatchStat), or another type of its variables"
        )


class _BatchMask(nnx.Variable):
    """An array that says which examples or tokens are real."""


class _MaskedBatchNorm(nnx.BatchNorm):
    def __call__(self, x, use_running_average=None, *, mask=None):
        if mask is None:
            held = {name: getattr(self, f"batch_{name}", None) for name in MASKS}
            batch = {name: v[...] for name, v in held.items() if v is not None}
            mask = real_positions(x.shape, batch, at="BatchNorm")
        return super().__call__(x, use_running_average, mask=mask)


def _mask_statistics(module: nnx.Module, batch: Batch) -> None:
    # The module was merged for this one call; its layers may change their class.
    given = {name: batch[name] for name in MASKS if batch.get(name) is not None}
    for _, layer in nnx.iter_modules(module):
        if type(layer) is nnx.BatchNorm and given:
            layer.__class__ = _MaskedBatchNorm
            for name, mask in given.items():
                setattr(layer, f"batch_{name}", _BatchMask(jnp.asarray(mask)))


@functools.cache
def _recording(kind: type) -> type:
    def call(self, *args, **kwargs):
        out = kind.__call__(self, *args, **kwargs)
        self.sow(nnx.Intermediate, "__call__", out)
        return out

    return type(kind.__name__, (kind,), {"__call__": call})


def _record(module: nnx.Module, wanted: Sequence[str]) -> None:
    chosen = {name.split("#")[0] for name in wanted}
    for path, layer in nnx.iter_modules(module):
        if _name(path) in chosen:
            layer.__class__ = _recording(type(layer))


def _name(path: Sequence[Any]) -> str:
    return "/".join(map(str, path))


def _is_state(path: Any, variable: Any) -> bool:
    outside = (nnx.Param, nnx.RngState, nnx.Intermediate, _BatchMask)
    return isinstance(variable, nnx.Variable) and not isinstance(variable, outside)


def _start(streams: Tree, key: Any) -> Tree:
    """Random streams at their beginning, each with a key of its own."""
    leaves, form = jax.tree.flatten(streams)
    key = jax.random.key(0) if key is None else key

    def begin(n, leaf):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            own = jax.random.fold_in(key, n)
            return jax.random.split(own, leaf.shape) if leaf.shape else own
        return jnp.zeros(leaf.shape, leaf.dtype)

    return jax.tree.unflatten(form, [begin(n, leaf) for n, leaf in enumerate(leaves)])


def _set_mode(module: nnx.Module, train: bool) -> None:
    if train:
        module.train()
    else:
        module.eval()


def _by_name(captured: Tree) -> dict[str, tuple]:
    return {
        _name(path).removesuffix("/__call__"): variable.get_value()
        for path, variable in nnx.to_flat_state(captured)
    }
