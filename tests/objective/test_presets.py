import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses
from jdistill.objective import (
    combine,
    example_mask,
    labels,
    on_features,
    on_labels,
    on_logits,
    on_params,
)
from jdistill.objective._signature import names_of
from jdistill.typing import Outputs
from tests.seen import seen

ZEROS, TEACHER = jnp.zeros((2, 3)), jnp.array([[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]])
BATCH = {"label": jnp.array([0, 1])}


def squared(student, teacher, *, scale=1.0):
    return scale * jnp.sum((student - teacher) ** 2, axis=-1)


def run(term, student=None, teacher=None, batch=None, params=None, **changes):
    student = Outputs(ZEROS) if student is None else student
    options = dict(aux={}, step=0, key=None) | changes
    batch = BATCH if batch is None else batch
    views = seen(student, teacher, raw=params)
    return combine(term=term).compute(views, batch, **options)


def test_a_loss_of_logits_gets_those_of_both_networks():
    term = on_logits(losses.kl, temperature=2.0)
    found, _ = run(term, teacher=Outputs(TEACHER))
    np.testing.assert_allclose(found, losses.kl(ZEROS, TEACHER, temperature=2.0).mean())


def test_the_loss_gets_the_student_first():
    term = on_logits(lambda student, teacher: student[:, 0] - teacher[:, 0])
    assert run(term, teacher=Outputs(TEACHER))[0] == -1.5


def test_a_loss_number_may_be_a_schedule():
    term = on_logits(losses.kl, temperature=lambda step: 1.0 + step)
    for step in (0, 3):
        found, _ = run(term, teacher=Outputs(TEACHER), step=step)
        wanted = losses.kl(ZEROS, TEACHER, temperature=1.0 + step).mean()
        np.testing.assert_allclose(found, wanted)


def test_features_are_read_by_the_names_of_their_taps():
    student = Outputs(ZEROS, {"a": jnp.ones((2, 4)), "b": jnp.zeros((2, 4))})
    teacher = Outputs(TEACHER, {"a": jnp.full((2, 4), 9.0), "c": jnp.full((2, 4), 3.0)})
    term = on_features(squared, student="a", teacher="c", scale=lambda step: 0.5)
    assert run(term, student, teacher)[0] == 8.0


def test_features_of_padding_add_nothing():
    student = Outputs(ZEROS, {"a": jnp.ones((2, 4))})
    teacher = Outputs(TEACHER, {"c": jnp.full((2, 4), 3.0).at[1].set(jnp.nan)})
    term = on_features(squared, student="a", teacher="c")
    batch = BATCH | {"mask": jnp.array([1.0, 0.0])}
    assert run(term, student, teacher, batch)[0] == 16.0


def test_tokens_are_counted_where_labels_are_sequences_and_as_asked_elsewhere():
    batch = {
        "label": jnp.array([[0, 1], [2, 0]]),
        "mask": jnp.array([1, 0]),
        "token_mask": jnp.array([[1, 0], [1, 1]]),
    }
    student = Outputs(jnp.zeros((2, 2, 3)), {"h": jnp.ones((2, 2, 4))})
    zeros = Outputs(student.logits, {"h": jnp.zeros((2, 2, 4))})
    terms = [
        on_labels(losses.cross_entropy),
        on_logits(losses.kl),
        on_features(squared, student="h", teacher="h", per="token"),
        on_logits(lambda s, t: s.sum((1, 2)), per="example"),
    ]
    counts = [run(t, student, zeros, batch)[1]["term"][1] for t in terms]
    assert counts == [1, 1, 1, 1]
    batch["mask"] = jnp.array([1, 1])
    counts = [run(t, student, zeros, batch)[1]["term"][1] for t in terms]
    assert counts == [3, 3, 3, 2]


def test_a_penalty_acts_on_the_raw_parameters_it_selects():
    params = {
        "a": {"kernel": jnp.array([1.0, -2.0]), "bias": jnp.array([5.0])},
        "b": {"kernel": jnp.array([[3.0]])},
    }
    term = on_params(losses.l1, where=".*kernel")
    loss, metrics = run(term, params=params)
    assert loss == 6 and metrics["term"] == (6, 1)
    with pytest.raises(ValueError, match=r"term 'term': where='.*' matches no"):
        run(on_params(losses.l1, where=".*kernels"), params=params)


def test_a_missing_teacher_names_the_term():
    with pytest.raises(
        ValueError,
        match=r"term 'term': no 'teacher' network is here; there are \['student'",
    ):
        run(on_logits(losses.kl))
    with pytest.raises(ValueError, match=r"term 'term': no 'teacher' network is here"):
        student = Outputs(ZEROS, {"a": ZEROS})
        run(on_features(squared, student="a", teacher="c"), student)


