import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.tools.objectives import combined
from jdistill import losses
from jdistill.typing import Aux, Outputs
from tests.seen import seen

RANDOM = np.random.default_rng(0)
S, T = (jnp.asarray(RANDOM.normal(size=(4, n)), jnp.float32) for n in (3, 5))
STUDENT, TEACHER = Outputs(S, {"s": S}), Outputs(S[::-1], {"t": T})
BATCH = {"label": jnp.array([0, 1, 2, 0])}
CE = {"on": "labels", "loss": "cross_entropy"}


def compute(terms, learned=None, step=0):
    goal = combined(terms, learned)
    views = seen(STUDENT, TEACHER, raw={"w": 2 * jnp.ones(3)})
    aux = goal.init(jax.random.key(0), views, BATCH)
    return goal.compute(views, BATCH, aux=aux, step=step, key=None)[0], aux


def test_terms_are_those_of_the_library_with_their_weights_and_numbers():
    found, _ = compute(
        {
            "ce": {**CE, "weight": 0.5},
            "kd": {"on": "logits", "loss": "kl", "temperature": 3.0},
            "decay": {"on": "params", "loss": "l2", "where": "w", "weight": 0.1},
        }
    )
    kl = losses.kl(S, TEACHER.logits, temperature=3.0).mean()
    wanted = 0.5 * losses.cross_entropy(S, BATCH["label"]).mean() + kl + 1.2
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_a_term_of_some_classes_is_named_with_or_without_its_sources():
    named = {"on": "sparse", "loss": "sparse_kl", "temperature": 2.0}
    parts = [{"name": "logits", "network": "student"}]
    parts.append({"name": "sparse", "network": "aunt"})
    whole = {"arguments": parts, "loss": "sparse_soft_cross_entropy", "per": "token"}
    vocabulary = {"on": "vocabulary", "loss": "sparse_kl", "chunk": 8}
    assert combined({"kd": named}).needs == {
        ("student", "logits"),
        ("teacher", "sparse"),
    }
    assert ("aunt", "sparse") in (combined({"kd": whole}).needs or ())
    goal = combined({"kd": vocabulary})
    assert ("student", "head") in (goal.needs or ())
    assert goal.count({"token_mask": jnp.ones((2, 3))}) == {"kd": 6}


def test_weights_and_numbers_may_be_schedules():
    line = {"name": "linear", "start": 0, "end": 10, "target": 1.0}
    for step, share in ((0, 0.0), (5, 0.5), (10, 1.0)):
        found, _ = compute({"ce": {**CE, "weight": line}}, step=step)
        wanted = share * losses.cross_entropy(S, BATCH["label"]).mean()
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_taps_go_through_the_projection_that_is_named():
    hint = {"on": "features", "loss": "fitnet", "teacher": "t"}
    source = {"taps": "s", "projection": {"name": "linear"}}
    _, aux = compute({"hint": {**hint, "student": source}})
    assert sorted(aux["hint"].trained) == ["student"]
    earlier = {"first": {"other": Aux({"student": aux["hint"].trained["student"]})}}
    fixed = {**source, "learned_in": "first/other/student"}
    found, again = compute({"hint": {**hint, "student": fixed}}, earlier)
    assert again["hint"].trained == {}
    assert found > 0
    with pytest.raises(ValueError, match="no earlier stage 'first'; there: none"):
        compute({"hint": {**hint, "student": fixed}})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"on": "label"}, "on is 'label'; valid: labels, logits"),
        ({"loss": "cross_entropi"}, "no loss 'cross_entropi'; valid: .*cross_entropy"),
    ],
)
def test_a_misspelt_word_is_told_with_the_valid_ones(change, message):
    with pytest.raises(ValueError, match=f"term 'ce': {message}"):
        combined({"ce": {**CE, **change}})
