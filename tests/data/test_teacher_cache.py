"""A cache joins by id, and only to what it was made for."""

import numpy as np
import pytest

from jdistill import data

TEACHER = {"kernel": np.ones(3)}


@pytest.fixture(scope="module")
def split():
    return data.digits().valid


@pytest.fixture(scope="module")
def logits(split):
    return np.random.default_rng(0).normal(size=(split.size, 10))


@pytest.fixture(scope="module")
def cache(split, logits):
    return data.teacher_cache(split, logits, teacher=TEACHER)


def test_logits_are_joined_by_id_in_any_order(split, cache, logits):
    joined = data.cached(split, cache, teacher=TEACHER)
    rows = [7, 2, 7]
    taken = joined.take(rows)
    np.testing.assert_array_equal(taken["teacher_logits"], logits[rows].astype("f4"))
    np.testing.assert_array_equal(taken["inputs"], split.arrays["inputs"][rows])


def test_arrays_and_batches_hold_the_same_logits(split, cache):
    joined = data.cached(split, cache, teacher=TEACHER)
    taken = joined.take(np.arange(split.size))
    for key in taken:
        np.testing.assert_array_equal(taken[key], joined.arrays[key])


def test_a_split_that_is_streamed_can_be_joined(split, cache):
    joined = data.cached(split._replace(arrays=None), cache, teacher=TEACHER)
    assert joined.arrays is None
    assert joined.take([3])["teacher_logits"].shape == (1, 10)


def test_a_cache_is_read_as_it_was_written(tmp_path, cache):
    data.save_teacher_cache(tmp_path / "a.npz", cache)
    read = data.load_teacher_cache(tmp_path / "a.npz")
    np.testing.assert_array_equal(read.logits, cache.logits)
    assert read[1:] == cache[1:]
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def altered(split, key):
    values = split.arrays[key].copy()
    values[5] = 9 - values[5]
    arrays = {**split.arrays, key: values}
    return data.in_memory(arrays, classes=split.classes)


@pytest.mark.parametrize("key", ["inputs", "label"])
def test_another_split_of_the_same_size_is_refused(split, cache, key):
    with pytest.raises(ValueError, match="made with another split"):
        data.cached(altered(split, key), cache, teacher=TEACHER)


@pytest.mark.parametrize("teacher", [{"kernel": np.zeros(3)}, {"other": np.ones(3)}])
def test_another_teacher_is_refused(split, cache, teacher):
    with pytest.raises(ValueError, match="made with another teacher"):
        data.cached(split, cache, teacher=teacher)


def test_another_augmentation_is_refused(split, cache):
    with pytest.raises(ValueError, match=r"another augmentation .'', here 'flip'"):
        data.cached(split, cache, teacher=TEACHER, augmentation="flip")


def test_another_size_is_refused(cache):
    train = data.digits().train
    with pytest.raises(ValueError, match=rf"\[{train.size}, 10\], got \["):
        data.cached(train, cache, teacher=TEACHER)


def test_another_number_of_classes_is_refused(split, logits):
    with pytest.raises(ValueError, match=rf"\[{split.size}, 10\], got \[.*, 9\]"):
        data.teacher_cache(split, logits[:, :9], teacher=TEACHER)


def test_logits_that_are_not_finite_are_named(split, logits):
    bad = logits.copy()
    bad[4, 2] = np.nan
    with pytest.raises(ValueError, match="example 4: the logits are not finite"):
        data.teacher_cache(split, bad, teacher=TEACHER)


@pytest.mark.parametrize("keep", [0, 100, 0.5, -1])
def test_a_truncated_file_is_refused(tmp_path, cache, keep):
    path = tmp_path / "a.npz"
    data.save_teacher_cache(path, cache)
    whole = path.read_bytes()
    stop = int(len(whole) * keep) if isinstance(keep, float) else keep
    path.write_bytes(whole[:stop])
    with pytest.raises(ValueError, match="not a whole teacher cache"):
        data.load_teacher_cache(path)


def test_an_altered_cache_is_refused(tmp_path, cache):
    path = tmp_path / "a.npz"
    data.save_teacher_cache(path, cache)
    with np.load(path) as file:
        entries = dict(file)
    entries["logits"] = entries["logits"] + 1
    np.savez(path, **entries)
    with pytest.raises(ValueError, match="was altered"):
        data.load_teacher_cache(path)


def test_a_cache_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no teacher cache at .*a\.npz"):
        data.load_teacher_cache(tmp_path / "a.npz")


def test_a_cache_has_the_mode_of_the_umask_and_keeps_links(tmp_path, cache):
    (tmp_path / "link.npz").symlink_to("cache.npz")
    for _ in range(2):
        data.save_teacher_cache(tmp_path / "link.npz", cache)
        (tmp_path / "plain").touch()
        assert (tmp_path / "link.npz").is_symlink()
        modes = {(tmp_path / n).stat().st_mode for n in ("cache.npz", "plain")}
        assert len(modes) == 1
