"""Data sets by index, prepared alike for training and for prediction."""

from jdistill.data._baseline import Baseline as Baseline
from jdistill.data._baseline import tfidf_baseline as tfidf_baseline
from jdistill.data._digits import digits as digits
from jdistill.data._splits import Parts as Parts
from jdistill.data._splits import in_memory as in_memory
from jdistill.data._stdlib_docs import stdlib_docs as stdlib_docs
from jdistill.data._stdlib_docs import stdlib_texts as stdlib_texts
from jdistill.data._text import Texts as Texts
from jdistill.data._text import Tokens as Tokens
from jdistill.data._text import bpe as bpe
from jdistill.data._text import hashed_ngrams as hashed_ngrams

__all__ = [
    "Baseline",
    "Parts",
    "Texts",
    "Tokens",
    "bpe",
    "digits",
    "hashed_ngrams",
    "in_memory",
    "stdlib_docs",
    "stdlib_texts",
    "tfidf_baseline",
]
