"""The gradient of a batch in parts: micro-batches and devices change nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import Mesh, PartitionSpec

from jdistill import compress, losses, models, objective, train
from jdistill.typing import Aux, Term
from jdistill.views import logits_of
from tests.train.examples import CLASSES, SOFT, adam, batch, begin, close, frozen, net


def everything(model, **more):
    """Labels, a teacher, a penalty, and masks that follow the gradient's steps."""
    goal = objective.combine(
        ce=objective.on_labels(losses.cross_entropy),
        kd=2.0 * objective.on_logits(losses.kl, temperature=2.0),
        l2=1e-2 * objective.on_params(lambda x: jnp.sum(x**2), where=".*kernel"),
    )
    return train.learner(
        model, goal, optax.sgd(0.1, momentum=0.9), teacher=net(widths=(7,)),
        compression=compress.magnitude(sparsity=0.5, every=2), **more,
    )  # fmt: skip


def uneven(size=8):
    """Padding that falls into the parts of a batch unequally."""
    return {**batch(size), "mask": jnp.array([1, 1, 0, 1, 1, 1, 0, 0.0])}


def means(metrics):
    """A penalty counts once in each part of a batch, so sums alone differ."""
    return {name: jnp.asarray(value / n) for name, (value, n) in metrics.items()}


@pytest.mark.parametrize("parts", [2, 8])
def test_micro_batches_give_the_step_of_the_whole_batch(parts):
    variables = frozen(net(widths=(7,)))
    whole, split = everything(net()), everything(net(), micro_batches=parts)
    state = begin(whole, variables)
    for _ in range(2):
        one = jax.jit(whole.step)(state, uneven(), variables)
        two = jax.jit(split.step)(state, uneven(), variables)
        assert close(one[0], two[0])
        assert close(means(one[1]), means(two[1]))
        state = one[0]


def test_micro_batches_of_tokens_are_weighed_by_their_tokens():
    tokens = jax.random.randint(jax.random.key(1), (8, 6), 0, 11)
    lengths = jnp.array([6, 6, 6, 1, 1, 2, 0, 5])
    found = {
        "inputs": tokens,
        "label": tokens % CLASSES,
        "token_mask": jnp.arange(6)[None] < lengths[:, None],
        "id": jnp.arange(8),
    }
    model = models.from_function(
        lambda p, x: p["e"][x], lambda key, x: {"e": jax.random.normal(key, (11, 3))}
    )
    goal = objective.combine(ce=objective.on_labels(losses.cross_entropy))
    whole, split = (
        train.learner(model, goal, optax.sgd(1.0), micro_batches=n) for n in (1, 4)
    )
    state = jax.jit(whole.init)(jax.random.key(0), found)
    one, two = jax.jit(whole.step)(state, found), jax.jit(split.step)(state, found)
    assert float(one[1]["ce"][1]) == 27
    assert close(one, two)


def test_many_parts_of_a_bfloat16_network_lose_nothing():
    # In bfloat16 a sum of 512 equal parts stops growing half way.
    model = models.from_function(
        lambda p, x: x @ p["w"], lambda key, x: {"w": jnp.zeros((1, 1), jnp.bfloat16)}
    )
    mean = Term(
        lambda views, b, **_: logits_of(views).astype(jnp.float32)[:, 0],
        lambda b: jnp.ones(len(b["inputs"])), 1.0,
    )  # fmt: skip
    recipe = train.learner(
        model, objective.combine(mean=mean), optax.sgd(1.0), micro_batches=512
    )
    found = {"inputs": jnp.ones((512, 1), jnp.bfloat16), "id": jnp.arange(512)}
    state, _ = jax.jit(recipe.step)(recipe.init(jax.random.key(0), found), found)
    assert state.params["w"].dtype == jnp.bfloat16
    assert float(state.params["w"][0, 0]) == -1.0


def test_a_batch_that_the_parts_do_not_divide_is_refused():
    recipe = adam(micro_batches=3)
    state = begin(recipe)
    with pytest.raises(ValueError, match="micro_batches=3 does not divide a"):
        recipe.step(state, batch())


