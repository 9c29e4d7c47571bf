"""The networks that a configuration names, and how they read."""

from collections.abc import Mapping
from typing import Any

from experiments.tools import components, plan
from experiments.tools.components import build
from jdistill import models, tree
from jdistill.typing import DataSet, Model

Spec = Mapping[str, Any]


def reads(config: Spec, name: str) -> bool:
    """Whether a stage reads texts in a preparation of its own."""
    return "prepare" in config.get(name, {})


def network(config: Spec, name: str, parts: DataSet) -> tuple[Spec, Model]:
    """The network of a section of the configuration, and what it is made of."""
    with plan.at(f"config.{name}.model"):
        own = reads(config, name)
        info = parts.info[name] if own else parts.info
        spec = complete(config[name]["model"], parts._replace(info=info))
        model = build(models, spec)
        return spec, models.reading(model, name) if own else model


def complete(spec: Spec, parts: DataSet) -> dict[str, Any]:
    """A model's configuration with what the data say: classes, vocabulary, steps."""
    info = parts.info
    facts = {"classes": len(parts.train.classes), "steps": info.get("steps")}
    facts |= {"vocab": info.get("vocab"), "num_buckets": info.get("vocab")}
    facts = {k: v for k, v in facts.items() if v is not None and k not in spec}
    return {**spec, **taken(models, spec, facts)}


def taken(namespace: Any, spec: Spec, extra: dict[str, Any]) -> dict[str, Any]:
    """Those of the extra arguments that the named member takes."""
    takes = components.takes(namespace, spec)
    return {name: value for name, value in extra.items() if name in takes}


def gated(params: Any) -> bool:
    """Whether parameters are those of an n-gram classifier, with gates.

    Example:
        >>> gated({'gate': {'embedding': 0.0}}), gated({'w': 0.0})
        (True, False)
    """
    return any("gate/" in path for path in tree.flatten(params))
