import os
import stat

import pytest

from jdistill import artifact, data, language, predictor, tokenizers
from jdistill.files import check_file, filling, replacing


@pytest.fixture
def umask():
    old = os.umask(0o027)
    yield 0o027
    os.umask(old)


def write(path, data=b"new"):
    with replacing(path) as file:
        file.write(data)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_has_the_mode_of_the_umask(tmp_path, umask):
    write(tmp_path / "a")
    assert mode(tmp_path / "a") == 0o666 & ~umask


@pytest.mark.parametrize("old", [0o600, 0o644, 0o755])
def test_a_replaced_file_keeps_its_mode(tmp_path, umask, old):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(old)
    write(path)
    assert (mode(path), path.read_bytes()) == (old, b"new")


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_target_is_replaced(tmp_path, there):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    if there:
        (folder / "a").write_bytes(b"old")
    link = tmp_path / "a"
    link.symlink_to("elsewhere/a")
    write(link)
    assert link.is_symlink()
    assert (folder / "a").read_bytes() == b"new"
    assert len([*tmp_path.iterdir(), *folder.iterdir()]) == 3


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_whole_when_it_appears(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new" * 10_000)
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new" * 10_000


def test_what_is_no_file_is_not_replaced(tmp_path):
    with pytest.raises(ValueError, match="is no file and cannot be replaced"):
        write(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is no file"):
        write(tmp_path / "pipe")


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_is_there_when_all_of_it_is(tmp_path, there):
    folder = tmp_path / "some/where"
    if there:
        folder.mkdir(parents=True)
    with filling(folder) as aside:
        (aside / "a").write_bytes(b"new")
        assert not folder.exists() or not [*folder.iterdir()]
    assert (folder / "a").read_bytes() == b"new"
    assert [*folder.parent.iterdir()] == [folder]


def test_a_folder_that_fails_to_be_filled_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), filling(tmp_path / "a") as aside:
        (aside / "half").mkdir()
        raise KeyboardInterrupt
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["file", "full"])
def test_what_holds_something_is_not_filled(tmp_path, name):
    (tmp_path / "full").mkdir()
    for path in (tmp_path / "file", tmp_path / "full/a"):
        path.write_bytes(b"mine")
    with (
        pytest.raises(ValueError, match=f"{name} holds something already"),
        filling(tmp_path / name),
    ):
        pass
    assert len([*tmp_path.rglob("*")]) == 3


def test_what_would_be_waited_for_is_no_file(tmp_path):
    check_file(__file__)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is no file: it is a pipe"):
        check_file(tmp_path / "pipe")
    with pytest.raises(ValueError, match="/dev/zero is no file: it is a device"):
        check_file("/dev/zero")
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        check_file(tmp_path)
    with pytest.raises(FileNotFoundError, match="nothing"):
        check_file(tmp_path / "nothing")


READERS = {
    "csv": data.csv,
    "idx": data.idx,
    "jsonl": data.jsonl,
    "load": predictor.load,
    "load_cache": data.load_cache,
    "npz": data.npz,
    "table": artifact.table,
    "questions": language.read_questions,
    "tokenizer": tokenizers.from_llama2c,
    "unpack": artifact.unpack,
}


@pytest.mark.parametrize("name", READERS)
def test_no_reader_waits_for_a_pipe_and_each_names_its_path(tmp_path, name):
    os.mkfifo(tmp_path / "here")
    for place in (tmp_path / "here", "/dev/zero", tmp_path / "none"):
        with pytest.raises((ValueError, OSError)) as found:
            READERS[name](place)
        said = str(found.value)
        assert str(place) in said and "\n" not in said
