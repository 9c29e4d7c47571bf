"""Scalars for TensorBoard."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorboardX


@contextlib.contextmanager
def scalars(
    folder: str | os.PathLike, *, step: int = 0
) -> Iterator[Callable[..., None]]:
    """Opens a folder of TensorBoard events.

    Args:
        folder: where the events go; one for each stage of a run.
        step: the first step that will be written. Where a run goes on, points that an
            earlier run wrote at this step or later are hidden.

    Yields:
        `write(step, values)`: values by name, such as `valid/accuracy`.

    Example:
        >>> import tempfile
        >>> with scalars(tempfile.mkdtemp(), step=100) as write:
        ...     write(100, {'train/loss': 0.25})
    """
    writer = tensorboardX.SummaryWriter(os.fspath(folder), purge_step=step)

    def write(step: int, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, float(value), int(step))

    try:
        yield write
    finally:
        writer.close()
