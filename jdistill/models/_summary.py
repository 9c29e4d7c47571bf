"""What a model consists of, layer by layer: shapes, parameters, multiply-adds."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from jdistill import kinds, ops, tree
from jdistill.checks import whole
from jdistill.typing import Batch, Frozen, Model


class Layer(NamedTuple):
    """One layer.

    * `path`: of its parameters; where a product has none, as in attention, where in
      the network it is.
    * `weights`: the shapes of its parameters by name.
    * `output`: the shape of what its last product gives, None without one; in a scan
      over layers, that of one of them.
    * `parameters`: how many numbers it holds.
    * `multiply_adds`: of all its products, for one example.
    """

    path: str
    weights: dict[str, tuple[int, ...]]
    output: tuple[int, ...] | None
    parameters: int
    multiply_adds: int


class Summary(NamedTuple):
    """The layers in the order of execution, and what they are together.

    Its text is a table.
    """

    layers: tuple[Layer, ...]
    parameters: int
    bytes: int
    multiply_adds: int

    def __repr__(self) -> str:
        head = ("layer", "weights", "output", "parameters", "multiply-adds")
        lines = [_line(layer) for layer in self.layers]
        size = f"{self.bytes:,} bytes"
        total = ("total", size, "", f"{self.parameters:,}", f"{self.multiply_adds:,}")
        return _table([head, *lines, total])


def summary(
    model: Model, batch: Batch, *, frozen: Frozen | None = None, trips: int = 1
) -> Summary:
    """The layers of a model of any framework, as its equations show them.

    Nothing is computed: parameters are shapes, and so may be the batch.

    Args:
        model: the network.
        batch: arrays by name, or their shapes and types; figures are those of its first
            example.
        frozen: its variables, where it has no `init` or they are other ones.
        trips: how often while loops are taken to run.

    Returns:
        `layers`, `parameters`, `bytes` and `multiply_adds`; as text, a table.

    Raises:
        TypeError: something was mistaken for another.
        ValueError: the model was made without `init`, and `frozen` is not given.

    Example:
        >>> from jdistill import models
        >>> batch = {'inputs': jax.ShapeDtypeStruct((1, 8, 8), 'float32')}
        >>> summary(models.mlp(widths=(32,), classes=10), batch)
        layer    weights                     output   parameters  multiply-adds
        Dense_0  bias [32], kernel [64, 32]  [1, 32]       2,080          2,048
        Dense_1  bias [10], kernel [32, 10]  [1, 10]         330            320
        total    9,640 bytes                               2,410          2,368
    """
    kinds.model(model=model)
    kinds.batch(batch=batch)
    whole(trips=trips)
    one = jax.tree.map(_first, dict(batch))
    if frozen is None:
        frozen = Frozen(*jax.eval_shape(model.init, jax.random.key(0), one))
    kinds.variables(frozen=frozen)

    def forward(params, state, batch):
        found = model.apply(params, state, batch, train=False)[0]
        return found if found.logits is None else found.logits

    args = (frozen.params, frozen.state, one)
    counted = ops.count(forward, *args, trips=trips)
    layers = _layers(
        tree.flatten(frozen.params),
        ops.order(forward, *args),
        ops.products(forward, *args),
        {key: cost.multiply_adds for key, cost in counted.ops.items()},
    )
    return Summary(
        layers,
        tree.count(frozen.params),
        tree.num_bytes(frozen.params),
        counted.total.multiply_adds,
    )


def _first(x: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype)


def _layers(
    leaves: dict[str, Any],
    order: Sequence[str],
    products: Sequence[ops.Op],
    costs: dict[str, int],
) -> tuple[Layer, ...]:
    """The groups of parameters as they are met, products without any among them."""
    names = dict.fromkeys(map(_owner, [p for p in order if p in leaves]))
    found, behind = list(names), None
    for op in products:
        place = _place(op)
        if place not in found:
            found.insert(0 if behind is None else found.index(behind) + 1, place)
        behind = place
    found += [name for name in dict.fromkeys(map(_owner, leaves)) if name not in found]
    return tuple(_layer(name, leaves, products, costs) for name in found)


def _layer(name, leaves, products, costs) -> Layer:
    own = {path: x for path, x in leaves.items() if _owner(path) == name}
    used = [op for op in products if _place(op) == name]
    return Layer(
        name,
        {path.rpartition("/")[2]: tuple(x.shape) for path, x in own.items()},
        tuple(used[-1].out.shape) if used else None,
        tree.count(own),
        sum(costs[op.key] for op in used),
    )


def _owner(path: str) -> str:
    """The layer of a parameter: its path without the last part."""
    return path.rpartition("/")[0] or path


def _place(op: ops.Op) -> str:
    if op.weight:
        return _owner(op.weight[0].path)
    return op.key.partition("#")[0]


def _line(layer: Layer) -> tuple[str, ...]:
    weights = (f"{name} {list(shape)}" for name, shape in layer.weights.items())
    output = "" if layer.output is None else str(list(layer.output))
    numbers = (layer.parameters, layer.multiply_adds)
    return (layer.path, ", ".join(weights), output, *(f"{n:,}" for n in numbers))


def _table(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    left = (True, True, True, False, False)
    return "\n".join(
        "  ".join(
            text.ljust(width) if leftward else text.rjust(width)
            for text, width, leftward in zip(line, widths, left, strict=True)
        )
        for line in lines
    )
