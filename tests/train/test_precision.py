"""A policy of types: float32 parameters, forward and backward pass in bfloat16."""

import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.experimental.compilation_cache import compilation_cache
from jax.sharding import NamedSharding, PartitionSpec

from jdistill import compress, losses, models, objective, train, tree
from tests.train.examples import (
    DIM,
    SOFT,
    adam,
    batch,
    begin,
    close,
    frozen,
    net,
    pruned_and_rounded,
    same,
    split,
    steps,
)  # fmt: skip

HALF = {"compute_dtype": "bfloat16"}


def types(values):
    kinds = {x.dtype.name for x in jax.tree.leaves(values) if x.dtype.kind in "fV"}
    return kinds - {"V"}


def test_all_that_is_kept_is_float32_and_the_products_are_not():
    recipe = adam(
        goal=SOFT, teacher=net(widths=(7,)), compression=pruned_and_rounded(),
        others={"mean": train.follow_mean()}, **HALF,
    )  # fmt: skip
    given = {"teacher": frozen(net(widths=(7,)))}
    state, metrics = steps(recipe, 3, frozen=given)
    assert types((state._replace(key=()), metrics)) == {"float32"}
    assert state.bad == -1 and np.isfinite(metrics["loss"][0])
    text = str(jax.make_jaxpr(recipe.step)(state, batch(), given))
    products = re.findall(r":(\w+)\[[\d,]*\] = dot_general", text)
    assert (
        products.count("bf16") == 5
    )  # two layers: forward, and back to all but inputs
    # of the teacher, in its own type, and to test each leaf of the gradient
    assert products.count("f32") == 2 + 4


def test_one_step_is_that_of_float32_at_parameters_and_inputs_that_were_rounded():
    def rounded(values):
        return jax.tree.map(
            lambda x: x.astype(jnp.bfloat16).astype(jnp.float32), values
        )

    half, plain = adam(tx=optax.sgd(1.0), **HALF), adam(tx=optax.sgd(1.0))
    state = begin(half)
    found, _ = jax.jit(half.step)(state, batch())
    inputs = {**batch(), "inputs": rounded(batch()["inputs"])}
    near = state._replace(params=rounded(state.params))
    wanted, _ = jax.jit(plain.step)(near, inputs)
    taken = jax.tree.map(jnp.subtract, found.params, state.params)
    exact = jax.tree.map(jnp.subtract, wanted.params, near.params)
    for path, x in tree.flatten(taken).items():
        y = tree.flatten(exact)[path]
        assert np.abs(x - y).max() < 0.02 * np.abs(y).max()
    # and a step far below the last bit of bfloat16 is not lost
    slow = adam(tx=optax.sgd(1e-5), **HALF)
    moved, _ = jax.jit(slow.step)(begin(slow), batch())
    assert not np.array_equal(
        moved.params["Dense_1"]["kernel"], state.params["Dense_1"]["kernel"]
    )


def test_what_is_evaluated_and_packed_is_float32_and_equal_bit_for_bit():
    recipe = adam(compression=pruned_and_rounded(), **HALF)
    state, _ = steps(recipe, 2)
    finished = recipe.finish(state)
    encoded = recipe.encode(state).params
    assert isinstance(encoded["Dense_0/kernel"], compress.Sparse)
    decoded = {path: compress.decode(form) for path, form in encoded.items()}
    assert same(decoded, tree.flatten(finished.params))
    assert types(finished) == {"float32"}


def test_micro_batches_are_summed_in_float32():
    whole, parts = adam(**HALF), adam(micro_batches=4, **HALF)
    state = begin(whole)
    one, two = (jax.jit(r.step)(state, batch())[0] for r in (whole, parts))
    assert close(one, two, rtol=0.05, atol=1e-4)
    (loop,) = [
        eqn for eqn in jax.make_jaxpr(parts.step)(state, batch()).eqns
        if eqn.primitive.name == "scan"
    ]  # fmt: skip
    kernels = [v.aval.dtype.name for v in loop.outvars if v.aval.shape == (DIM, 6)]
    assert kernels == ["float32"]  # the sum of its gradient


