"""Scalars for TensorBoard."""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.record_writer import RecordWriter
from tensorboardX.summary import scalar


@contextlib.contextmanager
def scalars(
    folder: str | os.PathLike, *, step: int = 0
) -> Iterator[Callable[[int, Mapping[str, Any]], None]]:
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
    os.makedirs(folder, exist_ok=True)
    name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}"
    # Written here and not by a thread: where the disk is full the run is told so, and
    # no thread is left to fail once more.
    records = RecordWriter(os.path.join(folder, name))

    def event(**what: Any) -> None:
        records.write(Event(wall_time=time.time(), **what).SerializeToString())

    def write(step: int, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            event(step=int(step), summary=scalar(name, float(value)))
        records.flush()

    event(file_version="brain.Event:2")
    event(step=step, session_log=SessionLog(status=SessionLog.START))
    try:
        yield write
    finally:
        records.close()
