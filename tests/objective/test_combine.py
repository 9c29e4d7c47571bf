import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses
from jdistill.objective import combine, on_labels, on_logits, on_params
from jdistill.typing import Aux, Outputs, Term
from tests.seen import seen

RANDOM = np.random.default_rng(0)
CLASSES = 5
TERMS = dict(
    ce=0.3 * on_labels(losses.cross_entropy),
    kd=0.7 * on_logits(losses.kl, temperature=2.0),
)


def data(size, *, steps=None):
    shape = (size,) if steps is None else (size, steps)
    batch = {
        "label": RANDOM.integers(CLASSES, size=shape),
        "soft": RANDOM.normal(size=(*shape, CLASSES)).astype(np.float32),
    }
    return RANDOM.normal(size=(*shape, CLASSES)).astype(np.float32), batch


def views(logits, batch, params=None):
    teacher = Outputs(jnp.asarray(batch["soft"]))
    return seen(Outputs(jnp.asarray(logits)), teacher, raw=params)


def run(objective, logits, batch, params=None, **changes):
    options = dict(aux={}, step=0, key=None) | changes
    return objective.compute(views(logits, batch, params), batch, **options)


def slope(objective, logits, batch, **changes):
    return jax.grad(lambda z: run(objective, z, batch, **changes)[0])(logits)


def padded(logits, batch, junk):
    """Two more examples of rubbish, with mask 0."""
    size = len(logits)
    rubbish = np.full((2, *logits.shape[1:]), junk, np.float32)
    more = {
        "label": np.concatenate([batch["label"], np.full_like(batch["label"][:2], 99)]),
        "soft": np.concatenate([batch["soft"], rubbish]),
        "mask": np.array([1.0] * size + [0.0, 0.0], np.float32),
    }
    if logits.ndim == 3:
        more["token_mask"] = np.ones(more["label"].shape, np.float32)
    return np.concatenate([logits, rubbish]), more


@pytest.mark.parametrize("junk", [7.0, np.nan, np.inf])
@pytest.mark.parametrize("steps", [None, 3])
def test_padding_changes_neither_loss_nor_gradient(steps, junk):
    logits, batch = data(6, steps=steps)
    objective = combine(**TERMS)
    more_logits, more = padded(logits, batch, junk)
    (loss, metrics), (same, others) = (
        run(objective, logits, batch),
        run(objective, more_logits, more),
    )
    np.testing.assert_allclose(loss, same, rtol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-6), metrics, others)
    found = slope(objective, more_logits, more)
    np.testing.assert_allclose(found[:6], slope(objective, logits, batch), rtol=1e-5)
    assert not np.any(found[6:])


def test_padded_tokens_change_neither_loss_nor_gradient():
    logits, batch = data(2, steps=5)
    batch["token_mask"] = np.array([[1, 1, 1, 0, 0], [1, 1, 0, 0, 0]])
    objective = combine(**TERMS)
    wanted, metrics = run(objective, logits, batch)
    logits[batch["token_mask"] == 0] = np.nan
    found, _ = run(objective, logits, batch)
    assert found == wanted
    assert metrics["ce"][1] == metrics["kd"][1] == 5
    assert not np.any(slope(objective, logits, batch)[batch["token_mask"] == 0])


def test_the_loss_is_the_weighted_sum_of_the_means():
    logits, batch = data(6)
    loss, metrics = run(combine(**TERMS), logits, batch)
    means = {name: float(s / n) for name, (s, n) in metrics.items()}
    assert metrics["ce"][1] == 6
    np.testing.assert_allclose(loss, 0.3 * means["ce"] + 0.7 * means["kd"], rtol=1e-6)
    ce = losses.cross_entropy(jnp.asarray(logits), jnp.asarray(batch["label"]))
    np.testing.assert_allclose(means["ce"], ce.mean(), rtol=1e-6)
    assert means["loss"] == loss
    assert all(x.dtype == jnp.float32 for x in jax.tree.leaves((loss, metrics)))


