"""TensorBoard scalars, and the points that a resumed run writes again."""

import errno
import struct
import threading

import pytest
from tensorboardX.proto import event_pb2
from tensorboardX.record_writer import RecordWriter

from experiments.tools import board


def events(folder):
    found = []
    for file in sorted(folder.iterdir()):
        data, at = file.read_bytes(), 0
        while at < len(data):
            (size,) = struct.unpack_from("<Q", data, at)
            found.append(event_pb2.Event.FromString(data[at + 12 : at + 12 + size]))
            at += 12 + size + 4
    return found


def test_scalars_are_written_with_their_step(tmp_path):
    with board.scalars(tmp_path) as write:
        write(3, {"valid/accuracy": 0.5})
    (event,) = [e for e in events(tmp_path) if e.summary.value]
    assert (event.step, event.summary.value[0].tag) == (3, "valid/accuracy")
    assert event.summary.value[0].simple_value == 0.5


def test_a_resumed_run_hides_what_it_writes_again(tmp_path):
    with board.scalars(tmp_path, step=50) as write:
        write(50, {"loss": 1.0})
    starts = [e.step for e in events(tmp_path) if e.HasField("session_log")]
    assert starts == [50]


def test_a_full_disk_is_said_where_it_is_met_and_leaves_no_thread(tmp_path):
    def full(self):
        raise OSError(errno.ENOSPC, "No space left on device")

    with (
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(OSError, match="No space"),
        board.scalars(tmp_path) as write,
    ):
        patch.setattr(RecordWriter, "flush", full)
        write(3, {"loss": 1.0})
    running = {type(thread).__name__ for thread in threading.enumerate()}
    assert not any("Event" in name for name in running)
