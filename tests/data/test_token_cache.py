"""What a cache of tokens gives back, to which batches, and to which not."""

import warnings

import jax
import numpy as np
import optax
import pytest

from jdistill import data, losses, models, objective, train
from jdistill.typing import Frozen, Outputs, SparseTarget
from tests.data.token_windows import (
    NAMES,
    SIZE,
    STEPS,
    VOCAB,
    split_of,
    teacher,
    windows,
    write,
)

K = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    write(folder, targets=data.top_k(k=K))
    return folder


@pytest.fixture(scope="module")
def cache(folder):
    return data.open_tokens(folder)


def joined(cache, arrays=None, **changes):
    split = split_of(windows() if arrays is None else arrays)
    _, frozen = teacher()
    return data.cached_tokens(split, cache, variables=frozen, **NAMES | changes)


def log_p_of(arrays):
    model, frozen = teacher()
    z = np.asarray(model.apply(*frozen, arrays)[0].logits, np.float64)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def test_each_token_of_a_batch_has_the_teachers_classes_in_any_order(cache):
    ids = [7, 0, 9, 7]
    batch = joined(cache).take(ids)
    found = batch["outputs"]["teacher"].sparse
    log_p = log_p_of({name: x[ids] for name, x in windows().items()})
    real = batch["token_mask"] != 0
    wanted = np.argsort(-log_p, axis=-1)[..., :K]
    assert np.array_equal(found.ids[real], wanted[real])
    kept = np.take_along_axis(log_p, wanted, -1)
    assert np.abs(found.log_p - kept)[real].max() < 1e-3
    tail = np.log(1 - np.exp(kept).sum(-1))
    assert np.abs(found.log_tail - tail)[real].max() < 1e-3
    assert np.all(found.ids[~real] == -1) and np.isneginf(found.log_p[~real]).all()


