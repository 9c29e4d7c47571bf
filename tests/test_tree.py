import flax.nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import tree

PARAMS = {"dense": {"kernel": np.ones((2, 3)), "bias": np.zeros(3, np.int8)}, "x": None}


def test_paths_join_keys_indices_and_attributes():
    found = tree.flatten({"a": [1, (2, 3)], "b": {"c": 4}})
    assert found == {"a/0": 1, "a/1/0": 2, "a/1/1": 3, "b/c": 4}


def test_nnx_paths_do_not_end_in_value():
    state = flax.nnx.state(flax.nnx.Linear(2, 3, rngs=flax.nnx.Rngs(0)), flax.nnx.Param)
    assert sorted(tree.flatten(state)) == ["bias", "kernel"]


def test_leaves_go_back_to_their_places():
    leaves = tree.flatten(PARAMS)
    again = tree.unflatten(PARAMS, dict(reversed(leaves.items())))
    assert jax.tree.structure(again) == jax.tree.structure(PARAMS)
    assert again["dense"]["kernel"] is PARAMS["dense"]["kernel"]
    with pytest.raises(ValueError, match="no leaf for parameter 'dense/bias'"):
        tree.unflatten(PARAMS, {"dense/kernel": 1})


def test_selected_leaves_change_and_the_others_stay():
    found = tree.map_where(lambda path, x: path, PARAMS, ".*kernel")
    assert found["dense"]["kernel"] == "dense/kernel"
    assert found["dense"]["bias"] is PARAMS["dense"]["bias"]


def test_a_regular_expression_has_to_match_the_whole_path():
    assert tree.select(PARAMS, "dense/.*") == {"dense/kernel", "dense/bias"}
    assert tree.select(PARAMS, ["dense/bias"]) == {"dense/bias"}
    with pytest.raises(ValueError, match=r"matches no parameter.*dense/kernel"):
        tree.select(PARAMS, "kernel")


def test_what_is_not_there_is_named_with_what_is_near():
    with pytest.raises(ValueError, match=r"no parameter 'dense/kernl'.*dense/kernel"):
        tree.select(PARAMS, ["dense/kernl"])
    with pytest.raises(ValueError, match="names no parameter"):
        tree.select(PARAMS, [])
    with pytest.raises(ValueError, match="where= is needed here"):
        tree.select(PARAMS, None)


def test_none_takes_the_default():
    assert tree.select(PARAMS, None, default="x|.*bias") == {"dense/bias"}


def test_elements_and_bytes_are_counted():
    assert tree.count(PARAMS) == 9
    assert tree.num_bytes(PARAMS) == 6 * 8 + 3
    assert tree.num_bytes({"w": jnp.ones(4, jnp.bfloat16)}) == 8
