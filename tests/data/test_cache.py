"""A cache joins by id, and only to what it was made for."""

import jax
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
    return data.cache(split, logits, variables=TEACHER)


def test_logits_are_joined_by_id_in_any_order(split, cache, logits):
    joined = data.cached(split, cache, variables=TEACHER)
    rows = [7, 2, 7]
    taken = joined.take(rows)
    np.testing.assert_array_equal(
        taken["outputs"]["teacher"].logits, logits[rows].astype("f4")
    )
    np.testing.assert_array_equal(taken["inputs"], split.arrays["inputs"][rows])


def test_arrays_and_batches_hold_the_same_logits(split, cache):
    joined = data.cached(split, cache, variables=TEACHER)
    taken = joined.take(np.arange(split.size))
    jax.tree.map(np.testing.assert_array_equal, taken, joined.arrays)


def test_a_split_that_is_streamed_can_be_joined(split, cache):
    joined = data.cached(split._replace(arrays=None), cache, variables=TEACHER)
    assert joined.arrays is None
    assert joined.take([3])["outputs"]["teacher"].logits.shape == (1, 10)


def test_a_cache_is_read_as_it_was_written(tmp_path, cache):
    data.save_cache(tmp_path / "a.npz", cache)
    read = data.load_cache(tmp_path / "a.npz")
    jax.tree.map(np.testing.assert_array_equal, read.outputs, cache.outputs)
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
        data.cached(altered(split, key), cache, variables=TEACHER)


@pytest.mark.parametrize("teacher", [{"kernel": np.zeros(3)}, {"other": np.ones(3)}])
def test_another_teacher_is_refused(split, cache, teacher):
    with pytest.raises(ValueError, match="teacher was made with another network"):
        data.cached(split, cache, variables=teacher)


def test_another_augmentation_is_refused(split, cache):
    with pytest.raises(ValueError, match=r"another augmentation .'', here 'flip'"):
        data.cached(split, cache, variables=TEACHER, augmentation="flip")


def test_another_size_is_refused(cache):
    train = data.digits().train
    with pytest.raises(ValueError, match=rf"size {train.size}, got \["):
        data.cached(train, cache, variables=TEACHER)


def test_another_number_of_classes_is_refused(split, logits):
    with pytest.raises(ValueError, match=rf"\[{split.size}, 10\], got \[.*, 9\]"):
        data.cache(split, logits[:, :9], variables=TEACHER)


def test_logits_that_are_not_finite_are_named(split, logits):
    bad = logits.copy()
    bad[4, 2] = np.nan
    with pytest.raises(ValueError, match="example 4: the logits are NaN or infinite"):
        data.cache(split, bad, variables=TEACHER)


@pytest.mark.parametrize("keep", [0, 100, 0.5, -1])
def test_a_truncated_file_is_refused(tmp_path, cache, keep):
    path = tmp_path / "a.npz"
    data.save_cache(path, cache)
    whole = path.read_bytes()
    stop = int(len(whole) * keep) if isinstance(keep, float) else keep
    path.write_bytes(whole[:stop])
    with pytest.raises(ValueError, match="not a whole cache"):
        data.load_cache(path)


def test_an_altered_cache_is_refused(tmp_path, cache):
    path = tmp_path / "a.npz"
    data.save_cache(path, cache)
    with np.load(path) as file:
        entries = dict(file)
    entries["output:logits"] = entries["output:logits"] + 1
    np.savez(path, **entries)
    with pytest.raises(ValueError, match="was altered"):
        data.load_cache(path)


def test_a_cache_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no cache at .*a\.npz"):
        data.load_cache(tmp_path / "a.npz")


def test_a_cache_has_the_mode_of_the_umask_and_keeps_links(tmp_path, cache):
    (tmp_path / "link.npz").symlink_to("cache.npz")
    for _ in range(2):
        data.save_cache(tmp_path / "link.npz", cache)
        (tmp_path / "plain").touch()
        assert (tmp_path / "link.npz").is_symlink()
        modes = {(tmp_path / n).stat().st_mode for n in ("cache.npz", "plain")}
        assert len(modes) == 1
