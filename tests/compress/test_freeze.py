import jax
import jax.numpy as jnp
import numpy as np
import optax

from jdistill import compress, losses, models, objective, train


def test_decay_momentum_and_gradients_leave_frozen_layers_alone():
    hard = objective.combine(ce=objective.on_labels(losses.cross_entropy))
    frozen = compress.freeze(where="Dense_0/.*")
    both = compress.chain(frozen, compress.fake_quant(where=".*kernel"))
    for c in (frozen, both):
        recipe = train.learner(
            models.mlp(widths=(4,), classes=3),
            hard,
            optax.adamw(0.1, weight_decay=0.5),
            compression=c,
        )
        batch = {"inputs": jnp.ones((6, 5)), "label": jnp.arange(6) % 3}
        first = jax.jit(recipe.init)(jax.random.key(0), batch)
        state = first
        for _ in range(3):
            state, _ = jax.jit(recipe.step)(state, batch)
        for name, same in (("Dense_0", True), ("Dense_1", False)):
            before, after = first.params[name]["kernel"], state.params[name]["kernel"]
            assert np.array_equal(before, after) == same
