import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from jdistill import data, metrics
from jdistill.evaluate import evaluate, outputs_of, predict
from jdistill.typing import Frozen, Model, Outputs

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(20, 4)).astype(np.float32)
LABEL = RANDOM.integers(3, size=20)
KERNEL, OTHER = RANDOM.normal(size=(2, 4, 3)).astype(np.float32)


USUAL = {
    "accuracy": metrics.accuracy(),
    "recall_macro": metrics.recall(),
    "nll": metrics.nll(),
    "ece": metrics.ece(),
}


def all_metrics():
    return {
        "accuracy": metrics.accuracy(),
        "f1": metrics.f1(),
        "confusion": metrics.confusion(),
        "agreement": metrics.agreement(),
        "ece": metrics.ece(),
    }


def linear():
    """A model that counts how often it is traced."""
    traces = []

    def apply(params, state, batch, *, train=False, key=None):
        assert not train and key is None
        traces.append(1)
        return Outputs(batch["inputs"] @ params["kernel"] + state["bias"]), state

    return Model(lambda key, batch: ({}, {}), apply), traces


def frozen(kernel):
    return Frozen({"kernel": jnp.asarray(kernel)}, {"bias": jnp.zeros((1, 3))})


def batches(size=8, junk=np.nan):
    for start in range(0, 20, size):
        rows = np.arange(start, start + size)
        mask = rows < 20
        rows = np.minimum(rows, 19)
        inputs = np.where(mask[:, None], INPUTS[rows], np.float32(junk))
        yield {"inputs": inputs, "label": LABEL[rows], "mask": mask.astype(np.float32)}


def test_figures_equal_numpy_whatever_the_batch_size():
    model, _ = linear()
    right = (INPUTS @ KERNEL).argmax(-1) == LABEL
    same = (INPUTS @ KERNEL).argmax(-1) == (INPUTS @ OTHER).argmax(-1)
    for size in (7, 8, 20):
        found = evaluate(
            model,
            frozen(KERNEL),
            batches(size),
            metrics=all_metrics(),
            teacher=(model, frozen(OTHER)),
        )
        assert list(found) == list(all_metrics())
        assert found["accuracy"] == pytest.approx(right.mean())
        assert found["agreement"] == pytest.approx(same.mean())
        assert isinstance(found["f1"], float)
        assert found["confusion"].shape == (3, 3) and found["confusion"].sum() == 20


def test_evaluating_again_compiles_nothing():
    model, traces = linear()
    for kernel in (KERNEL, OTHER, KERNEL):
        evaluate(model, frozen(kernel), batches(), metrics={"a": metrics.accuracy()})
        predict(model, frozen(kernel), batches())
    assert len(traces) == 2  # one program for sums, one for logits


def split(size=20):
    arrays = {"inputs": INPUTS[:size], "label": LABEL[:size]}
    return data.in_memory(arrays, classes=("a", "b", "c"))


def test_a_split_gives_the_figures_of_its_batches():
    model, _ = linear()
    found = evaluate(model, frozen(KERNEL), split(), metrics=USUAL)
    wanted = evaluate(model, frozen(KERNEL), batches(), metrics=USUAL)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, wanted
    )
    np.testing.assert_allclose(
        predict(model, frozen(KERNEL), split()), INPUTS @ KERNEL, rtol=1e-5, atol=1e-6
    )
    assert outputs_of(model, frozen(KERNEL), split(7)).logits.shape == (7, 3)


def test_without_metrics_the_figures_of_classes_are_found():
    model, _ = linear()
    alone = evaluate(model, frozen(KERNEL), split())
    assert alone == evaluate(model, frozen(KERNEL), split(), metrics=USUAL)
    beside = evaluate(model, frozen(KERNEL), split(), teacher=(model, frozen(OTHER)))
    assert beside.keys() - alone.keys() == {"agreement"}
    same = (INPUTS @ KERNEL).argmax(-1) == (INPUTS @ OTHER).argmax(-1)
    assert beside["agreement"] == pytest.approx(same.mean())


TAGS = RANDOM.integers(2, size=(20, 3)).astype(np.float32)


def tagged(size=20):
    arrays = {"inputs": INPUTS[:size], "label": TAGS[:size]}
    return data.in_memory(arrays, classes=("a", "b", "c"))


def test_without_metrics_the_figures_of_several_labels_are_found():
    model, _ = linear()
    wanted = metrics.usual(tagged().arrays)
    found = evaluate(model, frozen(KERNEL), tagged())
    assert found == evaluate(model, frozen(KERNEL), tagged(), metrics=wanted)
    right = ((INPUTS @ KERNEL > 0) == TAGS).all(axis=1).mean()
    assert found["subset_accuracy"] == pytest.approx(right)
    one_by_one = (tagged().take([i]) for i in range(20))
    assert TAGS[0].sum() != 1, "the first batch tells that labels are several"
    assert evaluate(model, frozen(KERNEL), one_by_one) == pytest.approx(found)
    beside = (model, frozen(OTHER))
    more = evaluate(
        model, frozen(KERNEL), tagged()._replace(arrays=None), teacher=beside
    )
    same = ((INPUTS @ KERNEL > 0) == (INPUTS @ OTHER > 0)).all(1).mean()
    assert more["agreement"] == pytest.approx(same) and more.keys() > found.keys()


