import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import Mesh

from benchmarks import _decoder, scale
from jdistill.train import _finite
from jdistill.typing import Frozen

MESH = Mesh(np.array(jax.devices()[:4]).reshape(2, 2), ("data", "model"))
FORMS = (
    _decoder.Form(2, 8, heads=2, groups=2, hidden=16, vocab=12),
    _decoder.Form(3, 16, heads=4, groups=2, hidden=32, vocab=12),
)


def random(form, dtype, seed):
    shapes = jax.eval_shape(lambda: _decoder.init(form=form, dtype=dtype))
    leaves, treedef = jax.tree.flatten(shapes)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    made = [
        0.3 * jax.random.normal(key, x.shape, x.dtype)
        for key, x in zip(keys, leaves, strict=True)
    ]
    return jax.tree.unflatten(treedef, made)


@pytest.fixture(autouse=True)
def as_users():
    """The decoder broadcasts as plain JAX does."""
    with jax.numpy_rank_promotion("allow"):
        yield


def test_both_sides_take_one_step():
    tokens = jax.random.randint(jax.random.key(0), (4, 6), 0, 12)
    batch = {
        "inputs": tokens,
        "label": (tokens + 1) % 12,
        "token_mask": (tokens != 3).astype(jnp.float32),
        "id": jnp.arange(4),
        "mask": jnp.array([1.0, 1.0, 0.0, 1.0]),
    }
    start, teacher = random(FORMS[0], jnp.float32, 1), random(FORMS[1], jnp.bfloat16, 2)
    learner, tx = scale.learner_of(FORMS, MESH), optax.adamw(1e-4)
    state = jax.jit(learner.init)(
        jax.random.key(0), batch, Frozen(teacher), start=Frozen(start)
    )
    _, sums = jax.jit(learner.step)(state, batch, Frozen(teacher))
    step = jax.jit(scale.step_of(FORMS, MESH, tx))
    _, value = step((start, tx.init(start)), batch, teacher)
    np.testing.assert_allclose(sums["loss"][0] / sums["loss"][1], value, rtol=1e-5)


def test_collectives_are_counted_by_the_bytes_they_give():
    text = """
      %a = f32[2,3]{1,0} all-gather(%x), dimensions={0}
      %b = (bf16[4], bf16[8]{0}) all-gather-start(%y)
      %c = bf16[8] all-gather-done(%b)
      %d = f32[9] add(%p, %q)
    """
    assert scale.moved(text) == 24 + 8 + 16
    row = scale.row("n", 3.0, 2.0)
    assert row["ratio"] == 1.5


def test_a_step_moves_as_much_between_devices_as_one_written_by_hand(monkeypatch):
    # as anywhere but on a CPU, where few split a network
    monkeypatch.setattr(_finite, "_by_product", _finite._by_number)
    batch = scale.batch_of(MESH, 4, 8)
    ours, theirs = (side(FORMS, MESH, batch) for side in (scale.ours, scale.theirs))
    moved = [scale.moved(program.as_text()) for program in (ours, theirs)]
    assert 0 < moved[0] <= 1.02 * moved[1]
