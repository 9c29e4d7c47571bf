"""How GGUF files store numbers: kinds of blocks and the bytes that one takes."""

from typing import NamedTuple


class Kind(NamedTuple):
    """A way to store numbers: `block` consecutive ones of a row take `size` bytes.

    * `name`: as GGUF spells it.
    * `number`: as a file writes it.
    * `block`: numbers of a block.
    * `size`: bytes of a block.
    """

    name: str
    number: int
    block: int
    size: int


_TABLE = (
    ("F32", 0, 1, 4),
    ("F16", 1, 1, 2),
    ("Q4_0", 2, 32, 18),
    ("Q4_1", 3, 32, 20),
    ("Q5_0", 6, 32, 22),
    ("Q5_1", 7, 32, 24),
    ("Q8_0", 8, 32, 34),
    ("Q2_K", 10, 256, 84),
    ("Q3_K", 11, 256, 110),
    ("Q4_K", 12, 256, 144),
    ("Q5_K", 13, 256, 176),
    ("Q6_K", 14, 256, 210),
    ("IQ2_XXS", 16, 256, 66),
    ("IQ2_XS", 17, 256, 74),
    ("IQ3_XXS", 18, 256, 98),
    ("IQ1_S", 19, 256, 50),
    ("IQ4_NL", 20, 32, 18),
    ("IQ3_S", 21, 256, 110),
    ("IQ2_S", 22, 256, 82),
    ("IQ4_XS", 23, 256, 136),
    ("F64", 28, 1, 8),
    ("IQ1_M", 29, 256, 56),
    ("BF16", 30, 1, 2),
    ("TQ1_0", 34, 256, 54),
    ("TQ2_0", 35, 256, 66),
    ("MXFP4", 39, 32, 17),
    ("NVFP4", 40, 64, 36),
    ("Q1_0", 41, 128, 18),
)

KINDS = {name: Kind(name, *numbers) for name, *numbers in _TABLE}
"""By name, those that hold weights."""

BY_NUMBER = {kind.number: kind for kind in KINDS.values()}
