"""The network of a file: one of a closed list, or one's own."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jdistill import models, tree
from jdistill.build import build
from jdistill.predictor._examples import Inputs
from jdistill.typing import Batch, Frozen, Model, Tree

FAR = 2**31
"""The most positions or places of a window: numbers that no array follows."""
Shapes = Mapping[str, Any]


def _flat(shapes: Shapes) -> tuple[int, ...]:
    return (1, shapes["Dense_0/kernel"][0])


def _cnn_image(shapes: Shapes) -> tuple[int, ...]:
    # one row of as few columns as come to the places that the hidden layer reads
    layers = sum(p.startswith("Conv_") and p.endswith("/kernel") for p in shapes)
    places = shapes["Dense_0/kernel"][0] // shapes[f"Conv_{layers - 1}/kernel"][3]
    return (1, 1, 1 + (places - 1) * 2 ** (layers - 1), shapes["Conv_0/kernel"][2])


def _lenet_image(shapes: Shapes) -> tuple[int, ...]:
    # 16 x 16 come to one place behind both poolings, and each four columns to one more
    places = shapes["Dense_0/kernel"][0] // 50
    return (1, 16, 12 + 4 * max(places, 1), shapes["Conv_0/kernel"][2])


def _resnet_image(shapes: Shapes) -> tuple[int, ...]:
    return (1, 8, 8, shapes["ConvNorm_0/conv/kernel"][2])


def _vit_image(shapes: Shapes) -> tuple[int, ...]:
    return (1, *shapes["embed/kernel"][:3])


def _tokens(shapes: Shapes) -> tuple[int, ...]:
    del shapes
    return (1, 1)


NETWORKS: Mapping[str, Callable[[Shapes], tuple[int, ...]]] = {
    "cnn": _cnn_image,
    "decoder": _tokens,
    "encoder": _tokens,
    "encoder_classifier": _tokens,
    "encoder_decoder": _tokens,
    "lenet5": _lenet_image,
    "lenet_300_100": _flat,
    "mlp": _flat,
    "ngram_classifier": _tokens,
    "resnet": _resnet_image,
    "vit": _vit_image,
}
"""The networks that a file may name, and of which shape an input of each is, from the
shapes of the parameters."""


def listed(spec: Any, frozen: Frozen) -> tuple[Model, Inputs]:
    """The network that a file names, which is not believed.

    Args:
        spec: `name` and arguments, from the file.
        frozen: its variables, from the file too.

    Returns:
        The model, whose variables are those, and what one example looks like to it.

    Raises:
        ValueError: it is not in the list, or has other variables.
    """
    name = named(spec, "model", tuple(NETWORKS))
    shapes = {path: x.shape for path, x in tree.flatten(frozen.params).items()}
    _check_sizes(spec, shapes)
    tokens = NETWORKS[name] is _tokens
    try:
        model = build(models, spec, Model)
        shape = NETWORKS[name](shapes)
        inputs = jax.ShapeDtypeStruct(shape, jnp.int32 if tokens else jnp.float32)
        made = jax.eval_shape(model.init, jax.random.key(0), {"inputs": inputs})
    except Exception as error:  # whatever wrong sizes make of a network
        raise ValueError(f"its model {name!r} cannot be made: {line(error)}") from error
    if differs := difference(Frozen(*made), frozen):
        raise ValueError(f"its model {name!r} has {differs}{_hint(made[1], frozen)}")
    if NETWORKS[name] is _flat:
        return model, Inputs(whole=False, size=shape[1])
    known = (None,) if tokens else (None, None, shape[-1])
    return model, Inputs(known, whole=tokens)


def own(model: Model, frozen: Frozen, like: Frozen | None) -> tuple[Frozen, bool]:
    """The variables of a file in the form that one's own network reads.

    Args:
        model: the network.
        frozen: of the file, in dictionaries along their paths.
        like: variables of the same form, None for those that `init` makes without
            data; where that is not possible they stay as they are.

    Returns:
        The variables of the file, and whether their form is known.

    Raises:
        ValueError: those of the network have other paths or shapes.

    Example:
        >>> model = models.from_function(lambda p, x: x @ p[0], lambda key, x: [key])
        >>> frozen, known = own(model, Frozen({'0': 1}), Frozen([0]))
        >>> frozen.params, known
        ([1], True)
    """
    unseen = {"inputs": object()}  # what `init` must not look at
    like = _made(lambda key: model.init(key, unseen)) if like is None else like
    if like is None:
        return frozen, False
    if differs := difference(like, frozen):
        raise ValueError(f"the network has {differs}{_hint(like.state, frozen)}")
    pairs = zip(like, frozen, strict=True)
    return Frozen(*(tree.unflatten(a, tree.flatten(b)) for a, b in pairs)), True


def holding(model: Model, frozen: Frozen, *, known: bool) -> Callable[[Batch], bool]:
    """A check that a model makes of a batch the variables that are there.

    What makes another network of other inputs, as a first layer of their width, is
    found in the shapes that `init` makes of them. Each shape of a batch is checked
    once.

    Args:
        model: whose `init` is asked; what it cannot make `apply` will refuse.
        frozen: its variables.
        known: whether they have the form that it reads.

    Returns:
        `hold(batch)`, which raises ValueError and says whether their form is known.
    """
    seen: dict[Any, bool] = {}

    def hold(batch: Batch) -> bool:
        shapes = {name: (x.shape, x.dtype) for name, x in batch.items()}
        kind = tuple(sorted(shapes.items(), key=lambda item: item[0]))
        if kind not in seen:
            made = _made(model.init, batch)
            if made is not None:
                _hold(made, frozen, getattr(batch.get("inputs"), "shape", ()))
            seen[kind] = known or made is not None
        return seen[kind]

    return hold


def _hold(made: Frozen, frozen: Frozen, inputs: Sequence[int]) -> None:
    if differs := difference(made, frozen):
        said = f"for inputs {list(inputs)} the network has {differs}"
        raise ValueError(f"{said}{_hint(made.state, frozen)}")
    form = jax.tree.structure
    for one, other in zip(made, frozen, strict=True):
        if jax.tree.leaves(one) and form(one) != form(other):
            raise ValueError(
                "the network's variables are no dictionaries: pass like=Frozen(...), "
                "variables of their form, to load"
            )


def difference(mine: Frozen, theirs: Frozen) -> str | None:
    """The first variable that a network and a file have of other shapes, None for none.

    Example:
        >>> difference(Frozen({'w': jnp.ones(2)}), Frozen({'w': jnp.ones(3)}))
        "'w' of shape [2], and the file of [3]"
    """
    for one, other in zip(mine, theirs, strict=True):
        here, there = _shapes(one), _shapes(other)
        for path in sorted({*here, *there}):
            if here.get(path) != there.get(path):
                a, b = (s.get(path) for s in (here, there))
                said = f"no {path!r}" if a is None else f"{path!r} of shape {a}"
                return f"{said}, and the file {'has none' if b is None else f'of {b}'}"
    return None


def _hint(state: Tree, frozen: Frozen) -> str:
    if jax.tree.leaves(state) and not jax.tree.leaves(frozen.state):
        return ": pack an encoding with its state, pack(path, encoded, state)"
    return ""


def named(spec: Any, what: str, names: tuple[str, ...]) -> str:
    """The name that a file gives, one of those that it may give.

    Raises:
        ValueError: it is another.
    """
    name = spec.get("name") if isinstance(spec, dict) else None
    if name not in names:
        raise ValueError(
            f"its {what} is {str(name)[:40]!r}; a file may name {', '.join(names)}"
        )
    return name


def line(error: Exception) -> str:
    """The first line of a message."""
    return (str(error).splitlines() or [""])[0]


def _made(init: Callable[..., Any], *batch: Batch) -> Frozen | None:
    """The shapes of the variables that `init` makes; None where it cannot."""
    try:
        return Frozen(*jax.eval_shape(init, jax.random.key(0), *batch))
    except Exception:  # whatever a network makes of inputs that are not its own
        return None


def _shapes(variables: Tree) -> dict[str, list[int]]:
    return {path: list(jnp.shape(x)) for path, x in tree.flatten(variables).items()}


def _check_sizes(spec: Mapping[str, Any], shapes: Shapes) -> None:
    """No size that the parameters do not bear out, before anything is made of it."""
    elements = sum(math.prod(shape) for shape in shapes.values())
    stacked = [s[0] for p, s in shapes.items() if "layers/" in p and s and all(s)]
    depth = max(stacked) if stacked and "config" in spec else len(shapes)
    limits: dict[str, int] = dict.fromkeys(("depth", "decoder_depth"), depth)
    limits |= dict.fromkeys(("max_steps", "window", "max_distance"), FAR)
    config = spec.get("config", {})
    sizes = {**spec, **config} if isinstance(config, Mapping) else dict(spec)
    for key, value in sizes.items():
        if key == "config" and isinstance(value, Mapping):
            continue
        several = list(value) if isinstance(value, list | tuple) else [value]
        most = limits.get(key, max(elements, 2))
        plain = all(x is None or isinstance(x, str | int | float) for x in several)
        large = any(isinstance(x, int) and x > most for x in several)
        if not plain or large or len(several) > max(len(shapes), depth, 1):
            raise ValueError(
                f"its model has {key}={str(value)[:40]}, which its {elements} "
                f"parameters in {len(shapes)} arrays do not bear out"
            )
