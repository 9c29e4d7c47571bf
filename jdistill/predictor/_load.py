"""From a packed file to predictions and to texts."""

import functools
import math
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jdistill import artifact, data, language, models, tokenizers, tree
from jdistill.build import build
from jdistill.typing import Batch, Frozen, Model, Tokenizer

MAX_LENGTH = 1 << 16
"""The most steps that a preparation may make of a text."""
FAR = 2**31
"""The most positions or places of a window: numbers that no array follows."""
MAX_GRAM = 64
"""The longest n-gram, and how many lengths of them there may be."""


class Loaded(NamedTuple):
    """A model out of its file.

    * `predict(examples) -> logits`: of texts, or of arrays as the model reads them.
    * `classes`: the names of the logits, in order.
    * `tokenizer`: that of a model of texts, else None.
    * `generate(prompt, *, steps=64, choose=language.greedy, seed=0)`: what a model of
      texts writes after a prompt, or after each of a list of them.
    * `score(texts, *, steps=512)`: the figures of a model of texts on one text or
      several, in windows of `steps` tokens: bits per byte, perplexity, accuracy...
    """

    model: Model
    frozen: Frozen
    classes: tuple[str, ...]
    predict: Callable[[Any], Any]
    tokenizer: Tokenizer | None
    generate: Callable[..., Any]
    score: Callable[..., dict[str, Any]]


def load(path: str | os.PathLike[str], *, max_bytes: int | None = None) -> Loaded:
    """Makes the model that a file of the pipeline describes, ready to predict.

    What the file says is not believed: it names one of the networks of this library
    whose parameters are those of the file, and a preparation that reads nothing but
    the texts it is given. Nothing else is called, opened or connected to.

    Args:
        path: a file whose description has `model`, and `classes` and `prepare` for a
            classifier or `tokenizer` for a model of texts (`language.describe`).
        max_bytes: as for `artifact.unpack`.

    Returns:
        The model, its variables, a function from examples to logits and one from
        prompts to texts.

    Raises:
        ValueError: the file is damaged, does not say which model it holds, or names
            one that is not in the list or has other parameters.

    Example:
        >>> load('nowhere.safetensors')
        Traceback (most recent call last):
        FileNotFoundError: ...
    """
    packed = artifact.unpack(path, max_bytes=max_bytes)
    says = packed.description
    try:
        if "model" not in says:
            raise ValueError(f"its description lacks 'model': {sorted(says)}")
        model = _network(says["model"], Frozen(packed.params, packed.state))
        classes = _classes(says.get("classes", ()), says["model"])
        tokenizer, prepare = _reading(says)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    state = packed.state
    if packed.activations:
        model = models.simulate_int8(model)
        state = {"model": state, "activations": packed.activations}

    def predict(examples):
        batch = prepare(examples)
        return model.apply(packed.params, state, batch, train=False)[0].logits

    frozen = Frozen(packed.params, state)
    texts = _of_texts(path, model, frozen, tokenizer)
    return Loaded(model, frozen, classes, predict, tokenizer, *texts)


def _reading(says: Mapping[str, Any]) -> tuple[Tokenizer | None, Any]:
    """The tokenizer, if there is one, and what makes a batch of examples."""
    if "tokenizer" not in says:
        return None, _preparation(says.get("prepare"))
    tokenizer = tokenizers.from_description(says["tokenizer"])
    rows = says["model"].get("config", {}).get("vocab", 0)
    tokenizers.check_vocabulary(tokenizer, rows)

    def prepare(examples: Any) -> Batch:
        texts = isinstance(examples, str) or all(isinstance(x, str) for x in examples)
        many = [examples] if isinstance(examples, str) else examples
        return language.prompts(tokenizer, many) if texts else _as_inputs(examples)

    return tokenizer, prepare


def _of_texts(path: Any, model: Model, frozen: Frozen, tokenizer: Tokenizer | None):
    """`generate` and `score`; what is compiled is kept for each choice of options."""

    def needed() -> Tokenizer:
        if tokenizer is None:
            raise ValueError(f"{path} holds no model of texts: it has no tokenizer")
        return tokenizer

    @functools.cache
    def make(steps: int, choose: Any):
        return language.writer(model, frozen, needed(), steps=steps, choose=choose)

    def generate(prompt, *, steps: int = 64, choose: Any = language.greedy, seed=0):
        return make(steps, choose)(prompt, seed=seed)

    def score(texts, *, steps: int = 512) -> dict[str, Any]:
        corpus = data.tokenize([texts] if isinstance(texts, str) else texts, needed())
        return language.figures(model, frozen, data.windows(corpus, steps=steps))

    return generate, score


def _flat(shapes: Mapping[str, Any]) -> tuple[int, ...]:
    return (1, shapes["Dense_0/kernel"][0])


def _lenet_image(shapes: Mapping[str, Any]) -> tuple[int, ...]:
    # 16 x 16 come to one place behind both poolings, and each four columns to one more
    places = shapes["Dense_0/kernel"][0] // 50
    return (1, 16, 12 + 4 * max(places, 1), shapes["Conv_0/kernel"][2])