def test_a_sweep_and_a_run_that_goes_on_do_as_one_run(tmp_path):
    recipe = adam(compression=pruned_and_rounded(), **HALF)
    options = {"key": jax.random.key(0), "batch_size": 8}
    whole = train.run(recipe, split(), num_steps=4, **options)
    kept = train.checkpoints(tmp_path)
    train.run(recipe, split(), num_steps=2, checkpoints=kept, **options)
    again = train.run(recipe, split(), num_steps=4, checkpoints=kept, **options)
    assert same(again, whole)
    plain = adam(compression=pruned_and_rounded())
    with pytest.raises(ValueError, match="of another run"):
        train.run(plain, split(), num_steps=5, checkpoints=kept, **options)
    kept.close()
    rates = train.sweep(
        lambda rate: adam(tx=optax.sgd(rate), **HALF), {"rate": jnp.array([0.1, 0.01])}
    )
    lanes = train.run(rates, split(), num_steps=2, **options)
    alone = train.run(adam(tx=optax.sgd(0.01), **HALF), split(), num_steps=2, **options)
    assert close(train.lane(lanes, 1).params, alone.params, rtol=1e-2, atol=1e-4)


def test_a_memory_of_taps_and_adapters_train_in_bfloat16_too():
    taps = net(widths=(6,), taps=("Dense_0",))
    goal = objective.combine(
        ce=objective.on_labels(losses.cross_entropy),
        crd=objective.on_features(
            losses.crd,
            student="Dense_0",
            teacher="Dense_0",
            ids=objective.entry("id"),
            mask=None,
            memory=objective.bank(size=16),
        ),
    )
    recipe = adam(taps, goal, teacher=taps, micro_batches=2, **HALF)
    given = {"teacher": frozen(taps)}
    state, metrics = steps(recipe, 2, frozen=given)
    assert state.bad == -1 and metrics["crd"][1] == 8
    narrow = adam(
        models.lora(net(), rank=2), compression=compress.freeze(where="base/.*"), **HALF
    )
    state, _ = steps(narrow, 2)
    assert types(state.params) == {"float32"} and state.bad == -1
    assert np.abs(state.params["lora"]["Dense_0/kernel"]["b"]).max() > 0


def gathered(recipe, folder):
    """The types in which weights are gathered, before a CPU widens them."""
    mesh = train.data_mesh(jax.devices()[:4])
    rules = [(".*kernel", PartitionSpec("data"))]

    def shaped(values, places):
        return jax.tree.map(
            lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s),
            values, places,
        )  # fmt: skip

    found = {"inputs": jnp.zeros((8, 64)), "label": jnp.zeros(8, int)}
    state = jax.eval_shape(recipe.init, jax.random.key(0), found)
    state = shaped(state, train.shardings(state, mesh, rules))
    examples = NamedSharding(mesh, PartitionSpec("data"))
    found = shaped(found, jax.tree.map(lambda _: examples, found))
    dump = {"xla_dump_to": str(folder), "xla_dump_hlo_pass_re": "spmd-partitioning"}
    jax.jit(recipe.step).lower(state, found).compile(compiler_options=dump)
    (file,) = pathlib.Path(folder).glob("*after_spmd-partitioning*")
    return set(re.findall(r"= (\w+)\[64,32\]\S* all-gather\(", file.read_text()))


@pytest.fixture
def anew():
    """Everything is compiled here: what a cache holds writes no passes down."""
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()
    yield
    jax.config.update("jax_enable_compilation_cache", True)
    compilation_cache.reset_cache()


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize("compression", [None, pruned_and_rounded()])
def test_weights_that_are_split_are_cast_before_they_are_gathered(
    compression, tmp_path
):
    model = models.mlp(widths=(32,), classes=4)
    half = adam(model, compression=compression, **HALF)
    assert gathered(half, tmp_path / "half") == {"bf16"}
    plain = adam(model, compression=compression)
    assert gathered(plain, tmp_path / "plain") == {"f32"}


def test_a_type_that_is_none_is_refused_by_its_name():
    with pytest.raises(ValueError, match="compute_dtype must be one of"):
        adam(compute_dtype="int8")
