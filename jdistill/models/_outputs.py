"""What a network returned, as `Outputs`."""

from typing import Any

from jdistill import kinds
from jdistill.typing import Outputs


def as_outputs(out: Any) -> Outputs:
    """`Outputs` as they are, and an array as logits.

    Raises:
        TypeError: anything else, such as a tuple or a dictionary.

    Example:
        >>> as_outputs((1, 2))
        Traceback (most recent call last):
        TypeError: the network returned a tuple: it must be logits, or Outputs(...)
    """
    if isinstance(out, Outputs):
        return out
    if not hasattr(out, "shape"):
        raise TypeError(
            f"the network returned {kinds.got(out)}: it must be logits, or Outputs(...)"
        )
    return Outputs(out)
