import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import compress, losses, models, objective, train, tree
from tests.train.examples import HARD, adam, batch, close, net, split

HEAD = "Dense_0/.*"


def test_what_never_moves_leaves_and_comes_back_in_its_place():
    params = {"a": jnp.ones(2), "b": (jnp.zeros(3), jnp.arange(4)), "c": None}
    trainable = {"a": jnp.array([True, False]), "b": (False, True), "c": None}
    part = compress.moving(params, trainable)
    assert part["b"] == (None, None)  # integers have no gradient
    assert part["a"] is params["a"]
    whole = compress.joined(jax.tree.map(lambda x: 2 * x, part), params)
    assert whole["a"].tolist() == [2, 2] and whole["b"][1] is params["b"][1]
    zeros = compress.filled(part, params)
    assert jax.tree.map(jnp.shape, zeros) == jax.tree.map(jnp.shape, params)
    assert not zeros["b"][0].any()


@pytest.mark.parametrize(
    "tx", [optax.adam(0.1), optax.adamw(0.1), optax.adafactor(0.1)]
)
def test_optimisers_hold_moments_of_what_trains_only(tx):
    whole = jax.jit(adam(tx=tx).init)(jax.random.key(0), batch())
    recipe = adam(tx=tx, compression=compress.freeze(where=HEAD))
    state = jax.jit(recipe.init)(jax.random.key(0), batch())
    frozen = {p for p in tree.flatten(whole.opt_state) if "Dense_0" in p}
    assert frozen and not [p for p in tree.flatten(state.opt_state) if "Dense_0" in p]
    after, _ = jax.jit(recipe.step)(state, batch())
    for path, leaf in tree.flatten(after.params).items():
        same = np.array_equal(leaf, tree.flatten(state.params)[path])
        assert same == path.startswith("Dense_0")


def test_no_gradient_of_what_is_frozen_is_computed():
    def products(recipe):
        state = jax.jit(recipe.init)(jax.random.key(0), batch())
        step = jax.jit(recipe.step)
        text = step.lower(state, batch()).as_text()
        return text.count("dot_general")

    deep = models.mlp(widths=(6, 6, 6), classes=3)
    free = products(adam(deep))
    first = products(adam(deep, compression=compress.freeze(where="Dense_[01]/.*")))
    last = products(adam(deep, compression=compress.freeze(where="Dense_[23]/.*")))
    assert first < last < free  # below the frozen ones nothing is pulled back either


def test_a_frozen_part_is_trained_like_the_rest_of_a_whole():
    """Freezing with a mask of booleans, which always works, gives the same steps."""

    def held(params, learned, state):
        def may(path, x):
            return jnp.full(x.shape, not path.startswith("Dense_0"))

        return tree.map_paths(may, params)

    masked = compress.identity()._replace(trainable=held)
    options = dict(key=jax.random.key(0), num_steps=10, batch_size=8)
    one, two = (
        train.run(adam(tx=optax.adam(0.05), compression=c), split(), **options)
        for c in (masked, compress.freeze(where=HEAD))
    )
    assert close(one.params, two.params)


def test_masks_and_codes_go_with_frozen_parts_and_micro_batches():
    both = compress.chain(
        compress.magnitude(sparsity=0.5, where=".*kernel"),
        compress.freeze(where=HEAD),
    )
    trainable = both.trainable(*_begun(both))
    assert trainable["Dense_0"]["kernel"] is False
    recipe = adam(compression=both, micro_batches=2)
    state = jax.jit(recipe.init)(jax.random.key(0), batch())
    after, _ = jax.jit(recipe.step)(state, batch())
    assert after.bad == -1
    np.testing.assert_array_equal(
        after.params["Dense_0"]["bias"], state.params["Dense_0"]["bias"]
    )


def _begun(compression):
    params, _ = jax.jit(net().init)(jax.random.key(0), batch())
    return params, *compression.init(params)


def test_penalties_alone_reach_the_raw_parameters():
    goal = objective.combine(
        ce=objective.on_labels(losses.cross_entropy),
        l2=objective.on_params(losses.l2, where=".*kernel"),
    )
    for recipe in (
        adam(goal=goal),
        adam(goal=goal, compression=compress.freeze(where=HEAD)),
    ):
        state = jax.jit(recipe.init)(jax.random.key(0), batch())
        after, _ = jax.jit(recipe.step)(state, batch())
        assert after.bad == -1
    assert HARD.needs == {("student", "logits")}  # and then there is no second gradient


def test_integers_among_the_parameters_stay_as_they_are():
    def apply(params, x):
        return x @ params["w"] + params["table"][0]

    model = models.from_function(
        apply, lambda key, x: {"w": jnp.ones((5, 3)), "table": jnp.arange(2)}
    )
    recipe = adam(model)
    state = jax.jit(recipe.init)(jax.random.key(0), batch())
    after, _ = jax.jit(recipe.step)(state, batch())
    assert after.params["table"].tolist() == [0, 1] and after.bad == -1
    assert not np.array_equal(after.params["w"], state.params["w"])


def test_as_optax_moves_the_rest_only():
    params = {"a": jnp.ones(2), "b": jnp.ones(3)}
    c = compress.freeze(where="a")
    tx = compress.as_optax(c, optax.adam(0.1))
    state = tx.init(params)
    updates, state = tx.update(jax.tree.map(jnp.ones_like, params), state, params)
    assert not updates["a"].any() and updates["b"].all()
    assert len(jax.tree.leaves(state.inner)) == 3  # a count and two moments of b
