import inspect

import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import views
from jdistill.typing import Frozen, Model, Outputs

X = jnp.arange(6.0).reshape(2, 3)
BATCH = {"inputs": X}
CALLS = []


def counted(times):
    """A network that notes each of its calls."""

    def apply(params, state, batch, *, train=False, key=None):
        CALLS.append(times)
        x = times * batch["inputs"]
        return Outputs(x, {"a": x + 1, "b": x + 2}, x + 3), state

    return Model(lambda key, batch: ({}, {}), apply, lambda params: params["w"])


NETS = {
    "one": (counted(1), Frozen({"w": jnp.ones(2)})),
    "two": (counted(2), Frozen({"w": jnp.ones(2)})),
}


def needing(*pairs):
    return frozenset(pairs)


def test_only_what_is_needed_and_missing_is_computed():
    CALLS.clear()
    needs = needing(("two", "logits"), ("two", "features/a"), ("one", "params"))
    batch = views.join(BATCH, NETS, needs)
    assert CALLS == [2]
    found = batch["outputs"]["two"]
    assert set(found.features) == {"a"} and found.hidden is None
    views.join(batch, NETS, needs)
    assert CALLS == [2]  # everything is there
    more = views.join(batch, NETS, needs | needing(("two", "hidden")))
    assert CALLS == [2, 2] and more["outputs"]["two"].hidden is not None


def test_what_a_cache_holds_is_kept_and_the_rest_is_filled_in():
    known = {"outputs": {"two": Outputs(jnp.full((2, 3), 9.0))}}
    needs = needing(("two", "logits"), ("two", "features/b"))
    found = views.join(BATCH | known, NETS, needs)["outputs"]["two"]
    np.testing.assert_array_equal(found.logits, 9.0)
    np.testing.assert_array_equal(found.features["b"], 2 * X + 2)


def test_outputs_that_are_needed_ask_for_the_variables_by_name():
    nets = {"two": (counted(2), None)}
    with pytest.raises(ValueError, match=r"outputs of the two: .*frozen=.'two'"):
        views.join(BATCH, nets, needing(("two", "logits")))
    assert views.join(BATCH, nets, needing(("two", "params"))) is BATCH


def test_a_tap_that_is_missing_leaves_all_taps_for_the_message():
    found = views.pick(
        Outputs(None, {"a": X, "b": X}), "t", needing(("t", "features/z"))
    )
    assert set(found.features) == {"a", "b"}
    seen = {"t": views.View(found)}
    with pytest.raises(ValueError, match=r"the t has no tap 'z'; there are \['a', 'b'"):
        views.tap_of(seen, "t", "z")


def test_heads_nobody_reads_are_not_asked_for():
    found = views.views_of(NETS, {}, needing(("one", "head")))
    assert found["one"].head is not None and found["two"].head is None
    assert found["two"].params is NETS["two"][1].params


def test_variables_come_by_name_or_alone_as_the_teachers():
    one = Frozen({"w": X})
    assert views.by_name(one) == {"teacher": one} and views.by_name(None) == {}
    assert views.by_name({"a": one}) == {"a": one}
    for wrong in ({"a": {"w": X}}, X):
        with pytest.raises(TypeError, match="frozen must be variables, Frozen"):
            inspect.unwrap(views.by_name)(wrong)


def test_a_view_has_the_head_and_the_cap_of_its_network():
    model, frozen = NETS["one"]
    networks = {"one": (model._replace(cap=3.0), frozen), "two": NETS["two"]}
    found = views.views_of(networks, {})
    assert found["one"].cap == 3.0 and found["two"].cap is None
    assert found["one"].head is not None
