import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import losses, models, objective, projections, train
from jdistill.objective import _bank, bank
from jdistill.typing import Frozen


def rows(ids, dim=2):
    """Rows that say which example they are of."""
    return jnp.repeat(jnp.asarray(ids, jnp.float32)[:, None], dim, axis=1)


def write(recent, tree, ids, **batch):
    ids = jnp.asarray(ids)
    return recent.update(tree, rows(ids), -rows(ids, 3), {"id": ids, **batch})


def start(size):
    recent, ids = bank(size=size), jnp.arange(2)
    recent = recent._replace(update=jax.jit(recent.update))
    return recent, recent.init(rows(ids), rows(ids, 3), {"id": ids})


def test_the_oldest_rows_are_overwritten_first():
    recent, tree = start(5)
    for ids in ([10, 11], [12, 13], [14, 15]):
        tree = write(recent, tree, ids)
    assert list(tree["ids"]) == [15, 11, 12, 13, 14]
    assert np.array_equal(tree["student"], rows(tree["ids"]))
    assert np.array_equal(tree["teacher"], -rows(tree["ids"], 3))
    assert tree["next"] == 1 and np.all(tree["filled"] == 1)


def test_a_new_bank_holds_nothing():
    _, tree = start(3)
    assert not np.any(tree["filled"]) and list(tree["ids"]) == [-1, -1, -1]
    assert tree["student"].shape == (3, 2) and tree["teacher"].shape == (3, 3)


def test_padded_rows_are_not_written():
    recent, tree = start(4)
    mask = jnp.array([0.0, 1.0, 0.0, 1.0])
    tree = write(recent, tree, [10, 11, 12, 13], mask=mask)
    assert list(tree["ids"]) == [11, 13, -1, -1]
    assert list(tree["filled"]) == [1, 1, 0, 0] and tree["next"] == 2
    same = write(recent, tree, [20, 21], mask=jnp.zeros(2))
    assert jax.tree.all(jax.tree.map(np.array_equal, same, tree))


def test_of_a_batch_larger_than_the_bank_the_last_real_rows_stay():
    recent, tree = start(3)
    mask = jnp.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    tree = write(recent, tree, [10, 11, 12, 13, 14, 15], mask=mask)
    assert sorted(np.asarray(tree["ids"])) == [12, 13, 14]
    assert tree["ids"][(int(tree["next"]) - 1) % 3] == 14
    assert np.array_equal(tree["student"], rows(tree["ids"]))


def test_no_two_rows_of_a_batch_go_to_one_place():
    """Which of them a scatter would keep is up to the device."""
    real = jnp.array([True, True, False, True, True, True])
    places, written = _bank._places(real, jnp.int32(1), 3)
    assert list(places) == [3, 3, 3, 0, 1, 2] and written == 5


def test_one_program_serves_an_empty_and_a_full_bank():
    recent, (_, tree) = bank(size=4), start(4)
    eager, compiled = tree, tree
    update = jax.jit(lambda tree, ids, mask: write(recent, tree, ids, mask=mask))
    for step in range(4):
        ids = jnp.arange(3) + 3 * step
        mask = jnp.float32(jnp.arange(3) != step)
        compiled = update(compiled, ids, mask)
        eager = write(recent, eager, ids, mask=mask)
    assert update._cache_size() == 1
    assert jax.tree.all(jax.tree.map(np.array_equal, compiled, eager))


def test_rows_of_bfloat16_and_ids_of_64_bits_are_taken():
    recent, tree = start(4)
    ids = np.array([7, 8], np.int64)
    student, teacher = (rows(ids, d).astype(jnp.bfloat16) for d in (2, 3))
    tree = recent.update(tree, student, teacher, {"id": ids})
    assert tree["student"].dtype == jnp.float32 and list(tree["ids"][:2]) == [7, 8]


def test_a_bank_is_what_the_contrastive_loss_reads():
    recent, ids = bank(size=6), jnp.arange(4)
    near = jnp.eye(4)
    tree = recent.init(near, near, {"id": ids})
    assert not np.any(losses.crd(near, near, memory=tree, ids=ids))
    tree = recent.update(tree, near, near, {"id": ids})
    first = losses.crd(near, near, memory=tree, ids=ids)
    assert np.all(first > 0)
    again = recent.update(tree, near, near, {"id": ids})  # the same examples once more
    found = losses.crd(near, near, memory=again, ids=jnp.arange(4) + 10)
    assert np.all(np.isfinite(found)) and np.all(found > first)


def test_what_is_missing_or_out_of_range_is_named():
    recent, tree = start(4)
    with pytest.raises(ValueError, match=r"no 'id' in the batch; there are \['mask'\]"):
        recent.update(tree, rows([1]), rows([1], 3), {"mask": jnp.ones(1)})
    with pytest.raises(ValueError, match="no 'id' in the batch"):
        recent.init(rows([1]), rows([1]), {})
    with pytest.raises(ValueError, match="size must be a whole number from 1, got 0"):
        bank(size=0)


def test_the_rows_that_stay_are_those_that_were_compared():
    """Through the projections as they were, not as the step leaves them."""
    student, teacher = (
        models.mlp(widths=(n,), classes=3, taps="Dense_0") for n in (4, 6)
    )
    sides = {
        side: objective.connect("Dense_0", projections.embed(dim=2))
        for side in ("student", "teacher")
    }
    term = objective.on_features(
        losses.crd, memory=bank(size=8), ids=objective.entry("id"),
        mask=objective.example_mask(), **sides,
    )  # fmt: skip
    recipe = train.learner(
        student, objective.combine(crd=term), optax.sgd(0.5), teacher=teacher
    )
    inputs = jax.random.normal(jax.random.key(3), (4, 5))
    batch = {"inputs": inputs, "label": jnp.zeros(4, int), "id": jnp.arange(4)}
    frozen = Frozen(*jax.jit(teacher.init)(jax.random.key(1), batch))
    before = jax.jit(recipe.init)(jax.random.key(0), batch, frozen)
    step = jax.jit(recipe.step)
    before, _ = step(before, batch, frozen)  # fills the bank, which starts empty
    after, _ = step(before, {**batch, "id": jnp.arange(4) + 4}, frozen)
    seen = student.apply(before.params, {}, batch)[0].features["Dense_0"]

    def rows_of(state):
        params = state.aux["crd"].trained["student"]
        return projections.embed(dim=2).apply(params, seen, seen)

    kept = after.aux["crd"].memory["kept"]["student"][4:]
    np.testing.assert_allclose(kept, rows_of(before), atol=1e-6)
    assert np.abs(kept - rows_of(after)).max() > 1e-3
