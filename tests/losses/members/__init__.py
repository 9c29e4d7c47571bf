"""The one table of losses: each row drives every test of its family.

A new loss is one row in the file of its family: its float64 transcription in NumPy,
values worked out by hand or by a second implementation, and what its family promises.
"""

from tests.losses.members import (
    _binary,
    _data_free,
    _decoupled,
    _divergences,
    _features,
    _labels,
    _logits,
    _penalties,
    _ranking,
    _recommenders,
    _relations,
    _sequences,
    _sparse,
    _standardised,
    _transformers,
)
from tests.losses.members._member import Member as Member

MEMBERS = (
    _binary.MEMBERS
    | _data_free.MEMBERS
    | _decoupled.MEMBERS
    | _divergences.MEMBERS
    | _features.MEMBERS
    | _labels.MEMBERS
    | _logits.MEMBERS
    | _penalties.MEMBERS
    | _ranking.MEMBERS
    | _recommenders.MEMBERS
    | _relations.MEMBERS
    | _sequences.MEMBERS
    | _sparse.MEMBERS
    | _standardised.MEMBERS
    | _transformers.MEMBERS
)
