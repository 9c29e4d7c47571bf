"""Taps: features of a model by name, without a change to the model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jdistill import kinds, ops
from jdistill.mends import near
from jdistill.typing import Batch, Model, Outputs, Tree


def tap(model: Model, weights: str | Sequence[str] | Mapping[str, str]) -> Model:
    """Adds outputs of products to the features, named by the weight that they use.

    Works for any model of any framework, because it reads the model's equations: the
    feature is what the matrix product or convolution with this weight yields, before
    the bias. Inside a scan over layers it is the stack over the layers.

    Args:
        model: any model.
        weights: the path of a weight (`'Dense_0/kernel'`, and `'Dense_0/kernel#1'` for
            its second use), several paths, or paths by the name of their feature.

    Returns:
        The same model with these features besides its own. Its `apply` raises
        ValueError for a path that no product reads, listing those that are read, and
        for a product in a loop over time.

    Example:
        >>> import jax.numpy as jnp
        >>> from jdistill.models import from_function
        >>> model = from_function(lambda p, x: jnp.tanh(x @ p['a']) @ p['b'])
        >>> tapped = tap(model, {'hidden': 'a'})
        >>> params = {'a': jnp.ones((3, 2)), 'b': jnp.ones((2, 1))}
        >>> batch = {'inputs': jnp.ones((1, 3))}
        >>> tapped.apply(params, {}, batch)[0].features
        {'hidden': Array([[3., 3.]], dtype=float32)}
    """
    kinds.model(model=model)
    wanted = _by_feature(weights)

    def apply(params, state, batch, *, train=False, key=None) -> tuple[Outputs, Tree]:
        def forward(params: Tree, state: Tree, batch: Batch, key: Any):
            return model.apply(params, state, batch, train=train, key=key)

        call = ops.interpret(forward, _record, where=sorted(set(wanted.values())))
        (outputs, state), seen = call({}, params, state, batch, key)
        for path in wanted.values():
            if path not in seen:
                keys = sorted(seen)
                raise ValueError(f"{path!r} is only used joined with others: {keys}")
        features = {name: seen[path]["sum_out"] for name, path in wanted.items()}
        return outputs._replace(features={**outputs.features, **features}), state

    return model._replace(apply=apply)


def read_taps(
    wanted: Sequence[str],
    captured: Mapping[str, tuple[Any, ...]],
    everything: Callable[[], Mapping[str, tuple[Any, ...]]],
) -> dict[str, Any]:
    """The wanted features from what a forward pass captured.

    Args:
        wanted: names of taps; `name` is the value of a layer's first call, `name#1`
            of its second.
        captured: the values of each call, by name.
        everything: gives all that could be captured; called for the message only.

    Raises:
        ValueError: there is no such tap.

    Example:
        >>> read_taps(['a', 'b#1'], {'a': (1,), 'b': (2, 3)}, dict)
        {'a': 1, 'b#1': 3}
    """
    found = _calls(captured)
    for name in wanted:
        if name not in found:
            valid = sorted(_calls(everything()))
            raise ValueError(
                f"no tap {name!r}; {near(name, valid)}valid names: {valid}"
            )
    return {name: found[name] for name in wanted}


def _record(op: ops.Op, lhs: Any, rhs: Any, product: Any, aux: Any) -> tuple[Any, Any]:
    loops = [name for name in op.inside if name in ("scan", "while")]
    if len(loops) > len(op.lead):
        raise ValueError(
            f"cannot tap {op.key!r}: it is used at each step of a loop over time"
        )
    out = product(lhs, rhs)
    return out, {"sum_out": out}


def _by_feature(weights: str | Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    if isinstance(weights, Mapping):
        return dict(weights)
    paths = [weights] if isinstance(weights, str) else weights
    return {path: path for path in paths}


def _calls(captured: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    return {
        f"{name}#{n}" if n else name: value
        for name, calls in captured.items()
        for n, value in enumerate(calls)
    }
