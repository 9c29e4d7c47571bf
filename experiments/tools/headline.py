"""Which figures an experiment is about: its headline and the columns of its table."""

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from jdistill import report

ASKED = {
    "cache_bias": "closed_world",
    "closed_world": "closed_world",
    "language": "language",
    "recommenders": "recommend",
    "sequences": "ctc",
    "vocabulary": "language",
}
"""The experiment that made a result, where its figures are its own."""


def of(experiment: ModuleType) -> Sequence[report.Figure]:
    """The `FIGURES` of an experiment, those of classifiers where it has none.

    Example:
        >>> of(ModuleType('toy'))[0].title
        'accuracy'
    """
    return getattr(experiment, "FIGURES", report.FIGURES)


def of_config(config: Mapping[str, Any]) -> Sequence[report.Figure]:
    """Those of the experiment that a configuration names, if it is there.

    Example:
        >>> of_config({'experiment': 'recommend'})[0].title, of_config({})[0].title
        ('NDCG@10', 'accuracy')
    """
    name = str(config.get("experiment"))
    there = name.isidentifier() and importlib.util.find_spec(f"experiments.{name}")
    return (
        of(importlib.import_module(f"experiments.{name}")) if there else report.FIGURES
    )


def of_result(name: str) -> Sequence[report.Figure]:
    """Those of the rows in `experiments/results/NAME.jsonl`, or `NAME_MORE.jsonl`.

    Example:
        >>> of_result('recommenders')[0].title, of_result('digits')[0].title
        ('NDCG@10', 'accuracy')
    """
    kind = name if name in ASKED else name.partition("_")[0]
    return of_config({"experiment": ASKED.get(kind)})
