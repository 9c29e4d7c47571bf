"""Distil and compress neural networks in JAX.

The names of a first session are here: `import jdistill as jd`, then `jd.data`,
`jd.learner`, `jd.pack`... Each namespace is imported when it is first asked for, so a
project that needs `jdistill.ops` alone pays for nothing else.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jdistill.build import build as build
from jdistill.evaluate import evaluate as evaluate
from jdistill.evaluate import outputs_of as outputs_of
from jdistill.evaluate import predict as predict
from jdistill.typing import Batch as Batch
from jdistill.typing import Frozen as Frozen
from jdistill.typing import Model as Model
from jdistill.typing import Outputs as Outputs

if TYPE_CHECKING:
    from jdistill import artifact as artifact
    from jdistill import compress as compress
    from jdistill import data as data
    from jdistill import language as language
    from jdistill import losses as losses
    from jdistill import metrics as metrics
    from jdistill import models as models
    from jdistill import objective as objective
    from jdistill import ops as ops
    from jdistill import projections as projections
    from jdistill import report as report
    from jdistill import schedules as schedules
    from jdistill import tokenizers as tokenizers
    from jdistill import train as train
    from jdistill import tree as tree
    from jdistill.artifact import pack as pack
    from jdistill.artifact import unpack as unpack
    from jdistill.objective import combine as combine
    from jdistill.objective import on_labels as on_labels
    from jdistill.objective import on_logits as on_logits
    from jdistill.predictor import describe as describe
    from jdistill.predictor import load as load
    from jdistill.train import learner as learner
    from jdistill.train import run as run

_FROM = {
    "combine": "objective",
    "describe": "predictor",
    "learner": "train",
    "load": "predictor",
    "on_labels": "objective",
    "on_logits": "objective",
    "pack": "artifact",
    "run": "train",
    "unpack": "artifact",
}

__all__ = [
    "Batch",
    "Frozen",
    "Model",
    "Outputs",
    "artifact",
    "build",
    "combine",
    "compress",
    "data",
    "describe",
    "evaluate",
    "language",
    "learner",
    "load",
    "losses",
    "metrics",
    "models",
    "objective",
    "on_labels",
    "on_logits",
    "ops",
    "outputs_of",
    "pack",
    "predict",
    "projections",
    "report",
    "run",
    "schedules",
    "tokenizers",
    "train",
    "tree",
    "unpack",
]


def __getattr__(name: str) -> Any:
    if name in _FROM:
        return getattr(importlib.import_module(f"jdistill.{_FROM[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"jdistill.{name}")
    raise AttributeError(f"module 'jdistill' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
