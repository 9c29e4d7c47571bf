"""Rows come back from their bytes, and take as many as is said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jdistill.data import _token_rows as rows
from jdistill.typing import SparseTarget


def target_of(random, form, count, fewest=0):
    """Rows of any number of classes, in any order, with places left empty."""
    k = form.width
    kept = random.random((count, k)) < random.random((count, 1))
    kept[:, 0] |= fewest > 0
    top = min(1 << form.bits, 10**6)
    ids = np.stack([random.choice(top, k, replace=False) for _ in range(count)])
    if form.draws:
        shares = random.integers(1, form.draws + 1, (count, k)) / form.draws
        return SparseTarget(np.where(kept, ids, -1), np.log(shares).astype("f4"))
    z = random.normal(scale=4, size=(count, k + 1))
    z[:, :k][~kept] = -np.inf
    log_p = (z - np.log(np.exp(z).sum(-1, keepdims=True))).astype(np.float32)
    ids = np.where(kept, ids, -1).astype(np.int32)
    return SparseTarget(ids, log_p[:, :k], log_p[:, k] if form.tail else None)


def left(target):
    """Each row's classes moved to its beginning."""
    order = np.argsort(target.ids < 0, axis=-1, kind="stable")
    ids, log_p = (np.take_along_axis(x, order, -1) for x in target[:2])
    return ids, np.where(ids < 0, -np.inf, log_p)


@given(
    bits=st.integers(4, 26),
    width=st.integers(1, 15),
    count=st.integers(1, 150),
    kind=st.sampled_from(["tail", "counts", "weights"]),
    seed=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_rows_come_back_in_any_order(bits, width, count, kind, seed):
    random = np.random.default_rng(seed)
    form = rows.Form(bits, width, 300 if kind == "counts" else 0, kind == "tail")
    target = target_of(random, form, count, fewest=1)
    columns = rows.to_columns(target, form)
    wanted = random.integers(0, count, 2 * count)
    found = rows.read_rows(columns, rows.starts_of(columns, form), form, wanted)
    ids, log_p = left(target)
    assert np.array_equal(found.ids, ids[wanted])
    assert found.ids.dtype == np.int32 and found.log_p.dtype == np.float32
    there = found.ids >= 0
    assert np.isneginf(found.log_p[~there]).all()
    if kind == "counts":
        np.testing.assert_allclose(found.log_p, log_p[wanted], rtol=1e-5, atol=1e-7)
        return
    total = np.exp(found.log_p).sum(-1)
    if kind == "tail":
        error = found.log_tail - target.log_tail[wanted]
        assert np.abs(error).max() <= 1 / rows.STEP + 1e-5
        total = total + np.exp(found.log_tail)
        error = found.log_p[there] - log_p[wanted][there]
        assert np.abs(error).max() <= 1 / rows.STEP + 1e-5
    np.testing.assert_allclose(total, 1, rtol=1e-5)


def test_a_code_is_within_half_a_step_and_says_where_it_ends():
    log_p = -np.linspace(0, 31.99, 5001)
    error = rows.from_codes(rows.to_codes(log_p)) - log_p
    assert np.abs(error).max() <= 0.5 / rows.STEP + 1e-6
    ends = rows.from_codes(rows.to_codes(np.array([-500.0, -np.inf, 1e-7])))
    assert ends[0] == pytest.approx(-32, abs=1e-3) and np.isneginf(ends[1])
    assert ends[2] == 0


def test_64_classes_of_17_bits_take_267_bytes_and_12_drawn_ones_39():
    random = np.random.default_rng(0)
    form = rows.form_of(vocab=131_072, width=64, draws=0, tail=True)
    ids = np.stack([random.choice(131_072, 64, replace=False) for _ in range(100)])
    log_p = np.full((100, 64), -5.0, np.float32)
    columns = rows.to_columns(SparseTarget(ids, log_p, log_p[:, 0]), form)
    assert form.bits == 17
    assert sum(x.nbytes for x in columns.values()) == 100 * (1 + 136 + 128 + 2)
    form = rows.form_of(vocab=131_072, width=50, draws=50, tail=False)
    ids = np.where(np.arange(50) < 12, np.pad(ids, ((0, 0), (0, 0)))[:, :50], -1)
    columns = rows.to_columns(SparseTarget(ids, log_p[:, :50]), form)
    assert sum(x.nbytes for x in columns.values()) == 100 * (1 + 26 + 12)


@pytest.mark.parametrize("name", ["ids", "values", "tail", "lengths"])
def test_columns_that_do_not_fit_each_other_are_refused(name):
    form = rows.Form(5, 4, 0, True)
    columns = rows.to_columns(target_of(np.random.default_rng(0), form, 9, 1), form)
    wrong = {**columns, name: columns[name][:-1]}
    with pytest.raises(ValueError, match=r"are not there|have no tail"):
        rows.starts_of(wrong, form)
    with pytest.raises(ValueError, match="above 1"):
        rows.starts_of(columns, form._replace(width=1))
