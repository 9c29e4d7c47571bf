import dataclasses
from typing import Any

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


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Heads:
    query: Any
    value: Any


ORDER = {"a": ("key", "value"), "b": ("query", "value"), "c": ("query", "value")}


def test_only_nnx_variables_lose_the_name_value():
    variable = flax.nnx.Param(jnp.ones(2))
    heads = {"value": 1, "key": 2}
    named = {"a": heads, "b": Heads(3, 4), "c": Heads(5, variable)}
    assert list(tree.flatten(named)) == [f"{a}/{b}" for a in "abc" for b in ORDER[a]]
    module = flax.nnx.Dict(value=flax.nnx.Dict(value=variable), other=variable)
    assert list(tree.flatten(module)) == ["other", "value/value"]
    assert tree.select({"a": heads}, "a/value") == {"a/value"}
    again = tree.unflatten(module, {"other": 1, "value/value": 2})
    assert tree.flatten(again) == {"other": 1, "value/value": 2}


def test_two_leaves_of_one_path_are_refused():
    twice = {"a/b": 1, "a": {"b": 2}}
    for call in (
        lambda: tree.flatten(twice),
        lambda: tree.select(twice, ".*"),
        lambda: tree.map_paths(lambda path, x: x, twice),
        lambda: tree.unflatten(twice, {"a/b": 1}),
    ):
        with pytest.raises(ValueError, match=r"two leaves .* have the path 'a/b'"):
            call()


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
