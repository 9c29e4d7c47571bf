import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses, projections
from jdistill.objective import connect, on_features
from jdistill.typing import Outputs
from tests.seen import seen

LINEAR = projections.linear()


def features(**shapes):
    return Outputs(jnp.ones((4, 2)), {n: jnp.ones((4, *s)) for n, s in shapes.items()})


def begin(term, student, teacher):
    views = seen(student, teacher)
    return term.init(jax.random.key(0), views, {"label": jnp.arange(4)})


def test_a_network_that_is_not_there_is_named():
    mine = connect("s", LINEAR, of="mine")
    term = on_features(losses.fitnet, student=mine, teacher="t")
    with pytest.raises(ValueError, match=r"no 'mine' network is here; there are"):
        begin(term, features(s=(3,)), features(t=(5,)))


def test_widths_come_from_the_other_argument_whichever_network_it_reads():
    itself = connect("t", LINEAR, of="teacher")
    term = on_features(losses.fitnet, student=itself, teacher="t")
    aux = begin(term, features(s=(3,)), features(t=(5,)))
    assert aux.trained["student"]["kernel"].shape == (5, 5)


def test_several_taps_go_through_one_projection():
    term = on_features(
        losses.fsp, student=connect(["a", "b"], LINEAR), teacher=("c", "d")
    )
    student = features(a=(2, 2, 3), b=(2, 2, 4))
    aux = begin(term, student, features(c=(2, 2, 6), d=(2, 2, 7)))
    kernels = [leaf["kernel"].shape[-2:] for leaf in aux.trained["student"]]
    assert kernels == [(3, 6), (4, 7)]


def test_a_tap_that_is_not_there_is_told_with_those_near_it():
    term = on_features(losses.fitnet, student=connect("Dens_0", LINEAR), teacher="t")
    with pytest.raises(ValueError, match=r"no tap 'Dens_0'; did you mean 'Dense_0'\?"):
        begin(term, features(Dense_0=(3,), other=(2,)), features(t=(5,)))


def test_shapes_that_differ_without_a_projection_are_both_named():
    # without the checks that only tests run under
    term = on_features(inspect.unwrap(losses.fitnet), student="s", teacher="t")
    batch = {"label": jnp.arange(4)}
    with pytest.raises(ValueError, match=r"shape \(4, 3\), teacher \(4, 5\)"):
        term.values(seen(features(s=(3,)), features(t=(5,))), batch, step=0)


def test_two_sides_learn_weights_of_their_own():
    both = {
        side: connect(tap, projections.embed(dim=4))
        for side, tap in (("student", "s"), ("teacher", "t"))
    }
    aux = begin(on_features(losses.fitnet, **both), features(s=(5,)), features(t=(5,)))
    one, other = (aux.trained[side]["kernel"] for side in ("student", "teacher"))
    assert not np.array_equal(one, other)
