"""From a packed file to predictions and to texts."""

from jdistill.predictor._describe import describe as describe
from jdistill.predictor._load import load as load
from jdistill.predictor._loaded import Loaded as Loaded

__all__ = [
    "Loaded",
    "describe",
    "load",
]
