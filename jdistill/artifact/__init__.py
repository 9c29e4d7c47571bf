"""The compressed file: one network, small, checked, without pickle."""

from jdistill.artifact._pack import Packed as Packed
from jdistill.artifact._pack import Row as Row
from jdistill.artifact._pack import pack as pack
from jdistill.artifact._pack import table as table
from jdistill.artifact._pack import unpack as unpack

__all__ = [
    "Packed",
    "Row",
    "pack",
    "table",
    "unpack",
]
