"""Checkpoints after kills, altered bytes and truncation."""

import errno
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest
from jax.sharding import PartitionSpec

from jdistill import train
from jdistill.train import _checkpoint
from jdistill.train._note import Damaged, read, written
from tests.train.examples import adam, begin, same, steps

ROOT = pathlib.Path(__file__).parents[2]


def state(step, size=3):
    return {"a": {"w": np.full((size, 2), float(step))}, "n": jnp.int32(step)}


@pytest.fixture
def store(tmp_path):
    opened = []

    def open_it(**more):
        for one in opened:  # as a new process finds them: nobody is writing
            one.wait()
        opened.append(train.checkpoints(tmp_path / "run", **more))
        return opened[-1]

    yield open_it
    for one in opened:
        one.close()


def test_an_empty_folder_restores_nothing(store):
    assert store().restore(state(0)) is None
    assert store().best(state(0)) is None


def test_a_whole_training_state_comes_back_bit_for_bit(store):
    trained, _ = steps(adam(), 2)
    store().save(2, trained)
    step, found = store().restore(begin(adam(), key=5))
    assert step == 2
    assert same(found, trained)
    assert jnp.issubdtype(found.key.dtype, jax.dtypes.prng_key)
    assert jax.random.key_impl(found.key) == jax.random.key_impl(trained.key)
    assert jax.random.bits(found.key) == jax.random.bits(trained.key)


@pytest.mark.parametrize("impl", ["rbg", "threefry2x32"])
def test_keys_keep_their_kind_and_stacks_their_shape(store, impl):
    keys = jax.random.split(jax.random.key(3, impl=impl), 4)
    store().save(1, {"k": keys})
    like = {"k": jax.random.split(jax.random.key(0, impl=impl), 4)}
    _, found = store().restore(like)
    assert found["k"].shape == (4,)
    assert same(found, {"k": keys})


@pytest.mark.parametrize("dtype", ["bfloat16", "int8", "bool", "float16", "uint32"])
def test_types_come_back_as_they_are(store, dtype):
    value = {"x": jnp.array([[0, 1], [1, 0]], dtype), "none": None, "empty": ()}
    store().save(1, value)
    _, found = store().restore(jax.tree.map(jnp.zeros_like, value))
    assert found["x"].dtype == value["x"].dtype
    assert same(found, value)


def test_sharded_states_come_back_on_their_devices(store):
    mesh = train.data_mesh(jax.devices()[:4])
    place = jax.sharding.NamedSharding(mesh, PartitionSpec("data"))
    value = {"w": jax.device_put(jnp.arange(8.0), place), "k": jax.random.key(1)}
    store().save(1, value)
    like = {"w": jax.device_put(jnp.zeros(8), place), "k": jax.random.key(0)}
    _, found = store().restore(like)
    assert found["w"].sharding == place
    assert same(found, value)


def test_what_is_saved_is_the_state_at_that_moment(store):
    value = state(1)
    one = store()
    one.save(1, value)
    value["a"]["w"][:] = 7  # as the next step takes over the buffers
    assert same(one.restore(state(0))[1], state(1))


def test_the_newest_are_kept(store, tmp_path):
    one = store(keep=2)
    for step in (1, 2, 5):
        one.save(step, state(step))
    one.wait()
    assert one.restore(state(0))[0] == 5
    assert {p.name for p in (tmp_path / "run/steps").iterdir()} == {"2", "5"}


def test_a_step_that_is_there_is_not_written_again(store):
    one = store()
    one.save(3, state(3))
    one.save(3, state(4))
    one.save(2, state(2))
    assert same(one.restore(state(0)), (3, state(3)))


def test_the_best_is_the_highest_score_and_stays(store):
    one = store()
    scores = [0.5, np.float32(0.75), jnp.float32(0.75), float("nan"), 0.1]
    for step, score in enumerate(scores, 1):
        one.save(step, state(step), score)
    assert same(store().best(state(0)), (2, state(2)))
    assert store().restore(state(0))[0] == 5


