"""A cache is written shard by shard: killed, split among processes, damaged."""

import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from jdistill import data
from tests.data import token_windows
from tests.data.token_windows import (
    NAMES,
    SIZE,
    VOCAB,
    split_of,
    teacher,
    windows,
    write,
)

ROOT = pathlib.Path(__file__).parents[2]
SHARDS = SIZE // 2


def shards(folder):
    return sorted(folder.glob("[!.]*.safetensors"))


def contents(folder):
    return {path.name: path.read_bytes() for path in shards(folder)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert write(folder) == SHARDS
    return contents(folder)


@pytest.fixture
def begun(tmp_path):
    """A folder whose cache has its first shard."""
    write(tmp_path, process=0, processes=SHARDS)
    return tmp_path


def process(folder, number, processes, seconds):
    module = "tests.data.token_windows"
    words = [str(folder), *map(str, (number, processes, seconds))]
    return subprocess.Popen([sys.executable, "-m", module, *words], cwd=ROOT)


def wait_for(found, running):
    until = time.monotonic() + 300
    while not found():
        assert running.poll() is None and time.monotonic() < until
        time.sleep(0.01)


def test_a_process_that_is_killed_leaves_whole_shards_and_the_rest_is_computed(
    tmp_path, whole
):
    running = process(tmp_path, 0, 1, 0.3)
    wait_for(lambda: len(shards(tmp_path)) >= 2, running)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    before = {path: path.stat().st_mtime_ns for path in shards(tmp_path)}
    assert 2 <= len(before) < SHARDS
    assert data.open_tokens(tmp_path).missing == tuple(range(len(before), SHARDS))
    assert write(tmp_path) == SHARDS - len(before)
    assert contents(tmp_path) == whole
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    assert write(tmp_path) == 0


def test_two_processes_write_what_one_does(tmp_path, whole):
    other = process(tmp_path, 1, 2, 0.0)
    assert write(tmp_path, process=0, processes=2, seconds=0.05) == 3
    assert other.wait(300) == 0
    assert contents(tmp_path) == whole


def test_how_many_are_computed_at_once_changes_no_byte(tmp_path, whole):
    write(tmp_path, batch_size=3)
    assert contents(tmp_path) == whole


@pytest.mark.parametrize("how", ["cut", "flipped", "empty", "other"])
def test_a_damaged_shard_is_refused_by_readers_and_computed_again(tmp_path, whole, how):
    write(tmp_path)
    path = shards(tmp_path)[1]
    good = path.read_bytes()
    path.write_bytes(
        {
            "cut": good[: len(good) // 2],
            "flipped": good[:-9] + bytes([good[-9] ^ 1]) + good[-8:],
            "empty": b"",
            "other": b"\xff" * 100,
        }[how]
    )
    with pytest.raises(ValueError, match=f"{path.name} is not a whole shard"):
        data.open_tokens(tmp_path)
    assert write(tmp_path) == 1
    assert contents(tmp_path) == whole


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokenizer": "words"}, "another tokenizer .'letters', here 'words'"),
        ({"bos": "none"}, "another BOS rule .'window', here 'none'"),
        ({"temperature": 2.0}, "another temperature .1.0, here 2.0"),
        ({"targets": data.top_k(k=3)}, "another rule of which classes are kept"),
        ({"seed": 1}, "another seed .0, here 1"),
        ({"shard_size": 3}, "another number of windows in a shard .2, here 3"),
        ({"arrays": windows(5)}, "another window length .6, here 5"),
    ],
)
def test_a_folder_holds_one_cache_alone(begun, changes, message):
    before = contents(begun)
    with pytest.raises(ValueError, match=message) as caught:
        write(begun, **changes)
    assert "\n" not in str(caught.value) and contents(begun) == before


def test_another_teacher_is_refused(begun):
    model, frozen = teacher(seed=1)
    with pytest.raises(ValueError, match="was made with another network"):
        data.cache_tokens(
            begun,
            split_of(windows()),
            model,
            frozen,
            targets=data.random_sampled(draws=7),
            shard_size=2,
            **token_windows.NAMES,
        )


def test_logits_that_are_not_finite_are_named_and_write_nothing(tmp_path):
    model, frozen = teacher()
    table = frozen.params["table"].copy()
    arrays = windows()
    arrays["inputs"][3, 2] = 7
    arrays["inputs"][:3][arrays["inputs"][:3] == 7] = 1
    arrays["inputs"][3, :2] = 1
    table[7] = np.nan
    frozen = frozen._replace(params={"table": table})
    with pytest.raises(ValueError, match="NaN or infinite: example 3, step 2"):
        data.cache_tokens(
            tmp_path,
            split_of(arrays),
            model,
            frozen,
            targets=data.top_k(k=2),
            shard_size=2,
            **token_windows.NAMES,
        )
    assert [path.name for path in shards(tmp_path)] == ["000000.safetensors"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"process": 2, "processes": 2}, "process must be 0 to processes - 1, got 2"),
        ({"shard_size": 0}, "must be at least 1, got 0"),
        ({"batch_size": 0}, "must be at least 1"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"valid": 12}, "valid must be 1 to 11, got 12"),
    ],
)
def test_numbers_out_of_range_are_named(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path, **changes)
    assert not list(tmp_path.iterdir())


def test_windows_without_keys_are_refused_before_anything_is_written(tmp_path):
    arrays = {n: x for n, x in windows().items() if n != "offset"}
    with pytest.raises(ValueError, match="the batch has no 'offset'"):
        write(tmp_path, arrays=arrays)
    assert not list(tmp_path.iterdir())


def test_ids_behind_the_real_ones_are_left_out(tmp_path):
    write(tmp_path, targets=data.top_k(k=9), valid=9)
    cache = data.open_tokens(tmp_path)
    rows = cache.rows(split_of(windows()).take([0]))
    assert sorted(rows.ids[0, 0].tolist()) == list(range(9))
    np.testing.assert_allclose(np.exp(rows.log_p).sum(-1), 1, rtol=1e-5)
    assert cache.about["form"]["bits"] == 4


def test_what_pads_the_teachers_vocabulary_is_in_no_cache(tmp_path):
    model, frozen = teacher()
    split, rule = split_of(windows()), data.top_k(k=3)
    told = model._replace(words=VOCAB - 1)
    found = []
    for name, own, more in (("told", told, {}), ("given", model, {"valid": VOCAB - 1})):
        words = {"targets": rule, **NAMES, **more}
        data.cache_tokens(tmp_path / name, split, own, frozen, **words)
        found.append(contents(tmp_path / name))
    assert found[0] == found[1]
    write(tmp_path / "all", targets=rule, shard_size=64)
    assert found[0].keys() == contents(tmp_path / "all").keys()
    assert found[0] != contents(tmp_path / "all")
