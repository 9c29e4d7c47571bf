"""Which sharding a leaf gets, from rules of paths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from jdistill import compress, train
from jdistill.train import _rules
from tests.train.examples import SOFT, adam, net

MESH = train.data_mesh(jax.devices()[:4])
TEACHER = net(widths=(7,))
RECIPE = adam(
    net(widths=(8,), dropout=0.3), SOFT, teacher=TEACHER,
    compression=compress.magnitude(sparsity=0.5, every=3),
)  # fmt: skip


def shared(spec, owner, shape):
    return tuple(_rules._shared(PartitionSpec(*spec), owner, shape))


def test_what_is_kept_of_a_weight_takes_the_partition_of_the_dimensions_it_shares():
    assert shared((None, "d"), (5, 8), (5,)) == (None,)
    assert shared((None, "d"), (5, 8), (8,)) == ("d",)
    assert shared((None, "d"), (8, 8), (8,)) == ()  # rows or columns
    assert shared((None, "d"), (5, 8), (1, 8)) == (None, "d")
    assert shared(("d", None), (5, 8), (1, 8)) == (None, None)
    assert shared(("d",), (5, 8), (10, 5, 8)) == (None, "d", None)
    assert shared(("d",), (5, 8), (1,)) == ()


def test_a_dimension_that_devices_do_not_divide_is_named_with_its_path():
    like = {"w": np.zeros((4, 6)), "step": np.zeros(())}
    said = (
        r"rule for 'w' splits dimension 1 of 'w' \(4, 6\) over 4 devices of axis "
        "'data', which do not divide 6"
    )
    with pytest.raises(ValueError, match=said):
        train.shardings(like, MESH, [("w", PartitionSpec(None, "data"))])
    with pytest.raises(
        ValueError, match=r"names the axis 'x'; the mesh has \['data'\]"
    ):
        train.shardings(like, MESH, [("w", PartitionSpec("x"))])
    every = train.shardings(
        {"w": like["w"][:, :4], "s": 0}, MESH, [(".*", PartitionSpec("data"))]
    )
    assert every["s"].spec == PartitionSpec()


def test_what_is_on_the_mesh_stays_where_it_is():
    place = NamedSharding(MESH, PartitionSpec("data"))
    there = jax.device_put(jnp.arange(4.0), place)
    found = _rules.placed({"there": there, "host": np.ones(3)}, MESH)
    assert found["there"].sharding == place
    assert found["host"].sharding.is_fully_replicated
    assert found["host"].sharding.device_set == set(jax.devices()[:4])
    assert _rules.placed(there, None) is there


def test_a_rule_that_matches_nothing_or_does_not_fit_is_refused():
    like = {"w": np.zeros((4, 4)), "b": np.zeros(4)}
    with pytest.raises(ValueError, match="'q' matches no parameter"):
        train.shardings(like, MESH, [("q", PartitionSpec())])
    with pytest.raises(ValueError, match="has more axes than 'b'"):
        train.shardings(like, MESH, [(".*", PartitionSpec(None, "data"))])


def test_the_first_rule_that_matches_a_whole_path_wins():
    like = {"w": np.zeros((4, 4)), "ww": np.zeros(4)}
    first = [("w", PartitionSpec("data")), (".*", PartitionSpec())]
    found = train.shardings(like, MESH, first)
    assert found["w"].spec == PartitionSpec("data")
    assert found["ww"].spec == PartitionSpec()
    assert train.shardings(like, MESH)["w"].spec == PartitionSpec()
