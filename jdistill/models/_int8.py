"""Products of a model in int8: simulated, and executed for real."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax

from jdistill import kinds, ops, tree
from jdistill.batching import batched
from jdistill.tree import Where
from jdistill.typing import Batch, Frozen, Model, Split, Tree


def simulate_int8(model: Model, *, where: Where = None) -> Model:
    r"""A model whose products read activations rounded to int8 values.

    .. math:: y = \hat x W, \quad \hat x = s_x clip(round(x / s_x), -127, 127)

    The step sizes are part of the model's state, `{'model', 'activations'}`, where
    `observe_int8` puts them: they are data, so that models which differ in nothing
    else share a compiled program. The rounding passes gradients straight through.

    Args:
        model: of any framework; its weights come from a compression that rounds them.
        where: which products, by the path of the weight; by default all that read one.

    Returns:
        A model of the same parameters.

    Raises:
        ValueError: on `apply`, a product without a step size.

    References:
        Jacob et al., Quantization and training of neural networks for efficient
        integer-arithmetic-only inference, CVPR 2018 (arXiv:1712.05877).

    Example:
        >>> from jdistill import models
        >>> batch = {'inputs': jax.numpy.ones((2, 3))}
        >>> plain = models.mlp(widths=(4,), classes=2)
        >>> frozen = Frozen(*jax.jit(plain.init)(jax.random.key(0), batch))
        >>> ready = observe_int8(plain, frozen, [batch])
        >>> simulate_int8(plain).apply(*ready, batch)[0].logits.shape
        (2, 2)
    """
    return _rewritten(model, ops.simulate_int8, where, _activations)


def execute_int8(model: Model, *, where: Where = None) -> Model:
    r"""A model whose products multiply int8 codes and add them up in int32.

    .. math:: y = s_x s_W \sum q(x / s_x) q(W / s_W)

    Equal to `simulate_int8` but for the last rounding. Its state is
    `{'model', 'activations', 'weights'}`, the last the weights' step sizes by path as
    `compress.step_sizes` finds them in an encoding.

    Args:
        model: of any framework.
        where: which products, by the path of the weight; by default all that read one.

    Returns:
        A model of the same parameters, which are codes times step sizes, or the int8
        codes themselves (`compress.integer_params`), a quarter of the bytes.

    Raises:
        ValueError: on `apply`, a product whose weight or activations have no step size.

    References:
        Jacob et al., Quantization and training of neural networks for efficient
        integer-arithmetic-only inference, CVPR 2018 (arXiv:1712.05877).

    Example:
        >>> from jdistill import models
        >>> batch = {'inputs': jax.numpy.ones((2, 3))}
        >>> plain = models.mlp(widths=(4,), classes=2)
        >>> frozen = Frozen(*jax.jit(plain.init)(jax.random.key(0), batch))
        >>> ready = observe_int8(plain, frozen, [batch])
        >>> scales = {p: ops.absmax_scale(w) for p, w in _kernels(frozen).items()}
        >>> state = {**ready.state, 'weights': scales}
        >>> execute_int8(plain).apply(frozen.params, state, batch)[0].logits.shape
        (2, 2)
    """

    def scales(params: Tree, state: Mapping[str, Any], key: str) -> dict[str, Any]:
        path = key.split("#")[0]  # each use of a weight has its own activations
        leaves, weights = tree.flatten(params), _part(state, "weights")
        if path not in weights or path not in leaves:
            return _activations(params, state, key)
        scale = jax.numpy.asarray(weights[path])
        scale = scale.reshape(ops.block_shape(scale.shape, leaves[path].shape))
        return _activations(params, state, key) | {"weight": scale}

    return _rewritten(model, ops.execute_int8, where, scales)


def observe_int8(
    model: Model,
    frozen: Frozen,
    batches: Iterable[Batch] | Split,
    *,
    where: Where = None,
) -> Frozen:
    r"""The variables of an int8 model, with step sizes from what its products read.

    .. math:: s_x = \max |x| / 127

    Args:
        model: the plain model.
        frozen: its variables.
        batches: examples to observe, batches of the training part or a split; padding,
            as `mask` and `token_mask` tell it, is left out.
        where: which products, by the path of the weight; by default all that read one.

    Returns:
        The same parameters, and the state that `simulate_int8` takes.

    Raises:
        ValueError: there are no batches, or a product reads what is not finite.

    References:
        Krishnamoorthi, Quantizing deep convolutional networks for efficient
        inference: a whitepaper, 2018 (arXiv:1806.08342).

    Example:
        >>> from jdistill import models
        >>> batch = {'inputs': jax.numpy.full((2, 3), 254.0)}
        >>> plain = models.mlp(widths=(), classes=2)
        >>> frozen = Frozen(*jax.jit(plain.init)(jax.random.key(0), batch))
        >>> observe_int8(plain, frozen, [batch]).state['activations']
        {'Dense_0/kernel': Array(2., dtype=float32)}
    """

    def forward(params, state, batch):
        return model.apply(params, state, batch, train=False)[0].logits

    observe = jax.jit(
        ops.observe(
            forward,
            where=where,
            statistics=(ops.ranges,),
            rows=lambda params, state, batch: ops.rows(batch),
        )
    )
    kinds.model(model=model)
    kinds.variables(frozen=frozen)
    stats = None
    for batch in batched(batches):
        _, seen = observe(frozen.params, frozen.state, dict(batch))
        stats = seen if stats is None else ops.merge(stats, seen)
    if stats is None:
        raise ValueError("there are no batches to observe")
    scales = ops.activation_scales(stats)
    return Frozen(frozen.params, {"model": frozen.state, "activations": scales})


def _part(state: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if name not in state:
        source = {"weights": "compress.step_sizes", "activations": "observe_int8"}
        raise ValueError(
            f"the state of this int8 model lacks {name!r}, which {source[name]} finds"
        )
    return state[name]


def _activations(params: Tree, state: Mapping[str, Any], key: str) -> dict[str, Any]:
    del params
    return {"activation": state["activations"][key]}


def _rewritten(
    model: Model,
    rule: Callable[[ops.Op, Any, Any, Any, Any], Any],
    where: Where,
    scales: Callable[[Tree, Mapping[str, Any], str], dict[str, Any]],
) -> Model:
    kinds.model(model=model)

    def init(key: Any, batch: Batch) -> tuple[Tree, Tree]:
        params, state = model.init(key, batch)
        return params, {"model": state, "activations": {}}

    def apply(params, state, batch, *, train=False, key=None):
        def forward(params, inner, batch, key):
            return model.apply(params, inner, batch, train=train, key=key)

        aux = {
            name: scales(params, state, name) for name in _part(state, "activations")
        }
        run = ops.rewrite(forward, rule, where=where)
        outputs, inner = run(aux, params, state["model"], batch, key)
        return outputs, {**state, "model": inner}

    return Model(init, apply, name=f"{model.name or 'a model'} in int8")


def _kernels(frozen: Frozen) -> dict[str, Any]:
    return {f"{name}/kernel": layer["kernel"] for name, layer in frozen.params.items()}
