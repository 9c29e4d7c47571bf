"""The one table of losses: each row drives every test of its family.

A new loss is one row in the file of its family: its float64 transcription in NumPy,
values worked out by hand or by a second implementation, and what its family promises.
"""

from tests.losses.members import (
    _binary,
    _decoupled,
    _divergences,
    _labels,
    _logits,
    _penalties,
    _ranking,
    _recommenders,
    _sequences,
    _standardised,
)
from tests.losses.members._member import Member as Member

FAMILIES = (
    _binary,
    _decoupled,
    _divergences,
    _labels,
    _logits,
    _penalties,
    _ranking,
    _recommenders,
    _sequences,
    _standardised,
)
MEMBERS = {name: row for family in FAMILIES for name, row in family.MEMBERS.items()}