def test_windows_packed_otherwise_find_the_same_rows(cache):
    """Two windows in one row, as two segments of it."""
    arrays = windows()
    packed = {name: x.reshape(SIZE // 2, 2 * STEPS) for name, x in arrays.items()}
    packed["segment"] = np.repeat([[1, 2]], STEPS, axis=1) * np.ones((5, 1), int)
    rows = cache.rows(packed)
    alone = cache.rows(arrays)
    for one, other in zip(rows, alone, strict=True):
        assert np.array_equal(one.reshape(other.shape), other)


def test_other_outputs_of_a_batch_stay_and_a_split_is_streamed(cache):
    split = split_of(windows())
    logits = np.zeros((1, STEPS, VOCAB))
    outputs = {"teacher": Outputs(logits), "aunt": Outputs(logits)}
    more = split._replace(
        take=lambda ids: {**split.take(ids), "outputs": outputs}, arrays={}
    )
    _, frozen = teacher()
    made = data.cached_tokens(more, cache, variables=frozen, **NAMES)
    batch = made.take([0])
    assert made.arrays is None
    assert batch["outputs"]["teacher"].logits is logits
    assert batch["outputs"]["teacher"].sparse.ids.shape == (1, STEPS, K)
    assert batch["outputs"]["aunt"] == outputs["aunt"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"variables": teacher(seed=1)[1]},
            "the teacher was made with another network",
        ),
        ({"tokenizer": "words"}, "another tokenizer .'letters', here 'words'"),
        ({"bos": "none"}, "another BOS rule .'window', here 'none'"),
        ({"temperature": 2.0}, "another temperature .1.0, here 2.0"),
        ({"arrays": windows(5)}, "another window length .6, here 5"),
        ({"network": "student"}, "the student learns"),
    ],
)
def test_a_cache_of_something_else_is_refused(cache, changes, message):
    arrays = changes.pop("arrays", windows())
    given = {"variables": teacher()[1], **NAMES, **changes}
    with pytest.raises(ValueError, match=message) as caught:
        data.cached_tokens(split_of(arrays), cache, **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("how", [{"shift": 1}, {"text": 1}], ids=["cut", "text"])
def test_windows_cut_elsewhere_and_another_text_are_refused(cache, how):
    split = joined(cache, windows(**how))
    with pytest.raises(ValueError, match="was made of other windows"):
        split.take([2])


def test_a_cache_that_lacks_shards_says_so(tmp_path):
    write(tmp_path, process=1, processes=2)
    cache = data.open_tokens(tmp_path)
    assert cache.missing == (0, 2, 4)
    with pytest.raises(ValueError, match="lacks 3 of its 5 shards, the first is 0"):
        joined(cache)


def test_a_shard_of_another_cache_is_refused(tmp_path, folder):
    write(tmp_path, targets=data.top_k(k=K), seed=1)
    shard = "000001.safetensors"
    (tmp_path / shard).write_bytes((folder / shard).read_bytes())
    with pytest.raises(ValueError, match=f"{shard} is of another cache than"):
        data.open_tokens(tmp_path)


def test_a_folder_without_a_whole_note_is_refused(tmp_path):
    for text in (b"", b"{}", b'{"size": 3}', b"\xff"):
        (tmp_path / "about.json").write_bytes(text)
        with pytest.raises(ValueError, match=r"about\.json is not whole"):
            data.open_tokens(tmp_path)


def test_renormalised_rows_warn_with_what_is_missing(cache):
    real = windows()["token_mask"] != 0
    log_p = np.sort(log_p_of(windows()), axis=-1)[..., ::-1][real]
    mass = np.exp(log_p[:, :K]).sum(-1)
    assert cache.mass == pytest.approx(mass.mean(), abs=1e-4)
    assert cache.floor == pytest.approx(-np.log(mass).mean(), abs=1e-4)
    message = (
        rf"{mass.mean():.3f} of .* {1 - mass.mean():.3f} is missing.*{cache.floor:.3f}"
    )
    with pytest.warns(UserWarning, match=message):
        made = data.renormalized(cache)
    found = made.rows(split_of(windows()).take(np.arange(SIZE)))
    assert found.log_tail is None
    np.testing.assert_allclose(np.exp(found.log_p[real]).sum(-1), 1, rtol=1e-5)
    wanted = log_p[:, :K] - np.log(mass)[:, None]
    assert np.abs(found.log_p[real] - wanted).max() < 1e-3
    assert np.isneginf(found.log_p[~real]).all()


def test_drawn_rows_are_shares_and_have_nothing_to_renormalise(tmp_path):
    write(tmp_path)
    cache = data.open_tokens(tmp_path)
    found = cache.rows(split_of(windows()).take([3]))
    np.testing.assert_allclose(np.exp(found.log_p).sum(-1), 1, rtol=1e-6)
    assert found.log_tail is None and cache.mass is None
    with warnings.catch_warnings(), pytest.raises(ValueError, match="have no tail"):
        data.renormalized(cache)


def test_rows_go_into_a_file_of_outputs_too(tmp_path):
    split = data.digits().valid
    many = np.zeros((split.size, 3))
    sparse = SparseTarget(many.astype(np.int32), many, many[:, 0])
    made = data.cache(split, Outputs(sparse=sparse), variables={})
    data.save_cache(tmp_path / "a.npz", made)
    read = data.load_cache(tmp_path / "a.npz").outputs
    jax.tree.map(np.testing.assert_array_equal, read, made.outputs)
    assert isinstance(read.sparse, SparseTarget)


def test_a_student_learns_from_the_cache_what_it_learns_from_the_teacher(tmp_path):
    """All classes kept: the same steps as with the live teacher, within 16 bits."""
    write(tmp_path, targets=data.top_k(k=VOCAB))
    split = split_of(windows())
    student = models.from_function(lambda params, inputs: params["table"][inputs])
    start = Frozen({"table": np.zeros((VOCAB, VOCAB), np.float32)})
    model, frozen = teacher()

    def trained(term, split, **more):
        goal = objective.combine(kd=term)
        made = train.learner(student, goal, optax.sgd(1.0), **more)
        rest = {"frozen": {"teacher": frozen}} if more else {}
        options = {"num_steps": 6, "batch_size": 4, "start": start, **rest}
        state = train.run(made, split, key=jax.random.key(0), **options)
        return state.params["table"]

    cached = joined(data.open_tokens(tmp_path))
    found = trained(objective.on_sparse(losses.sparse_kl), cached)
    live = trained(objective.on_logits(losses.kl, per="token"), split, teacher=model)
    np.testing.assert_allclose(found, live, atol=2e-3)
    assert np.abs(live).max() > 0.2