def test_shares_of_classes_have_no_figures_by_default():
    model, _ = linear()
    shares = {"inputs": INPUTS, "label": np.full((20, 3), 1 / 3, np.float32)}
    with pytest.raises(
        ValueError, match="'accuracy': labels must be classes, integers"
    ):
        evaluate(model, frozen(KERNEL), [shares])
    with pytest.raises(ValueError, match="no batches to evaluate on"):
        evaluate(model, frozen(KERNEL), [])


def test_sharded_batches_give_the_same_and_compile_once():
    mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    spread = NamedSharding(mesh, PartitionSpec("data"))
    whole = NamedSharding(mesh, PartitionSpec())
    model, traces = linear()
    variables = jax.device_put(frozen(KERNEL), whole)
    options = dict(metrics=all_metrics(), teacher=(model, variables))
    sharded = [jax.device_put(batch, spread) for batch in batches()]
    found = evaluate(model, variables, sharded, **options)
    assert len(traces) == 2  # the student and the teacher, once each
    logits = predict(model, variables, sharded)
    options["teacher"] = (model, frozen(KERNEL))
    wanted = evaluate(model, frozen(KERNEL), batches(), **options)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, wanted
    )
    np.testing.assert_allclose(logits, INPUTS @ KERNEL, rtol=1e-5, atol=1e-6)


def test_predictions_leave_padding_out_and_keep_the_order():
    model, _ = linear()
    for size in (3, 20):
        found = predict(model, frozen(KERNEL), batches(size))
        np.testing.assert_allclose(found, INPUTS @ KERNEL, rtol=1e-5, atol=1e-6)


def test_the_teachers_logits_of_the_batches_serve_without_a_teacher():
    model, _ = linear()
    cached = [
        b | {"outputs": {"teacher": Outputs(b["inputs"] @ OTHER)}} for b in batches()
    ]
    only = {"agreement": metrics.agreement()}
    found = evaluate(model, frozen(KERNEL), cached, metrics=only)
    other = (model, frozen(OTHER))
    wanted = evaluate(model, frozen(KERNEL), batches(), metrics=only, teacher=other)
    assert found == wanted


def test_what_is_missing_is_named():
    model, _ = linear()
    with pytest.raises(ValueError, match="metric 'same': no 'teacher'"):
        evaluate(
            model, frozen(KERNEL), batches(), metrics={"same": metrics.agreement()}
        )
    with pytest.raises(ValueError, match="metrics is empty"):
        evaluate(model, frozen(KERNEL), batches(), metrics={})
    with pytest.raises(ValueError, match="no batches to evaluate"):
        evaluate(model, frozen(KERNEL), [], metrics=all_metrics())
    with pytest.raises(ValueError, match="no batches to predict"):
        predict(model, frozen(KERNEL), [])


def test_a_network_that_is_given_is_not_taken_from_a_cache():
    """Of another teacher, or of the student as it was."""
    model, _ = linear()
    stale = Outputs(-jnp.ones((8, 3)).at[:, 0].set(9.0))
    spoilt = [b | {"outputs": {"student": stale, "teacher": stale}} for b in batches()]
    how = {"metrics": all_metrics(), "teacher": (model, frozen(OTHER))}
    found = evaluate(model, frozen(KERNEL), spoilt, **how)
    wanted = evaluate(model, frozen(KERNEL), batches(), **how)
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value)


def test_variables_of_the_host_are_put_on_the_device_once(monkeypatch):
    model, _ = linear()
    host = Frozen({"kernel": KERNEL}, {"bias": np.zeros((1, 3), np.float32)})
    seen = []

    def watched(make):
        def program(*key):
            call = make(*key)
            return lambda variables, batch: (
                seen.append(variables) or call(variables, batch)
            )

        return program

    evaluation = sys.modules["jdistill.evaluate"]  # the function has its name
    for name in ("_sums", "_logits", "_outputs"):
        monkeypatch.setattr(evaluation, name, watched(getattr(evaluation, name)))
    chosen = {"accuracy": metrics.accuracy()}
    found = evaluate(model, host, batches(), metrics=chosen)
    logits = predict(model, host, batches())
    outputs = outputs_of(model, host, batches()).logits
    np.testing.assert_array_equal(logits, outputs)
    assert found["accuracy"] == pytest.approx(np.mean(logits.argmax(-1) == LABEL))
    assert len(seen) == 9
    for first, *others in (seen[:3], seen[3:6], seen[6:]):
        leaves = jax.tree.leaves(first)
        assert all(isinstance(x, jax.Array) for x in leaves)
        for other in others:
            assert all(
                x is y for x, y in zip(leaves, jax.tree.leaves(other), strict=True)
            )
