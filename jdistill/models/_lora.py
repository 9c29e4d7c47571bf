"""Low-rank adapters beside the products of a network that itself stays as it is."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jdistill import kinds, ops, tree
from jdistill.checks import finite, sizes
from jdistill.tree import Where
from jdistill.typing import Batch, Frozen, Model, Tree

BASE, ADAPTERS = "base", "lora"


def lora(
    model: Model, *, rank: int, alpha: float | None = None, where: Where = None
) -> Model:
    r"""A network whose matrix products learn a change of low rank.

    .. math:: y = x W + \frac{\alpha}{r} (x A) B, \quad A \sim N(0, 1 / n_{in}),
        \quad B = 0

    The parameters are `{'base': those of the network, 'lora': {weight: {'a', 'b'}}}`.
    A trained base is given as data, `frozen={'student': Frozen({'base': params},
    state)}` of `train.run`: it has neither a gradient nor moments, and no state or
    checkpoint holds it. (`compress.freeze(where='base/.*')` with
    `run(start=lora_start(...))` keeps it there.) `x A` is as narrow as the rank, and no
    change of the size of W is formed. Works for any framework, scans
    over layers and experts: each layer has its own A and B.

    Args:
        model: any model.
        rank: r, 1 or more.
        alpha: the change is scaled by alpha / r; r itself by default.
        where: the paths of the weights; by default those of all matrix products but
            tables that are also looked up, and convolutions.

    Returns:
        A model.

    Raises:
        ValueError: a rank below 1; `where` selects nothing, or a weight that no single
            matrix product reads.

    References:
        Hu, Shen, Wallis et al., LoRA: low-rank adaptation of large language models,
        ICLR 2022 (arXiv:2106.09685).

    Example:
        >>> from jdistill.models import mlp
        >>> net = lora(mlp(widths=(4,), classes=3), rank=2)
        >>> batch = {'inputs': jnp.ones((2, 5))}
        >>> params, state = jax.jit(net.init)(jax.random.key(0), batch)
        >>> jax.tree.map(jnp.shape, params['lora']['Dense_0/kernel'])
        {'a': (5, 2), 'b': (2, 4)}
    """
    kinds.model(model=model)
    sizes(rank=rank)
    tree.check_where(where)
    if alpha is not None:
        finite(alpha=alpha)
    scale = 1.0 if alpha is None else alpha / rank

    def init(key, batch):
        base_key, own_key = jax.random.split(key)
        params, state = model.init(base_key, batch)
        return _begun(model, Frozen(params, state), batch, rank, where, own_key)

    def apply(params, state, batch, /, *, train=False, key=None):
        def forward(base, state, batch, key):
            return model.apply(base, state, batch, train=train, key=key)

        adapters = params[ADAPTERS]
        call = ops.rewrite(forward, _adapted(scale), where=sorted(adapters))
        return call(adapters, params[BASE], state, batch, key)

    head = model.head
    return Model(
        init,
        apply,
        None if head is None else (lambda params: head(params[BASE])),
        name=f"adapters of rank {rank} in {model.name or 'a model'}",
    )


def lora_start(
    model: Model,
    frozen: Frozen,
    batch: Batch,
    *,
    key: Any,
    rank: int,
    where: Where = None,
) -> Frozen:
    """The variables that an adapted network begins with: a trained base, no change yet.

    Args:
        model: the network without adapters.
        frozen: its trained variables.
        batch: any batch; only its shapes are read.
        key: for A.
        rank: as given to `lora`.
        where: as given to `lora`.

    Returns:
        What `run(start=)` takes for a learner of `lora(model, ...)`.

    Raises:
        ValueError: as `lora`.

    Example:
        >>> from jdistill.models import mlp
        >>> net, batch = mlp(widths=(4,), classes=3), {'inputs': jnp.ones((2, 5))}
        >>> frozen = Frozen(*jax.jit(net.init)(jax.random.key(0), batch))
        >>> start = lora_start(net, frozen, batch, key=jax.random.key(1), rank=2)
        >>> start.params['base'] is frozen.params
        True
    """
    sizes(rank=rank)
    return Frozen(*_begun(model, frozen, batch, rank, where, key))


def _begun(model, frozen: Frozen, batch, rank: int, where: Where, key: Any):
    def forward(base, batch):
        return model.apply(base, frozen.state, batch, train=False)[0]

    found = _chosen(forward, frozen.params, batch, where)
    adapters = {}
    for number, (path, op) in enumerate(sorted(found.items())):
        shape = op.avals[op.side or 0].shape
        dims = ops.dims_of(op, op.side or 0)
        lead = (*op.lead, *(shape[d] for d in dims.batch))
        into = tuple(shape[d] for d in dims.contract)
        out = tuple(shape[d] for d in dims.free)
        own = jax.random.fold_in(key, number)
        a = jax.random.normal(own, (*lead, *into, rank)) / math.sqrt(math.prod(into))
        adapters[path] = {"a": a, "b": jnp.zeros((*lead, rank, *out))}
    return {BASE: frozen.params, ADAPTERS: adapters}, frozen.state


def _chosen(forward, params: Tree, batch, where: Where) -> dict[str, ops.Op]:
    uses = ops.uses(forward, params, batch)
    found = {op.key: op for op in ops.products(forward, params, batch)}
    fit = {
        path: found[use.keys[0]]
        for path, use in uses.items()
        if len(use.keys) == 1 and _is_plain(found[use.keys[0]])
    }
    default = [path for path in fit if not uses[path].looked_up]
    chosen = tree.select(params, where, default=default)
    for path in sorted(chosen - fit.keys()):
        raise ValueError(
            f"{path!r} is read by no single matrix product, so it takes no adapter; "
            f"those that do are {sorted(fit)}"
        )
    return {path: fit[path] for path in chosen}


def _is_plain(op: ops.Op) -> bool:
    return op.kind == "dot_general" and op.side is not None and len(op.weight) == 1


def _adapted(scale: float) -> Callable[[ops.Op, Any, Any, Any, Any], Any]:
    def rule(op: ops.Op, lhs, rhs, product, aux: Mapping[str, Any]):
        side = op.side or 0
        x = (lhs, rhs)[1 - side]
        there, mine = ops.dims_of(op, 1 - side), ops.dims_of(op, side)
        lead, width = len(mine.batch), len(mine.contract)
        a, b = (aux[name].astype(x.dtype) for name in ("a", "b"))
        into = tuple(range(lead, lead + width))
        batch = tuple(range(lead))
        low = lax.dot_general(x, a, ((there.contract, into), (there.batch, batch)))
        change = lax.dot_general(low, b, (((low.ndim - 1,), (lead,)), (batch, batch)))
        if side == 0:  # a product gives what is free of its left operand first
            free = len(mine.free)
            order = (*batch, *range(change.ndim - free, change.ndim))
            order += tuple(range(lead, change.ndim - free))
            change = jnp.transpose(change, order)
        return product(lhs, rhs) + scale * change.astype(op.out.dtype)

    return rule
