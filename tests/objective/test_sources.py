import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import objective
from jdistill.objective import combine, connect, term
from jdistill.typing import Outputs, View
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
    with pytest.raises(ValueError, match=r"no 'techer' .*did you mean \['teacher'\]"):
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