def test_a_better_score_at_a_later_time_replaces_the_best(store):
    store().save(1, state(1), -3.0)
    again = store()
    again.save(2, state(2), -2.0)
    assert again.best(state(0))[0] == 2


def test_one_kept_checkpoint_is_refused(tmp_path):
    with pytest.raises(ValueError, match="keep must be a whole number from 2, got 1"):
        train.checkpoints(tmp_path, keep=1)


# Damage.


def data_files(folder):
    """The files that hold arrays, largest first."""
    files = [p for p in (folder / "state").rglob("*") if p.is_file()]
    return sorted(files, key=lambda p: -p.stat().st_size)


def two_saved(store, size=2000):
    one = store()
    rng = np.random.default_rng(0)
    values = {
        step: {"a": {"w": rng.normal(size=(size, 2))}, "n": np.arange(step)[:1]}
        for step in (1, 2)
    }
    for step, value in values.items():
        one.save(step, value)
    one.close()
    return values, jax.tree.map(np.zeros_like, values[1])


def test_an_altered_byte_names_its_tensor_and_the_one_before_is_taken(store, tmp_path):
    values, like = two_saved(store)
    last = tmp_path / "run/steps"
    files = data_files(last / "2")
    raw = bytearray(files[0].read_bytes())
    raw[len(raw) // 2] ^= 1
    files[0].write_bytes(raw)
    with pytest.warns(UserWarning, match=r"checkpoint 2 in .*'a/w'.*going back"):
        found = store().restore(like)
    assert same(found, (1, values[1]))
    assert (tmp_path / "run/damaged/2-0").is_dir()


def test_an_altered_note_is_damage_too(store, tmp_path):
    values, like = two_saved(store)
    note = tmp_path / "run/steps/2/note/metadata"
    text = json.loads(note.read_text())
    text["checksums"]["n"] += 1
    note.write_text(json.dumps(text))
    with pytest.warns(UserWarning, match=r"checkpoint 2 .*its note was altered"):
        assert same(store().restore(like), (1, values[1]))


# a reader that gave up leaves tasks behind, which say so when they are collected
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("part", ["data", "note", "manifest.ocdbt"])
@pytest.mark.parametrize("how", ["truncated", "gone", "a folder"])
def test_what_is_cut_or_gone_is_damage_and_the_one_before_is_taken(
    store, tmp_path, part, how
):
    values, like = two_saved(store)
    folder = tmp_path / "run/steps/2"
    found = {
        "data": lambda: data_files(folder)[0],
        "note": lambda: folder / "note/metadata",
        "manifest.ocdbt": lambda: folder / "state/manifest.ocdbt",
    }[part]()
    if how == "gone":
        found.unlink()
    elif how == "a folder":
        found.unlink()
        found.mkdir()
    else:
        found.write_bytes(found.read_bytes()[: found.stat().st_size // 2])
    with pytest.warns(UserWarning, match="checkpoint 2 in .* is damaged"):
        assert same(store().restore(like), (1, values[1]))


def test_a_damaged_checkpoint_makes_room_for_its_step(store, tmp_path):
    values, like = two_saved(store)
    data_files(tmp_path / "run/steps/2")[0].unlink()
    one = store()
    with pytest.warns(UserWarning, match="damaged"):
        one.restore(like)
    one.save(2, values[2])
    one.close()
    assert same(store().restore(like), (2, values[2]))


def test_where_all_are_damaged_nothing_starts_anew_and_they_are_kept(store, tmp_path):
    _, like = two_saved(store)
    for step in ("1", "2"):
        data_files(tmp_path / "run/steps" / step)[0].unlink()
    for _ in range(2):  # nor does the next run
        one = store()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            with pytest.raises(ValueError, match=r"no checkpoint in .* is whole"):
                one.restore(like)
    kept = {p.name for p in (tmp_path / "run/damaged").iterdir()}
    assert kept == {"1-1", "2-0"}


def form(size=2000, dtype="f8"):
    return {"a": {"w": np.zeros((size, 2), dtype)}, "n": np.zeros(1, int)}


@pytest.mark.parametrize(
    ("like", "said"),
    [
        (form(size=3), r"'a/w' is float64\[2000, 2\] there and float64\[3, 2\] here"),
        (form(dtype="f4"), "there and float32"),
        ({"a": {"w": np.zeros((2000, 2))}}, "'n' is int64.* there and nothing here"),
        ({**form(), "z": np.zeros(1)}, "'z' is nothing there"),
    ],
)
def test_a_state_of_another_form_is_refused_and_nothing_is_lost(store, like, said):
    values, right = two_saved(store)
    with pytest.raises(ValueError, match=said):
        store().restore(like)
    assert same(store().restore(right), (2, values[2]))


# One commit a step: state, score and checksums together.


def test_the_best_outlives_every_later_step_and_a_damaged_note(store, tmp_path):
    one = store()
    for step, score in enumerate([0.5, 0.9, 0.1, None, 0.2], 1):
        one.save(step, state(step), score)
    one.wait()
    assert {p.name for p in (tmp_path / "run/steps").iterdir()} == {"2", "4", "5"}
    (tmp_path / "run/steps/2/note/metadata").write_bytes(b"{}")
    with pytest.warns(UserWarning, match="checkpoint 2 .*its note is not JSON"):
        again = store()
    assert same(again.best(state(0)), (5, state(5)))
    again.save(6, state(6), 0.1)  # as a run that goes on does
    assert again.restore(state(0))[0] == 6


def test_a_kill_amid_a_deletion_leaves_nothing_that_looks_damaged(
    store, tmp_path, monkeypatch
):
    one = store()
    one.save(1, state(1))
    one.save(2, state(2))
    one.wait()

    def cut(path):
        (path / "note/metadata").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", cut)
        one.save(3, state(3))
        with pytest.raises(KeyboardInterrupt):
            one.wait()
    assert same(store().restore(state(0)), (3, state(3)))
    assert {p.name for p in (tmp_path / "run/steps").iterdir()} == {"2", "3"}


def test_every_bit_of_a_sample_of_the_note_is_noticed_or_harmless(store, tmp_path):
    values, like = two_saved(store, size=3)
    note = tmp_path / "run/steps/2/note/metadata"
    whole = note.read_bytes()
    for bit in range(3, 8 * len(whole), 97):
        raw = bytearray(whole)
        raw[bit // 8] ^= 1 << bit % 8
        note.write_bytes(raw)
        try:
            found = read(note)
        except Damaged:
            continue
        assert written(found) == json.loads(whole)
    raw = bytearray(whole)
    raw[whole.index(b"score")] ^= 1
    note.write_bytes(raw)
    with pytest.warns(UserWarning, match="checkpoint 2 .*note was altered"):
        assert same(store().restore(like), (1, values[1]))


# What is no damage.

FAULTS = [
    OSError(errno.ESTALE, "Stale file handle"),
    OSError(errno.EIO, "Input/output error"),
    MemoryError("no room"),
    TimeoutError("no answer"),
    OSError("the link is down"),
    ValueError("UNKNOWN: Error reading local file: [os_error_code='5']"),
    ValueError("RESOURCE_EXHAUSTED: out of memory"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[str(f)[:20] for f in FAULTS])
def test_what_passes_is_raised_and_no_checkpoint_is_moved(
    store, tmp_path, monkeypatch, fault
):
    values, like = two_saved(store)
    one = store()

    def fails(*_, **__):
        raise RuntimeError("reading failed") from fault

    with monkeypatch.context() as patched:
        patched.setattr(ocp.AsyncCheckpointer, "restore", fails)
        with pytest.raises((OSError, MemoryError, RuntimeError)):
            one.restore(like)
    assert not (tmp_path / "run/damaged").exists()
    assert same(one.restore(like), (2, values[2]))


def test_a_failure_that_passes_at_once_is_read_again(store, tmp_path, monkeypatch):
    values, like = two_saved(store)
    one, whole = store(), ocp.AsyncCheckpointer.restore
    faults = [ValueError("not what it was")]

    def once(*args, **more):
        if faults:
            raise faults.pop()
        return whole(*args, **more)

    monkeypatch.setattr(ocp.AsyncCheckpointer, "restore", once)
    assert same(one.restore(like), (2, values[2]))
    assert not (tmp_path / "run/damaged").exists()


def test_a_note_that_cannot_be_read_now_is_not_damaged(store, tmp_path, monkeypatch):
    values, like = two_saved(store)

    def fails(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(pathlib.Path, "read_bytes", fails)
        with pytest.raises(OSError, match="Input/output"):
            train.checkpoints(tmp_path / "run")
    assert same(store().restore(like), (2, values[2]))


def test_a_store_that_could_not_be_opened_holds_no_folder(tmp_path, monkeypatch):
    given = []

    def lock(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return lambda: given.append(folder)

    def fails(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(_checkpoint, "lock", lock)
    monkeypatch.setattr(_checkpoint, "_clear", fails)
    with pytest.raises(OSError, match="Input/output"):
        train.checkpoints(tmp_path / "run")
    assert given == [tmp_path / "run"]


def test_a_full_disk_is_named_and_the_store_goes_on_when_there_is_room(
    store, tmp_path, monkeypatch
):
    one = store()
    one.save(1, state(1))
    full = "RESOURCE_EXHAUSTED: No space left on device [os_error_code='28']"

    def fails(_):
        raise ValueError(full)

    one.wait()
    with monkeypatch.context() as patched:
        patched.setattr(ocp.AsyncCheckpointer, "wait_until_finished", fails)
        with pytest.raises(OSError, match="No space left on device") as caught:
            one.save(2, state(2))
    assert caught.value.errno == errno.ENOSPC
    one.save(2, state(2))
    assert same(one.restore(state(0)), (2, state(2)))


# Empty arrays, and those of several processes.


def test_empty_arrays_come_back(store):
    value = {
        "a": np.zeros((0, 3), np.float32),
        "w": jnp.ones(2),
        "k": jnp.zeros((4, 0)),
    }
    store().save(1, value)
    _, found = store().restore(jax.tree.map(jnp.zeros_like, value))
    assert same(found, value)
    with pytest.raises(ValueError, match=r"'a' is float32\[0, 3\] there"):
        store().restore({**value, "a": np.zeros((0, 4), np.float32)})


@pytest.mark.parametrize("value", [{"a": np.zeros(0)}, {}])
def test_a_state_of_nothing_comes_back(store, value):
    store().save(1, value)
    assert same(store().restore(value), (1, value))


SAVES = """
    import sys
    sys.path.insert(0, {root!r})
    import numpy as np
    from jdistill import train
    store = train.checkpoints(sys.argv[1])
    found = store.restore({{"x": np.zeros(300_000), "step": np.zeros(())}})
    first = found[0] if found else 0
    print("ready", flush=True)
    for step in range(first + 1, 10**6):
        value = {{"x": np.full(300_000, float(step)), "step": np.float64(step)}}
        store.save(step, value, score=float(step))
        print(step, flush=True)
"""


def test_kill_9_during_saves_leaves_a_whole_checkpoint_not_far_behind(tmp_path):
    script = textwrap.dedent(SAVES.format(root=str(ROOT)))
    like = {"x": np.zeros(300_000), "step": np.zeros(())}
    command = [sys.executable, "-c", script, str(tmp_path / "run")]
    last = 0
    for number in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            for _ in range(3):
                last = int(process.stdout.readline())
            time.sleep(0.013 * number)
            process.send_signal(signal.SIGKILL)
            last = max([last, *map(int, process.stdout.read().split()[-1:])])
        one = train.checkpoints(tmp_path / "run")
        for step, value in (one.restore(like), one.best(like)):
            assert float(value["step"]) == step
            assert (value["x"] == step).all()
            assert last - 2 <= step <= last + 1
        one.close()
