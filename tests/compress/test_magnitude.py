import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jdistill import compress
from jdistill.ops import Use

W = jnp.asarray(np.random.default_rng(0).normal(size=(16, 24)), jnp.float32)


def updated(c, params, step=0, products=None):
    def update(params, step):
        return c.update(params, *c.init(params, products=products), step=step)

    return jax.jit(update)(params, step)


def kept(at):
    return {path: int(mask.sum()) for path, mask in at[2].masks.items()}


@pytest.mark.parametrize("sparsity", [0, 0.1, 0.5, 0.901, 0.999])
def test_exactly_round_of_one_minus_s_times_n_are_kept(sparsity):
    at = updated(compress.magnitude(sparsity=sparsity, where="w"), {"w": W})
    assert kept(at) == {"w": round((1 - sparsity) * W.size)}


@pytest.mark.parametrize("make", [compress.magnitude, compress.global_magnitude])
def test_the_mask_only_shrinks_under_a_rising_schedule(make):
    c = make(sparsity=lambda step: step / 10, where=".*", every=2)
    params = {"a": W, "b": jnp.ones(50).at[0].set(0)}
    learned, state = c.init(params)
    update = jax.jit(lambda p, x, s, step: c.update(p, x, s, step=step))
    draw = np.random.default_rng(1)
    for step in range(1, 9):
        before = state.masks
        moves = {
            k: jnp.asarray(draw.normal(size=w.shape), w.dtype)
            for k, w in params.items()
        }
        moves = compress.masked(moves, c.trainable(params, learned, state))
        params = jax.tree.map(jnp.add, params, moves)
        params, learned, state = update(params, learned, state, step)
        for path, mask in state.masks.items():
            assert not np.any(mask & ~before[path])
            assert np.all(np.asarray(params[path])[~mask] == 0)
            if step % 2 and step > 1:
                assert np.array_equal(mask, before[path])
        if step % 2 == 0:
            total = sum(mask.size for mask in state.masks.values())
            count = sum(kept((0, 0, state)).values())
            assert abs(count - (1 - step / 10) * total) <= 1


@pytest.mark.parametrize("step", [0, 1, 7, 1000])
def test_the_first_update_chooses_at_any_step(step):
    at = updated(compress.magnitude(sparsity=0.5, where="w"), {"w": W}, step)
    assert kept(at) == {"w": W.size // 2}


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_stacked_layers_are_pruned_like_independent_leaves(axis):
    layers = [W, 100 * W[::-1], W.at[:8].set(0)]
    axes = [a for a in range(3) if a != axis]
    use = Use(contracted=(axes[0],), kept=(axes[1],), layers=(axis,))
    one = compress.magnitude(sparsity=0.8, where="w")
    params = {"w": jnp.stack(layers, axis)}
    found = updated(one, params, products={"w": use})[0]["w"]
    many = compress.magnitude(sparsity=0.8, where="[0-2]")
    apart = updated(many, {str(i): layer for i, layer in enumerate(layers)})[0]
    assert np.array_equal(found, jnp.stack([apart[str(i)] for i in range(3)], axis))


def test_masks_of_billions_of_weights_can_be_compiled():
    shapes = {
        "stack": jax.ShapeDtypeStruct((80, 8192, 28672), jnp.bfloat16),
        "one": jax.ShapeDtypeStruct((2**17, 2**15), jnp.bfloat16),
    }
    uses = {"stack": Use((1,), (2,), (0,)), "one": Use((0,), (1,))}
    for make in (compress.magnitude, compress.global_magnitude):
        c = make(sparsity=0.5)

        def masks(params, c=c):
            return c.update(params, *c.init(params, products=uses), step=0)[2].masks

        found = jax.eval_shape(masks, shapes)
        assert {path: mask.shape for path, mask in found.items()} == {
            path: leaf.shape for path, leaf in shapes.items()
        }


def test_sparsity_may_be_traced_so_one_program_gives_the_whole_curve():
    curve = jnp.array([0.0, 0.25, 0.5, 0.75])

    def share(sparsity):
        return updated(compress.magnitude(sparsity=sparsity, where="w"), {"w": W})[2]

    counts = jax.jit(jax.vmap(share))(curve).masks["w"].sum((1, 2))
    assert np.array_equal(counts, (1 - curve) * W.size)


def test_batched_over_sparsity_the_choice_still_runs_only_when_it_is_due():
    def step(sparsity, state):
        c = compress.magnitude(sparsity=sparsity, where="w")
        return c.update({"w": W}, (), state, step=3)[2]

    _, state = compress.magnitude(sparsity=0.5, where="w").init({"w": W})
    states = jax.tree.map(lambda x: jnp.stack([x, x]), state)
    jaxpr = jax.make_jaxpr(jax.vmap(step))(jnp.array([0.2, 0.5]), states)
    names = {equation.primitive.name for equation in jaxpr.eqns}
    assert "while" in names  # inside it, and nowhere else, weights are ranked
    assert "bitcast_convert_type" not in names


@pytest.mark.parametrize("make", [compress.magnitude, compress.global_magnitude])
@pytest.mark.parametrize("spec", [("x", None), (None, "x")])
def test_a_sharded_weight_gives_the_same_mask_and_is_never_gathered(make, spec):
    c = make(sparsity=0.7, where=".*")
    params = {"a": W.at[:4].set(1.0), "b": 2 * W.T}
    where = NamedSharding(Mesh(np.array(jax.devices()), "x"), PartitionSpec(*spec))
    sharded = jax.device_put(params, where)

    def update(params):
        return updated(c, params)[2].masks

    compiled = jax.jit(update).lower(sharded).compile()
    found, wanted = compiled(sharded), jax.jit(update)(params)
    for path, mask in wanted.items():
        assert np.array_equal(found[path], mask)
    text = compiled.as_text()
    assert "all-reduce" in text
    for gather in ("all-gather", "all-to-all", "collective-permute", "sort("):
        assert gather not in text


def test_global_pruning_takes_more_from_the_smaller_weights():
    at = updated(
        compress.global_magnitude(sparsity=0.5, where=".*"), {"a": W, "b": 9 * W}
    )
    assert sum(kept(at).values()) == W.size
    assert kept(at)["b"] > 0.8 * W.size


@pytest.mark.parametrize("make", [compress.magnitude, compress.global_magnitude])
@pytest.mark.parametrize("sparsity", [-0.1, 1.0, 2, jnp.float32(1.5)])
def test_a_sparsity_out_of_range_is_named(make, sparsity):
    with pytest.raises(ValueError, match="sparsity must be from 0 to below 1"):
        make(sparsity=sparsity)


def test_an_interval_below_one_is_named():
    with pytest.raises(ValueError, match="every must be a whole number from 1, got 0"):
        compress.magnitude(sparsity=0.5, every=0)
