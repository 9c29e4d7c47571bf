import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses, objective
from jdistill.objective import combine, connect, term
from jdistill.typing import Outputs, SparseTarget, View
from tests.objective.networks import BATCH, LINEAR, X, Y, total, value, views


@pytest.mark.parametrize("network", ["student", "aunt"])
@pytest.mark.parametrize(("source", "times"), [("logits", 1), ("hidden", 3)])
def test_any_network_may_be_read_by_its_name(source, times, network):
    made = term(total, getattr(objective, source)(network))
    wanted = times * (X if network == "student" else Y).sum(-1).mean()
    np.testing.assert_allclose(value(made, views(aunt=Y)), wanted, rtol=1e-5)
    assert made.needs == {(network, source)}


def test_a_head_and_a_weight_are_read_as_the_network_computes_with_them():
    seen = views(teacher=Y)
    params = {"out": {"kernel": jnp.full((3, 2), 2.0)}}
    head = params["out"]["kernel"]
    seen["teacher"] = seen["teacher"]._replace(params=params, head=head)
    for source in (
        objective.head("teacher"),
        objective.weight("teacher", "out/kernel"),
    ):
        made = term(
            lambda h, w: jnp.sum(h @ w, -1), objective.hidden("teacher"), source
        )
        wanted = (3 * Y @ head).sum(-1).mean()
        np.testing.assert_allclose(value(made, seen), wanted, rtol=1e-5)
    with pytest.raises(ValueError, match="no parameter 'out/kernels'"):
        value(term(total, objective.weight("teacher", "out/kernels")), seen)
    with pytest.raises(ValueError, match="the student offers no head: its Model needs"):
        value(term(total, objective.head("student")), seen)


def test_what_a_network_does_not_give_is_named_with_what_it_gives():
    seen = {"student": View(Outputs(None, {"a": X}, X))}
    with pytest.raises(ValueError, match=r"student has no logits; .* hidden, tap 'a'"):
        value(term(total, objective.logits("student")), seen)
    with pytest.raises(ValueError, match=r"no 'techer' .*did you mean 'teacher'\?"):
        value(term(total, objective.logits("techer")), views(teacher=Y))


def test_a_projection_of_any_source_takes_its_sizes_from_the_other_argument():
    made = term(
        total, connect(objective.hidden("student"), LINEAR), objective.logits("teacher")
    )
    goal = combine(one=made)
    aux = goal.init(jax.random.key(0), views(teacher=Y), BATCH)
    assert aux["one"].trained["0"].shape == (3, 3)
    assert made.needs == {("student", "hidden"), ("teacher", "logits")}
    with pytest.raises(ValueError, match="connect needs like= here"):
        term(total, connect(objective.hidden("student"), LINEAR))
    alone = connect(
        objective.hidden("student"), LINEAR, like=objective.logits("student")
    )
    assert value(term(total, alone), views()).shape == ()


def test_some_classes_of_a_teacher_are_a_target_for_logits_and_for_hidden_states():
    """Tokens that do not count hold no class, and what is NaN elsewhere is found."""
    random = np.random.default_rng(0)
    hidden, head = (
        jnp.asarray(random.normal(size=shape), jnp.float32)
        for shape in ((2, 3, 4), (4, 5))
    )
    ids = jnp.asarray(random.integers(0, 5, (2, 3, 1)))
    log_p = jnp.full((2, 3, 1), -0.5).at[1, 2].set(jnp.nan)
    target = SparseTarget(ids, log_p, jnp.full((2, 3), -0.9))
    batch = {"token_mask": np.array([[1, 1, 1], [1, 1, 0]])}
    student = Outputs(hidden @ head, hidden=hidden)
    seen = {"student": View(student, head=head), "t": View(Outputs(sparse=target))}
    terms = {
        "dense": objective.on_sparse(losses.sparse_kl, teacher="t"),
        "chunked": objective.on_vocabulary(losses.sparse_kl, teacher="t", chunk=2),
    }
    goal = combine(**terms)
    assert goal.count(batch) == {"dense": 5, "chunked": 5}
    _, found = goal.compute(seen, batch, aux={}, step=0, key=None)
    values = losses.sparse_kl(hidden @ head, target)
    wanted = values.reshape(-1)[:5].sum()
    for name in terms:
        np.testing.assert_allclose(found[name], (wanted, 5), rtol=1e-5)
    batch["token_mask"][1, 2] = 1
    _, found = goal.compute(seen, batch, aux={}, step=0, key=None)
    assert np.isnan(found["dense"][0]) and np.isnan(found["chunked"][0])
    seen["t"] = View(Outputs(hidden @ head))
    with pytest.raises(ValueError, match="the t has no sparse; there are logits"):
        goal.compute(seen, batch, aux={}, step=0, key=None)
