"""Data sets by index, prepared alike for training and for prediction."""

from jdistill.batching import EvalBatches as EvalBatches
from jdistill.batching import eval_batches as eval_batches
from jdistill.data._augment import augmentations as augmentations
from jdistill.data._augment import mixup as mixup
from jdistill.data._augment import shift as shift
from jdistill.data._baseline import Baseline as Baseline
from jdistill.data._baseline import tfidf_baseline as tfidf_baseline
from jdistill.data._beside import beside as beside
from jdistill.data._builders import tfds as tfds
from jdistill.data._cache import Cache as Cache
from jdistill.data._cache import cache as cache
from jdistill.data._cache import cached as cached
from jdistill.data._cache import fingerprint as fingerprint
from jdistill.data._cache import load_cache as load_cache
from jdistill.data._cache import save_cache as save_cache
from jdistill.data._corpus import Corpus as Corpus
from jdistill.data._corpus import load_corpus as load_corpus
from jdistill.data._corpus import tokenize as tokenize
from jdistill.data._digits import digits as digits
from jdistill.data._documents import Documents as Documents
from jdistill.data._documents import Part as Part
from jdistill.data._documents import documents as documents
from jdistill.data._encoded import bpe as bpe
from jdistill.data._encoded import encoded as encoded
from jdistill.data._folder import folder as folder
from jdistill.data._idx import idx as idx
from jdistill.data._mixed import mixed as mixed
from jdistill.data._npz import npz as npz
from jdistill.data._order import IndexBatches as IndexBatches
from jdistill.data._order import index_batches as index_batches
from jdistill.data._order import stream as stream
from jdistill.data._paired import paired as paired
from jdistill.data._pairs import pairs as pairs
from jdistill.data._sources import scale as scale
from jdistill.data._splits import Parts as Parts
from jdistill.data._splits import in_memory as in_memory
from jdistill.data._stdlib_comments import stdlib_comments as stdlib_comments
from jdistill.data._stdlib_docs import stdlib_docs as stdlib_docs
from jdistill.data._stdlib_docs import stdlib_texts as stdlib_texts
from jdistill.data._tables import csv as csv
from jdistill.data._tables import jsonl as jsonl
from jdistill.data._targets import Targets as Targets
from jdistill.data._targets import random_sampled as random_sampled
from jdistill.data._targets import top_k as top_k
from jdistill.data._text import Texts as Texts
from jdistill.data._text import Tokens as Tokens
from jdistill.data._text import hashed_ngrams as hashed_ngrams
from jdistill.data._token_cache import TokenCache as TokenCache
from jdistill.data._token_cache import cached_tokens as cached_tokens
from jdistill.data._token_cache import open_tokens as open_tokens
from jdistill.data._token_cache import renormalized as renormalized
from jdistill.data._token_write import cache_tokens as cache_tokens
from jdistill.data._windows import Windows as Windows
from jdistill.data._windows import packed as packed
from jdistill.data._windows import windows as windows

__all__ = [
    "Baseline",
    "Cache",
    "Corpus",
    "Documents",
    "EvalBatches",
    "IndexBatches",
    "Part",
    "Parts",
    "Targets",
    "Texts",
    "TokenCache",
    "Tokens",
    "Windows",
    "augmentations",
    "beside",
    "bpe",
    "cache",
    "cache_tokens",
    "cached",
    "cached_tokens",
    "csv",
    "digits",
    "documents",
    "encoded",
    "eval_batches",
    "fingerprint",
    "folder",
    "hashed_ngrams",
    "idx",
    "in_memory",
    "index_batches",
    "jsonl",
    "load_cache",
    "load_corpus",
    "mixed",
    "mixup",
    "npz",
    "open_tokens",
    "packed",
    "paired",
    "pairs",
    "random_sampled",
    "renormalized",
    "save_cache",
    "scale",
    "shift",
    "stdlib_comments",
    "stdlib_docs",
    "stdlib_texts",
    "stream",
    "tfds",
    "tfidf_baseline",
    "tokenize",
    "top_k",
    "windows",
]