def _resnet_image(shapes: Mapping[str, Any]) -> tuple[int, ...]:
    return (1, 8, 8, shapes["ConvNorm_0/conv/kernel"][2])


def _vit_image(shapes: Mapping[str, Any]) -> tuple[int, ...]:
    return (1, *shapes["embed/kernel"][:3])


def _tokens(shapes: Mapping[str, Any]) -> tuple[int, ...]:
    del shapes
    return (1, 1)


NETWORKS: Mapping[str, Callable[[Mapping[str, Any]], tuple[int, ...]]] = {
    "decoder": _tokens,
    "encoder_classifier": _tokens,
    "lenet5": _lenet_image,
    "lenet_300_100": _flat,
    "mlp": _flat,
    "ngram_classifier": _tokens,
    "resnet": _resnet_image,
    "vit": _vit_image,
}
"""The networks that a file may name, and of which shape an input of each is, from the
shapes of the parameters."""
PREPARATIONS = ("hashed_ngrams",)
"""The preparations that a file may name: they read nothing but their texts."""


def _network(spec: Any, frozen: Frozen) -> Model:
    name = _named(spec, "model", tuple(NETWORKS))
    shapes = {path: x.shape for path, x in tree.flatten(frozen.params).items()}
    _check_sizes(spec, shapes)
    try:
        model = build(models, spec, Model)
        tokens = NETWORKS[name] is _tokens
        inputs = jax.ShapeDtypeStruct(
            NETWORKS[name](shapes), jnp.int32 if tokens else jnp.float32
        )
        made = jax.eval_shape(model.init, jax.random.key(0), {"inputs": inputs})
    except Exception as error:  # whatever wrong sizes make of a network
        raise ValueError(
            f"its model {name!r} cannot be made: {_line(error)}"
        ) from error
    for mine, theirs in zip(made, frozen, strict=True):
        _check_same(name, mine, theirs)
    return model


def _check_sizes(spec: Mapping[str, Any], shapes: Mapping[str, Any]) -> None:
    """No size that the parameters do not bear out, before anything is made of it."""
    elements = sum(math.prod(shape) for shape in shapes.values())
    stacked = shapes.get("layers/attention_norm/scale", (len(shapes),))
    limits = {"depth": stacked[0] if stacked else 0, "max_steps": FAR, "window": FAR}
    config = spec.get("config", {})
    sizes = {**spec, **config} if isinstance(config, Mapping) else dict(spec)
    for key, value in sizes.items():
        if key == "config" and isinstance(value, Mapping):
            continue
        several = list(value) if isinstance(value, list | tuple) else [value]
        most = limits.get(key, max(elements, 2))
        plain = all(x is None or isinstance(x, str | int | float) for x in several)
        large = any(isinstance(x, int) and x > most for x in several)
        if not plain or large or len(several) > max(len(shapes), limits["depth"], 1):
            raise ValueError(
                f"its model has {key}={str(value)[:40]}, which its {elements} "
                f"parameters in {len(shapes)} arrays do not bear out"
            )


def _check_same(name: str, mine: Any, theirs: Any) -> None:
    here = {path: list(x.shape) for path, x in tree.flatten(mine).items()}
    there = {path: list(x.shape) for path, x in tree.flatten(theirs).items()}
    for path in sorted({*here, *there}):
        if here.get(path) != there.get(path):
            raise ValueError(
                f"its model {name!r} has {path!r} of shape {here.get(path)}, and the "
                f"file of {there.get(path)}"
            )


def _classes(names: Any, spec: Mapping[str, Any]) -> tuple[str, ...]:
    if not isinstance(names, list | tuple) or not all(
        isinstance(name, str) for name in names
    ):
        raise ValueError("its classes are no list of names")
    if names and len(names) != spec.get("classes"):
        raise ValueError(
            f"it names {len(names)} classes, and its model has {spec.get('classes')}"
        )
    return tuple(names)


def _preparation(spec: Any) -> Callable[[Any], Batch]:
    if spec is None:
        return _as_inputs
    if isinstance(spec, dict) and spec.get("name") == "bpe":
        raise ValueError("'bpe' was learned on texts that are not in it")
    name = _named(spec, "preparation", PREPARATIONS)
    limits = {"num_buckets": 2**31, "max_length": MAX_LENGTH}
    for key, value in spec.items():
        several = [value] if key in limits else value
        most = limits.get(key, MAX_GRAM)
        lists = isinstance(several, list) and len(several) <= MAX_GRAM
        if key != "name" and not (
            lists and all(type(x) is int and x <= most for x in several)
        ):
            raise ValueError(
                f"its preparation has {key}={str(value)[:40]}: whole numbers, at most "
                f"{most}"
            )
    try:
        return build(data, spec)(()).prepare
    except TypeError as error:
        raise ValueError(
            f"its preparation {name!r} cannot be made: {_line(error)}"
        ) from error


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


def _named(spec: Any, what: str, names: tuple[str, ...]) -> str:
    name = spec.get("name") if isinstance(spec, dict) else None
    if name not in names:
        raise ValueError(
            f"its {what} is {str(name)[:40]!r}; a file may name {', '.join(names)}"
        )
    return name


def _as_inputs(inputs: Any) -> Batch:
    return {"inputs": inputs}