def test_different_classes_are_both_named():
    with pytest.raises(ValueError, match=r"'term'.*student has 3 classes.*teacher 7"):
        run(on_logits(losses.kl), teacher=Outputs(jnp.zeros((2, 7))))


def test_a_missing_tap_lists_those_there():
    student = Outputs(ZEROS, {"a": ZEROS, "b": ZEROS})
    with pytest.raises(
        ValueError, match=r"student has no tap 'x'; there are \['a', 'b'"
    ):
        run(on_features(squared, student="x", teacher="a"), student, student)
    with pytest.raises(
        ValueError, match=r"teacher has no tap 'y'; there are \['a', 'b'"
    ):
        run(on_features(squared, student="a", teacher="y"), student, student)


def test_a_batch_without_labels_is_refused():
    with pytest.raises(ValueError, match=r"term 'term': no 'label'.*\['inputs'\]"):
        run(on_labels(losses.cross_entropy), batch={"inputs": ZEROS})


def test_values_that_are_counted_wrongly_say_how_to_count_them():
    with pytest.raises(ValueError, match=r"'term'.*say per='example' or per='token'"):
        run(on_labels(lambda logits, label: logits))
    with pytest.raises(ValueError, match=r"per must be one of .* got 'step'"):
        on_logits(losses.kl, per="step")


def test_a_schedule_that_leaves_the_positive_numbers_stops_the_run():
    term = on_logits(losses.kl, temperature=lambda step: 2.0 - step)

    def found(step):
        return run(term, teacher=Outputs(TEACHER), step=step)[0]

    for step in range(4):
        assert np.isfinite(jax.jit(found)(step)) == (step < 2)
    with pytest.raises(ValueError, match="temperature must be above 0, got -1"):
        found(3)


def test_a_number_that_the_loss_does_not_take_is_named_with_the_term():
    with pytest.raises(TypeError, match=r"kl .*temprature'; did you mean 'temperature"):
        on_logits(losses.kl, temprature=2.0)
    with pytest.raises(TypeError, match=r"group_lasso takes no argument 'axes'"):
        on_params(losses.group_lasso, where=".*", axes=0)


def test_a_loss_that_lacks_an_argument_says_so_when_its_term_is_made():
    with pytest.raises(TypeError, match="dkd needs labels=: a source or a number"):
        on_logits(losses.dkd)
    with pytest.raises(TypeError, match=r"a loss is a function .* got 'kl'"):
        inspect.unwrap(names_of)("kl", 2, ())
    with pytest.raises(
        ValueError, match=r"cka relates the rows .*mask=example_mask\(\)"
    ):
        on_features(losses.cka, student="a", teacher="b")
    assert on_features(losses.cka, student="a", teacher="b", mask=None).weight == 1


BETWEEN_LOGITS = (
    *("kl", "soft_cross_entropy", "reverse_kl", "jsd", "total_variation", "cosine"),
    *("skewed_kl", "skewed_reverse_kl", "logit_mse", "logit_euclidean", "dkd", "nkd"),
    *("mft", "dist", "logit_standardization", "hinge_ranking", "logistic_ranking"),
    *("binary_kl", "ctc_kl", "ctc_kl_without_blank", "rd", "rrd"),
)
LEFT_OUT = ("rd", "rrd")
NUMBERS = {"rd": {"k": 2}, "rrd": {"k": 2}, "dist": {"mask": example_mask()}}
NUMBERS |= {name: {"labels": labels()} for name in ("dkd", "nkd", "mft")}


@pytest.mark.parametrize("name", BETWEEN_LOGITS)
@pytest.mark.parametrize("value", [jnp.nan, jnp.inf, -jnp.inf])
def test_a_teacher_that_is_not_finite_never_passes_for_a_number(name, value):
    left_out = name in LEFT_OUT
    more = NUMBERS.get(name, {})
    term = on_logits(getattr(losses, name), left_out=left_out, **more)
    spoilt = jnp.ones((4, 5)).at[:, 0].set(2.0).at[2, 3].set(value)
    ours = jnp.arange(20.0).reshape(4, 5)
    batch = {"label": jnp.array([0, 1, 2, 3]), "mask": jnp.ones(4)}
    found, _ = run(term, Outputs(ours), Outputs(spoilt), batch)
    fine = left_out and value == -jnp.inf
    assert np.isfinite(found) if fine else np.isnan(found)
    padded = batch | {"mask": jnp.array([1.0, 1, 0, 1])}
    assert np.isfinite(run(term, Outputs(ours), Outputs(spoilt), padded)[0])
