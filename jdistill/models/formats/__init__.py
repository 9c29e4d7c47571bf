"""Pretrained networks, read from the files of others and written to them."""

from jdistill.models.formats._gguf import from_gguf as from_gguf
from jdistill.models.formats._gguf import gguf_metadata as gguf_metadata
from jdistill.models.formats._gguf_save import to_gguf as to_gguf
from jdistill.models.formats._hf import from_hf as from_hf
from jdistill.models.formats._hf import to_hf as to_hf
from jdistill.models.formats._llama2c import from_llama2c as from_llama2c
from jdistill.models.formats._pretrained import Pretrained as Pretrained

__all__ = [
    "Pretrained",
    "from_gguf",
    "from_hf",
    "from_llama2c",
    "gguf_metadata",
    "to_gguf",
    "to_hf",
]
