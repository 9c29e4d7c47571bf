"""What a packed file says of its model, so that `load` can make it."""

import json
from typing import Any

from jdistill import kinds, tokenizers
from jdistill.batching import at_hand
from jdistill.counting import several_labels
from jdistill.predictor._prepare import ENCODED, PREPARATIONS
from jdistill.typing import DataSet, Model, Split, Tokenizer

SEVERAL = "several"


def describe(
    model: Model,
    *,
    data: DataSet | Split | None = None,
    tokenizer: Tokenizer | None = None,
) -> dict[str, Any]:
    """The description with which `load` makes a model of its file and predicts.

    `jd.pack(path, frozen, description=jd.describe(model, data=digits))`. A network of
    one's own is not in it: `load(path, model=...)` is given that again.

    Args:
        model: of `jdistill.models`, as it was made: not its int8 form and no peers.
        data: what it learned from, or one part: the names of the classes, what one
            example looks like and, of a data set, how texts become tokens, with the
            tokenizer of `data.bpe` and `data.encoded`.
        tokenizer: the vocabulary of a model of texts.

    Returns:
        Plain values, which JSON can hold: `model`, `classes`, `labels` ('several' where
        an example has several, so that each class has a probability of its own),
        `inputs`, `prepare` and `tokenizer`, as far as they are known.
        `{**describe(model), 'classes': [...]}` says more.

    Raises:
        TypeError: something is of another kind.
        ValueError: the data have other classes than the model, or the tokenizer is
            not that of its embedding.

    Example:
        >>> from jdistill import data, models
        >>> about = describe(models.mlp(widths=(8,), classes=10), data=data.digits())
        >>> about['model'], about['inputs']
        ({'name': 'mlp', 'classes': 10, 'widths': [8]},
         {'shape': [8, 8, 1], 'dtype': 'float32'})
    """
    kinds.model(model=model)
    spec = {} if model.spec is None else json.loads(model.spec)
    says: dict[str, Any] = {"model": spec} if spec else {}
    if labels := spec.get("config", {}).get("labels"):
        says["classes"] = labels
    if data is not None:
        says |= _of_data(data, spec)
    if tokenizer is not None:
        kinds.instance(Tokenizer, "a Tokenizer", {"tokenizer": tokenizer})
        if "config" in spec:
            tokenizers.check_vocabulary(tokenizer, spec["config"]["vocab"])
        says["tokenizer"] = tokenizers.describe(tokenizer)
    return says


def _of_data(data: Any, spec: dict[str, Any]) -> dict[str, Any]:
    split = data.train if isinstance(data, DataSet) else data
    kinds.split(data=split)
    says: dict[str, Any] = {}
    if split.classes:
        says["classes"] = [str(name) for name in split.classes]
        labels = spec.get("config", {}).get("labels") or split.classes
        here, there = len(split.classes), spec.get("classes", len(labels))
        if here != there:
            raise ValueError(f"the data have {here} classes, and the model {there}")
    if split.size and several_labels(at_hand(split)):
        says["labels"] = SEVERAL
    inputs = split.take([0]).get("inputs") if split.size else None
    if inputs is not None:
        shape = list(inputs.shape[1:])
        says["inputs"] = {"shape": shape, "dtype": inputs.dtype.name}
    if isinstance(data, DataSet) and (prepare := _preparation(data)):
        says["prepare"] = prepare
    return says


def _preparation(data: DataSet) -> dict[str, Any] | None:
    """How its examples become inputs, None where a file cannot say it."""
    if data.tokenizer is not None:
        learned = tokenizers.describe(data.tokenizer)
        steps = data.info["steps"]
        return {"name": ENCODED, "max_length": steps, "tokenizer": learned}
    prepare = data.info.get("prepare", {"name": None})
    return dict(prepare) if prepare["name"] in PREPARATIONS else None
