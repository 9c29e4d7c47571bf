"""Pretrained networks, read from the files of others and written to them."""

from jdistill.models.formats._hf import from_hf as from_hf
from jdistill.models.formats._hf import to_hf as to_hf
from jdistill.models.formats._pretrained import Pretrained as Pretrained

__all__ = ["Pretrained", "from_hf", "to_hf"]
