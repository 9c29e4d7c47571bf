"""One model becomes one row, in one line."""

import io
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import rich.console

from jdistill import artifact, compress, data, models, report, tree
from jdistill.evaluate import predict
from jdistill.report import _row
from jdistill.typing import Frozen
from tests.train.examples import frozen, net, split

TEST = split(19, 2)
MODEL, TEACHER = net(), net(widths=(7,))


@pytest.fixture(scope="module")
def found():
    teacher = (TEACHER, frozen(TEACHER))
    return report.row("mine", MODEL, frozen(MODEL), TEST, teacher=teacher, batch_size=8)


def test_a_row_says_how_good_how_large_and_how_fast_a_model_is(found):
    logits = predict(MODEL, frozen(MODEL), TEST)
    right = (logits.argmax(-1) == TEST.arrays["label"]).mean()
    theirs = predict(TEACHER, frozen(TEACHER), TEST).argmax(-1)
    assert found["accuracy"] == pytest.approx(right)
    assert found["agreement"] == pytest.approx((logits.argmax(-1) == theirs).mean())
    assert np.sum(found["confusion"]) == 19 and found["classes"] == ["a", "b", "c"]
    assert found["parameters"] == 5 * 6 + 6 + 6 * 3 + 3
    assert found["bytes"] == 4 * found["parameters"]
    zeros = sum(int((x == 0).sum()) for x in jax.tree.leaves(frozen(MODEL).params))
    assert found["examples"] == 19 and zeros > 0
    assert found["sparsity"] == pytest.approx(zeros / found["parameters"])
    assert found["latency_ms"] > 0 and found["latency_batch"] == 8
    assert found["energy"]["memory_uJ"] > 0


def test_a_row_is_written_as_it_is(found):
    assert json.loads(json.dumps(found)) == found


def test_several_labels_have_figures_of_their_own():
    tags = np.random.default_rng(0).integers(2, size=(19, 3)).astype(np.float32)
    has = (np.arange(19) < 17).astype(np.float32)
    arrays = {**TEST.arrays, "label": tags, "label_mask": has}
    tagged = data.in_memory(arrays, classes=TEST.classes)
    teacher = (TEACHER, frozen(TEACHER))
    row = report.row("mine", MODEL, frozen(MODEL), tagged, teacher=teacher)
    assert json.loads(json.dumps(row)) == row
    said = predict(MODEL, frozen(MODEL), TEST) > 0
    theirs = predict(TEACHER, frozen(TEACHER), TEST) > 0
    right = (said == tags).all(axis=1)[:17].mean()
    assert row["subset_accuracy"] == pytest.approx(right) and row["examples"] == 17
    assert row["agreement"] == pytest.approx((said == theirs).all(axis=1).mean())
    recall = (said & (tags == 1))[:17].sum(0) / tags[:17].sum(0)
    assert row["recall_per_class"] == pytest.approx(recall)
    assert "accuracy" not in row and "confusion" not in row
    shown = report.markdown([row])
    assert shown.startswith("| stage | realised | mAP % | F1 micro % | F1 macro % |")
    assert "Recall" in report.html([row, {**row, "stage": "b", "realised": "packed"}])


def test_without_a_teacher_nothing_is_said_of_agreement():
    row = report.row("mine", MODEL, frozen(MODEL), TEST)
    assert "agreement" not in row and row["latency_batch"] == 19


def test_rows_of_any_names_are_shown_in_the_order_given(found):
    names = ["second", "a first", "<b>", "teacher2"]
    rows = [
        {**found, "stage": name, "bytes": 80 - 8 * i} for i, name in enumerate(names)
    ]
    console = rich.console.Console(width=200, file=io.StringIO())
    console.print(report.table(rows))
    lines = [line.split("  ")[0] for line in console.file.getvalue().splitlines()]
    assert [line.strip() for line in lines if line.strip() in names] == names
    page = report.html(rows)
    places = [page.index(f">{name}<") for name in ("second", "a first", "&lt;b&gt;")]
    assert places == sorted(places)
    last = report.markdown(rows).splitlines()[-1]
    assert "| 1.43× |" in last, "against the first where none is called teacher"


