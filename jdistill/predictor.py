"""From a packed file to predictions."""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from jdistill import artifact, data, models
from jdistill.build import build
from jdistill.typing import Batch, Frozen, Model


class Loaded(NamedTuple):
    """A model out of its file.

    * `predict(examples) -> logits`: of texts, or of arrays as the model reads them.
    * `classes`: the names of the logits, in order.
    """

    model: Model
    frozen: Frozen
    classes: tuple[str, ...]
    predict: Callable[[Any], Any]


def load(path: str | os.PathLike[str]) -> Loaded:
    """Makes the model that a file of the pipeline describes, ready to predict.

    Args:
        path: a file whose description has `model`, `classes` and `prepare`.

    Returns:
        The model, its variables and a function from examples to logits.

    Raises:
        ValueError: the file is damaged, or does not say which model it holds.

    Example:
        >>> load('nowhere.safetensors')
        Traceback (most recent call last):
        FileNotFoundError: ...
    """
    packed = artifact.unpack(path)
    says = packed.description
    if "model" not in says:
        raise ValueError(f"{path}: its description lacks 'model': {sorted(says)}")
    model, state = build(models, says["model"]), packed.state
    if packed.activations:
        model = models.simulate_int8(model)
        state = {"model": state, "activations": packed.activations}
    prepare = _as_inputs
    if spec := says.get("prepare"):
        if spec.get("name") == "bpe":
            raise ValueError(f"{path}: 'bpe' was learned on texts that are not in it")
        prepare = build(data, spec)(()).prepare

    def predict(examples):
        batch = prepare(examples)
        return model.apply(packed.params, state, batch, train=False)[0].logits

    return Loaded(
        model, Frozen(packed.params, state), tuple(says.get("classes", ())), predict
    )


def _as_inputs(inputs: Any) -> Batch:
    return {"inputs": inputs}
