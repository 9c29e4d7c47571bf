"""The compressed file: one network, small, checked, without pickle."""

from jdistill.artifact._pack import pack as pack
from jdistill.artifact._unpack import Packed as Packed
from jdistill.artifact._unpack import Row as Row
from jdistill.artifact._unpack import table as table
from jdistill.artifact._unpack import unpack as unpack

__all__ = [
    "Packed",
    "Row",
    "pack",
    "table",
    "unpack",
]