def test_the_row_of_a_file_has_its_bytes(tmp_path):
    ready = frozen(MODEL)
    encoded = compress.identity().encode(ready.params, (), ())
    size = artifact.pack(tmp_path / "f", encoded)
    packed = artifact.unpack(tmp_path / "f", like=ready.params)
    row = report.row("file", MODEL, Frozen(packed.params), TEST, packed=packed)
    assert row["realised"] == "packed" and row["bytes"] == size
    run = {"packed": packed, "realised": "executed"}
    row = report.row("file", MODEL, Frozen(packed.params), TEST, **run)
    assert row["realised"] == "executed" and row["bytes"] == size
    with pytest.raises(ValueError, match=r"'masked' is of no file: .* 'packed' or"):
        report.row("x", MODEL, ready, TEST, packed=packed, realised="masked")


def test_what_a_row_cannot_be_made_of_is_refused():
    ready = frozen(MODEL)
    with pytest.raises(
        ValueError, match=r"'packed' is of a file: give packed=artifact"
    ):
        report.row("x", MODEL, ready, TEST, realised="packed")
    with pytest.raises(ValueError, match="realised must be one of 'dense', 'masked'"):
        report.row("x", MODEL, ready, TEST, realised="int8")


def test_numbers_without_a_price_have_no_energy():
    ready = frozen(MODEL)
    half = jax.tree.map(lambda x: x.astype(jnp.bfloat16), ready)
    assert report.row("x", MODEL, half, TEST)["energy"] is None
    half = jax.tree.map(lambda x: x.astype(jnp.float16), ready)
    energy = report.row("x", MODEL, half, TEST)["energy"]
    assert energy["compute_uJ"] == pytest.approx((5 * 6 + 6 * 3) * 1.5e-6)


def adds(monkeypatch, model, frozen, batch, size=None):
    """What the estimate of energy is given: multiply-adds by type, bytes moved."""
    seen = []

    def fake(*arguments):
        seen.append(arguments)

    monkeypatch.setattr(_row, "estimated", fake)
    size = tree.num_bytes(frozen.params) if size is None else size
    _row._energy(model, frozen, batch, size)
    return seen[0]


def batch():
    return next(iter(data.eval_batches(TEST, batch_size=8)))


def test_energy_counts_one_example_with_its_weights_as_stored(monkeypatch):
    counts, moved = adds(monkeypatch, MODEL, frozen(MODEL), batch())
    assert counts == {"float32": 5 * 6 + 6 * 3, "int8": 0}
    size = tree.num_bytes(frozen(MODEL).params) // 4
    _, less = adds(monkeypatch, MODEL, frozen(MODEL), batch(), size)
    weights = 4 * (5 * 6 + 6 * 3)
    assert moved - less == pytest.approx(weights * 3 / 4, rel=0.02)


def test_products_in_int8_are_counted_as_such(monkeypatch):
    ready = models.observe_int8(MODEL, frozen(MODEL), [batch()])
    scales = {"Dense_0/kernel": 1.0, "Dense_1/kernel": 1.0}
    state = {**ready.state, "weights": jax.tree.map(np.float32, scales)}
    model = models.execute_int8(MODEL)
    counts, _ = adds(monkeypatch, model, Frozen(ready.params, state), batch())
    assert counts == {"float32": 0, "int8": 5 * 6 + 6 * 3}


def test_a_table_moves_the_rows_of_the_tokens_and_not_itself(monkeypatch):
    def apply(params, x):
        return params["table"][x].mean(axis=1) @ params["w"]

    params = {"table": np.ones((1000, 4), np.float32), "w": np.ones((4, 3), np.float32)}
    model = models.from_function(apply)
    tokens = {"inputs": np.zeros((2, 7), np.int32)}
    _, moved = adds(monkeypatch, model, Frozen(params), tokens)
    assert 7 * 4 * 4 + 4 * 4 * 3 <= moved < 1000 * 4 * 4
