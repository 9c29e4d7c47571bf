"""Tokenizers, from whatever file a network comes with: all become one kind."""

from jdistill.tokenizers._check import check_vocabulary as check_vocabulary
from jdistill.tokenizers._check import same_vocabulary as same_vocabulary
from jdistill.tokenizers._description import describe as describe
from jdistill.tokenizers._description import from_description as from_description
from jdistill.tokenizers._folder import from_hf as from_hf
from jdistill.tokenizers._folder import to_hf as to_hf
from jdistill.tokenizers._framed import framed as framed
from jdistill.tokenizers._gguf import from_gguf as from_gguf
from jdistill.tokenizers._keep import Kept as Kept
from jdistill.tokenizers._keep import keep as keep
from jdistill.tokenizers._llama2c import from_llama2c as from_llama2c
from jdistill.tokenizers._to_gguf import to_gguf as to_gguf
from jdistill.tokenizers._tokenizer import from_json as from_json

__all__ = [
    "Kept",
    "check_vocabulary",
    "describe",
    "framed",
    "from_description",
    "from_gguf",
    "from_hf",
    "from_json",
    "from_llama2c",
    "keep",
    "same_vocabulary",
    "to_gguf",
    "to_hf",
]