def remembering():
    """A bank of the last batch's logits in the order of the examples."""

    def init(key, views, batch):
        return Aux((), jnp.zeros_like(logits_of(views)))

    def update(aux, views, batch, *, step):
        return aux._replace(memory=logits_of(views) + batch["id"][:, None])

    def values(views, batch, *, aux, **_):
        return jnp.sum(logits_of(views) ** 2, axis=-1) + jnp.sum(aux.memory) * 0

    return Term(values, lambda b: b["mask"], 0.1, init, update)


def with_memory(axis_name=None, micro_batches=1):
    goal = objective.combine(
        ce=objective.on_labels(losses.cross_entropy),
        kd=objective.on_logits(losses.kl),
        bank=remembering(),
        l1=1e-2 * objective.on_params(losses.l1, where=".*kernel"),
    )
    return train.learner(
        net(), goal, optax.sgd(0.1, momentum=0.9), teacher=net(widths=(7,)),
        compression=compress.magnitude(sparsity=0.5, every=2), axis_name=axis_name,
        micro_batches=micro_batches,
    )  # fmt: skip


def trained(step, count=3):
    variables = frozen(net(widths=(7,)))
    state = jax.jit(with_memory().init)(jax.random.key(0), uneven(), variables)
    for _ in range(count):
        state, metrics = step(state, uneven(), variables)
    return state, metrics


def over_pmap(recipe):
    step = jax.pmap(recipe.step, axis_name="d", devices=jax.devices()[:4])

    def run(state, found, variables):
        copies = jax.tree.map(lambda x: jnp.stack([x] * 4), (state, variables))
        parts = jax.tree.map(lambda x: x.reshape(4, -1, *x.shape[1:]), found)
        after = step(copies[0], parts, copies[1])
        for path, x in jax.tree_util.tree_leaves_with_path(after[0].params):
            assert (x == x[:1]).all(), f"{path} differs between devices"
        return jax.device_get(jax.tree.map(lambda x: x[0], after))

    return run


def over_shard_map(recipe, check=False):
    mesh = Mesh(np.array(jax.devices()[:4]), ("d",))
    whole, part = PartitionSpec(), PartitionSpec("d")
    return jax.jit(
        jax.shard_map(
            recipe.step,
            mesh=mesh,
            in_specs=(whole, part, whole),
            out_specs=whole,
            check_vma=check,
        )
    )


def over_checked_shard_map(recipe):
    return over_shard_map(recipe, check=True)


@pytest.mark.parametrize("way", [over_pmap, over_shard_map, over_checked_shard_map])
def test_four_devices_with_an_axis_equal_one_program(way):
    one = trained(jax.jit(with_memory().step))
    for parts in (1, 2):
        four = trained(way(with_memory("d", parts)))
        assert close(one[0], four[0])
        assert close(means(one[1]), means(four[1]))


def test_each_device_draws_its_own_dropout():
    def recipe(axis_name=None):
        return adam(net(dropout=0.5), tx=optax.sgd(0.0), axis_name=axis_name)

    state, two = begin(recipe()), jax.tree.map(lambda x: x[:2], batch())
    _, alone = jax.jit(recipe().step)(state, two)
    copies = jax.tree.map(lambda x: jnp.stack([x] * 4), (state, two))
    _, metrics = jax.pmap(recipe("d").step, axis_name="d")(*copies)
    assert (metrics["ce"][0] == metrics["ce"][0][0]).all()  # summed over devices
    assert abs(float(metrics["ce"][0][0] - 4 * alone["ce"][0])) > 1e-2


def test_an_objective_that_asks_for_the_soft_labels_counts_all_devices():
    recipe = adam(goal=SOFT, teacher=net(), axis_name="d")
    variables = frozen(net())
    state = begin(adam(goal=SOFT, teacher=net()), variables)
    copies = jax.tree.map(lambda x: jnp.stack([x] * 4), (state, variables))
    parts = jax.tree.map(lambda x: x.reshape(4, -1, *x.shape[1:]), batch())
    _, metrics = jax.pmap(recipe.step, axis_name="d")(copies[0], parts, copies[1])
    assert metrics["ce"][1].tolist() == [8.0] * 4
    assert metrics["loss"][1].tolist() == [1.0] * 4
