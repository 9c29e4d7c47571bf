"""Post-training compression that looks at the inputs of each layer in turn."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jdistill import compress, kinds, ops
from jdistill.batching import batched
from jdistill.checks import check_key
from jdistill.typing import (
    Batch,
    Compression,
    Frozen,
    Key,
    Model,
    Observed,
    Split,
    Tree,
)


class Compressed(NamedTuple):
    """A model made small after its training.

    * `frozen`: its variables as the model sees them; `evaluate` takes them.
    * `encoded`: the same as `artifact.pack` writes it, forms by path and the state.
    """

    frozen: Frozen
    encoded: Frozen


def compress_now(
    model: Model,
    frozen: Frozen,
    compression: Compression,
    batches: Iterable[Batch] | Split,
    *,
    key: Key | None = None,
) -> Compressed:
    r"""Compresses a trained model, layer by layer in the order of execution.

    .. math:: (\theta, \phi, c) \leftarrow update(\theta, \phi, c;
        \sum_b stat(x_l(a(\theta, \phi, c), b))), \quad l = 1, 2, \dots

    Each layer's statistics are those of what the layers before it, compressed already,
    give it; layers of a scan come one after the other. Statistics of one layer are in
    memory at a time, and each visit runs the model once over the batches. Padding, as
    `mask` and `token_mask` of a batch tell it, does not count. A compression that looks
    at weights alone, such as `magnitude` or `fake_quant`, is updated once.

    Args:
        model: of any framework.
        frozen: its variables.
        compression: any; one with `statistics`, such as `compress.wanda`, alone or
            chained, is given them.
        batches: examples to observe, batches of the training part or a split.
        key: a random key, for compressions that draw numbers.

    Returns:
        `Compressed(frozen, encoded)`: what to evaluate, and what to pack.

    Raises:
        ValueError: there are no batches, a layer reads what is not finite, or the way
            from a weight to its product is not known.

    References:
        Sun et al., A simple and effective pruning approach for large language models,
        ICLR 2024 (arXiv:2306.11695).

    Example:
        >>> from jdistill import models
        >>> batch = {'inputs': jnp.array([[1.0, 2.0, 3.0, 4.0]])}
        >>> plain = models.mlp(widths=(), classes=2)
        >>> frozen = Frozen(*jax.jit(plain.init)(jax.random.key(0), batch))
        >>> c = compress.wanda(sparsity=0.5)
        >>> small = compress_now(plain, frozen, c, [batch])
        >>> int((small.frozen.params['Dense_0']['kernel'] == 0).sum())
        4
        >>> type(small.encoded.params['Dense_0/kernel']).__name__
        'Sparse'
    """
    kinds.model(model=model)
    kinds.variables(frozen=frozen)
    kinds.compression(compression=compression)
    if key is not None:
        check_key(key)
    batches = [dict(batch) for batch in batched(batches)]
    if not batches:
        raise ValueError("there are no batches to compress with")
    at = _calibrated(model, frozen, compression, batches, key)
    params = compression.apply(*at)
    encoded = Frozen(compression.encode(*at), frozen.state)
    return Compressed(Frozen(params, frozen.state), encoded)


def _calibrated(
    model: Model,
    frozen: Frozen,
    compression: Compression,
    batches: list[dict[str, Any]],
    key: Key | None,
) -> tuple[Tree, Tree, Tree]:
    """Parameters, learned leaves and state of the compression, after its updates."""

    def forward(params, state, batch):
        return model.apply(params, state, batch, train=False)[0]

    args = (frozen.params, frozen.state, batches[0])
    products = ops.uses(forward, *args)
    learned, state = compression.init(frozen.params, key=key, products=products)
    at = compression.update(frozen.params, learned, state, step=0, key=key)
    if not compression.statistics:
        return at
    forms = jax.eval_shape(compression.encode, *at)
    changed = {p for p, form in forms.items() if not isinstance(form, compress.Dense)}
    steps: dict[str, Any] = {}
    for visit in ops.visits(forward, *args, paths=changed):
        if visit.path not in steps:  # layers of a scan share their programs
            steps = {visit.path: _step(forward, compression, visit), **steps}
        at = _visited(steps[visit.path], visit, at, frozen.state, batches)
    return at


def _visited(step: Any, visit: ops.Visit, at: Any, state: Tree, batches: Any) -> Any:
    """The compression after one layer, seen over all batches."""
    observe, update = step
    index = jnp.asarray(visit.index, jnp.int32)
    total = None
    for batch in batches:
        seen = observe(index, at, state, batch)
        total = seen if total is None else ops.merge(total, seen)
    joined: dict[str, Any] = {}
    for stats in (total or {}).values():  # of all products that read the weight
        joined = ops.merge(joined, {visit.path: stats})
    for name, x in joined[visit.path].items():
        if not bool(jnp.all(jnp.isfinite(x))):
            raise ValueError(
                f"the products of {visit.path!r} read inputs that are not finite: "
                f"{name} is {float(jnp.max(x))}"
            )
    return update(index, at, joined[visit.path])


def _step(forward: Any, compression: Compression, visit: ops.Visit) -> Any:
    """`observe(index, at, state, batch)` and `update(index, at, values)`, compiled."""
    look = ops.observe_visit(
        forward,
        visit,
        statistics=compression.statistics,
        rows=lambda params, state, batch: ops.rows(batch),
    )

    def observe(index, at, state, batch):
        return look(index, compression.apply(*at), state, batch)

    def update(index, at, values):
        places = tuple(index[i] for i in range(len(visit.axes)))
        seen = {visit.path: Observed(visit.axes, places, values)}
        return compression.update(*at, step=0, stats=seen)

    return jax.jit(observe), jax.jit(update)
