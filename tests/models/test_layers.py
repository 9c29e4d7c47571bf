import jax.numpy as jnp
import numpy as np
import pytest

from jdistill.models import begin_with, begin_with_stacked
from jdistill.typing import Frozen


def network(depth, value, width=2):
    blocks = {f"block_{n}": {"w": jnp.full((width,), value + n)} for n in range(depth)}
    stats = {"stats": {name: {"mean": x["w"] * 10} for name, x in blocks.items()}}
    return Frozen({"embed": {"w": jnp.full(3, value)}, **blocks}, stats)


SMALL, LARGE = network(2, 0.0), network(4, 100.0)


def test_chosen_layers_are_the_teachers_and_the_rest_is_as_it_was():
    found = begin_with(SMALL, LARGE, {"block_0": "block_1", "block_1": "block_3"})
    assert found.params["block_0"]["w"].tolist() == [101.0, 101.0]
    assert found.params["block_1"]["w"].tolist() == [103.0, 103.0]
    assert not found.params["embed"]["w"].any()
    deep = begin_with(SMALL, LARGE, {"embed/w": "embed/w"})
    assert deep.params["embed"]["w"].tolist() == [100.0] * 3


def test_batch_statistics_go_with_their_layers():
    parts = {"stats/block_1": "stats/block_3", "block_1": "block_3"}
    found = begin_with(SMALL, LARGE, parts)
    assert found.state["stats"]["block_1"]["mean"].tolist() == [1030.0] * 2


def test_a_part_that_is_a_beginning_of_a_word_is_not_meant():
    other = Frozen({"block_1": {"w": jnp.zeros(2)}, "block_10": {"w": jnp.zeros(2)}})
    found = begin_with(other, LARGE, {"block_1": "block_3"})
    assert (
        found.params["block_1"]["w"].all() and not found.params["block_10"]["w"].any()
    )


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"student has no part 'blok'.*'block_0'"):
        begin_with(SMALL, LARGE, {"blok": "block_0"})
    with pytest.raises(ValueError, match="teacher has no 'block_9/w'"):
        begin_with(SMALL, LARGE, {"block_0": "block_9"})
    with pytest.raises(
        ValueError, match=r"'block_0/w' of the student is \(2,\).*\(3,\)"
    ):
        begin_with(SMALL, network(2, 1.0, width=3), {"block_0": "block_0"})


def test_layers_of_a_scan_are_taken_by_number():
    def stacked(depth, value):
        layers = jnp.arange(depth, dtype=jnp.float32)[:, None] + value
        return Frozen({"layers": {"w": layers}, "out": jnp.full(1, value)})

    found = begin_with_stacked(
        stacked(2, 0.0), stacked(6, 100.0), [1, 5], where="layers/.*"
    )
    np.testing.assert_array_equal(found.params["layers"]["w"], [[101.0], [105.0]])
    assert not found.params["out"].any()
    with pytest.raises(ValueError, match=r"layers must be 0 to 5, got \[0, 6\]"):
        begin_with_stacked(stacked(2, 0.0), stacked(6, 1.0), [0, 6], where="layers/.*")
    with pytest.raises(ValueError, match=r"'layers/w' of the student is \(2, 1\)"):
        begin_with_stacked(stacked(2, 0.0), stacked(6, 1.0), [0], where="layers/.*")
    with pytest.raises(ValueError, match="matches no parameter"):
        begin_with_stacked(stacked(2, 0.0), stacked(6, 1.0), [0, 1], where="layer/.*")