def test_micro_batches_with_the_counts_of_the_step_equal_the_whole():
    logits, batch = data(8, steps=3)
    batch["mask"] = np.array([1, 1, 1, 0, 0, 1, 0, 0], np.float32)
    batch["token_mask"] = np.arange(24).reshape(8, 3) % 4 < 3
    params = {"w": jnp.ones(3)}
    objective = combine(**TERMS, l1=0.1 * on_params(losses.l1, where="w"))
    loss, metrics = run(objective, logits, batch, params=params)
    parts = [
        ({k: v[i] for k, v in batch.items()}, i) for i in np.split(np.arange(8), 4)
    ]
    counts = [objective.count(part) for part, _ in parts]
    counts = jax.tree.map(lambda *n: sum(n), *counts)
    shares = [
        run(objective, logits[i], part, params=params, counts=counts)
        for part, i in parts
    ]
    np.testing.assert_allclose(sum(loss for loss, _ in shares), loss, rtol=1e-6)
    slopes = [
        slope(objective, logits[i], p, params=params, counts=counts) for p, i in parts
    ]
    whole = slope(objective, logits, batch, params=params)
    np.testing.assert_allclose(np.concatenate(slopes), whole, rtol=1e-6)
    sums = jax.tree.map(lambda *x: sum(x), *[metrics for _, metrics in shares])
    means = {name: s / n for name, (s, n) in sums.items()}
    wanted = {name: s / n for name, (s, n) in metrics.items()}
    for name in wanted:
        np.testing.assert_allclose(means[name], wanted[name], rtol=1e-6, err_msg=name)
    assert float(sums["loss"][1]) == pytest.approx(1.0)


def test_an_empty_mask_gives_a_zero_loss_and_a_zero_gradient():
    logits, batch = data(4)
    batch["mask"] = np.zeros(4, np.float32)
    loss, metrics = run(combine(**TERMS), logits, batch)
    assert loss == 0 and metrics["ce"] == (0, 0) and metrics["loss"] == (0, 0)
    assert not np.any(slope(combine(**TERMS), logits, batch))


def test_fractions_of_a_mask_are_weights():
    logits, batch = data(2)
    batch["mask"] = np.array([0.25, 0.125], np.float32)
    loss, _ = run(combine(ce=on_labels(losses.cross_entropy)), logits, batch)
    each = losses.cross_entropy(jnp.asarray(logits), jnp.asarray(batch["label"]))
    np.testing.assert_allclose(loss, (2 * each[0] + each[1]) / 3, rtol=1e-6)


def test_weights_follow_their_schedules():
    logits, batch = data(4)
    ce = on_labels(losses.cross_entropy)
    objective = combine(ce=(lambda step: step / 10) * (0.5 * ce))
    one, _ = run(combine(ce=ce), logits, batch)
    for step in (0, 4):
        found, _ = run(objective, logits, batch, step=step)
        np.testing.assert_allclose(found, one * step / 20, rtol=1e-6)


def test_compiled_equals_eager_with_traced_step_and_weight():
    logits, batch = data(4)

    @jax.jit
    def compiled(weight, step):
        objective = combine(kd=weight * TERMS["kd"])
        return run(objective, logits, batch, step=step)[0]

    eager, _ = run(combine(kd=0.5 * TERMS["kd"]), logits, batch)
    np.testing.assert_allclose(compiled(0.5, 3), eager, rtol=1e-6)


def counter():
    """A term that keeps its own batches' number and its own key's draw."""
    return Term(
        lambda views, batch, *, aux, **_: (
            aux.memory + 0 * views["student"].outputs.logits[:, 0]
        ),
        lambda batch: jnp.ones(len(batch["label"])),
        init=lambda key, *_: Aux(memory=jax.random.uniform(key)),
        update=lambda aux, *_, step: Aux(memory=aux.memory + step),
    )


def test_each_term_starts_reads_and_updates_what_is_its_own():
    logits, batch = data(4)
    objective = combine(a=counter(), b=counter(), ce=TERMS["ce"])
    aux = objective.init(jax.random.key(0), views(logits, batch), batch)
    assert aux["a"].memory != aux["b"].memory and aux["ce"] == Aux()
    _, metrics = run(objective, logits, batch, aux=aux)
    np.testing.assert_allclose(metrics["b"][0], 4 * aux["b"].memory, rtol=1e-6)
    later = objective.update(aux, views(logits, batch), batch, step=3)
    assert later["a"].memory == aux["a"].memory + 3 and later["ce"] == Aux()


def test_a_terms_key_does_not_depend_on_the_other_terms():
    start = [
        combine(**terms).init(jax.random.key(0), {}, {})["b"].memory
        for terms in ({"b": counter()}, {"a": counter(), "b": counter()})
    ]
    assert start[0] == start[1]


def test_an_objective_without_terms_and_one_of_other_things_are_refused():
    with pytest.raises(ValueError, match="an objective needs a term"):
        combine()
    with pytest.raises(TypeError, match="'ce' is no Term but a function"):
        inspect.unwrap(combine)(ce=losses.cross_entropy)
    with pytest.raises(ValueError, match="'loss' names the sum"):
        combine(loss=TERMS["ce"])
