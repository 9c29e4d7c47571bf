"""The int8 forms of a model: what they compute, and the state they need."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import compress, data, losses, models, objective, train, tree
from jdistill.typing import Frozen, Model, Outputs

KEY = jax.random.key(0)
BATCH = {
    "inputs": jnp.asarray(np.random.default_rng(0).normal(size=(8, 6)), jnp.float32),
    "label": jnp.arange(8) % 3,
}
PLAIN = models.mlp(widths=(5, 4), classes=3)
KERNELS = ("Dense_0/kernel", "Dense_1/kernel", "Dense_2/kernel")
CODES = compress.fake_quant(where=".*/kernel")


@functools.cache
def images():
    model = models.lenet5(classes=3)
    pixels = np.random.default_rng(1).random(size=(4, 16, 16, 1))
    return model, {"inputs": jnp.asarray(pixels, jnp.float32)}


def quantised(model, batch):
    """Variables whose kernels are codes times step sizes, and these step sizes."""
    params, state = model.init(KEY, batch)
    at = (params, *CODES.init(params))
    return Frozen(CODES.apply(*at), state), compress.step_sizes(CODES.encode(*at))


@functools.cache
def ready():
    frozen, weights = quantised(PLAIN, BATCH)
    seen = models.observe_int8(PLAIN, frozen, [BATCH])
    return seen._replace(state={**seen.state, "weights": weights})


def logits(model, frozen, batch=BATCH):
    return np.asarray(jax.jit(model.apply)(*frozen, batch)[0].logits)


def rounded(x, scale):
    return np.clip(np.round(np.float64(x) / scale), -127, 127) * scale


def test_simulated_outputs_equal_the_float64_equation():
    params, state = ready()
    x = np.float64(BATCH["inputs"])
    for number, path in enumerate(KERNELS):
        layer = params[path.split("/")[0]]
        x = rounded(x, np.float64(state["activations"][path]))
        x = x @ np.float64(layer["kernel"]) + np.float64(layer["bias"])
        x = np.maximum(x, 0) if number < 2 else x
    found = logits(models.simulate_int8(PLAIN), ready())
    np.testing.assert_allclose(found, x, rtol=1e-5, atol=1e-6)
    assert np.abs(found - logits(PLAIN, (params, {}))).max() > 1e-4


@pytest.mark.parametrize("name", ["mlp", "lenet5"])
def test_executed_outputs_equal_simulated_ones_to_1e_6(name):
    model, batch = (PLAIN, BATCH) if name == "mlp" else images()
    frozen, weights = quantised(model, batch)
    seen = models.observe_int8(model, frozen, [batch])
    simulated = logits(models.simulate_int8(model), seen, batch)
    state = {**seen.state, "weights": weights}
    executed = logits(models.execute_int8(model), (seen.params, state), batch)
    np.testing.assert_allclose(
        executed, simulated, rtol=1e-6, atol=1e-6 * np.abs(simulated).max()
    )


def test_an_executed_model_multiplies_int8_and_adds_int32():
    text = jax.jit(models.execute_int8(PLAIN).apply).lower(*ready(), BATCH).as_text()
    products = [line for line in text.splitlines() if "dot_general" in line]
    assert len(products) == 3
    assert all("xi8>" in line and "xi32>" in line for line in products)


def test_the_layout_of_the_state_says_what_each_form_needs():
    params, state = PLAIN.init(KEY, BATCH)
    assert models.simulate_int8(PLAIN).init(KEY, BATCH)[1] == {
        "model": state,
        "activations": {},
    }
    seen = models.observe_int8(PLAIN, Frozen(params, state), [BATCH])
    assert set(seen.state) == {"model", "activations"}
    assert tuple(seen.state["activations"]) == KERNELS
    assert tree.flatten(seen.params).keys() == tree.flatten(params).keys()
    for form in (models.simulate_int8, models.execute_int8):
        after = form(PLAIN).apply(*ready(), BATCH, train=True, key=KEY)[1]
        assert jax.tree.structure(after) == jax.tree.structure(ready().state)


def test_ranges_are_the_largest_inputs_over_all_batches():
    parts = [{"inputs": BATCH["inputs"][:3]}, {"inputs": 2 * BATCH["inputs"][3:]}]
    frozen, _ = quantised(PLAIN, BATCH)
    seen = models.observe_int8(PLAIN, frozen, iter(parts)).state["activations"]
    wanted = max(np.abs(part["inputs"]).max() for part in parts) / 127
    np.testing.assert_allclose(seen[KERNELS[0]], wanted, rtol=1e-6)
    hidden = [
        np.maximum(part["inputs"] @ layer["kernel"] + layer["bias"][None], 0).max()
        for part in parts
        for layer in [frozen.params["Dense_0"]]
    ]
    np.testing.assert_allclose(seen[KERNELS[1]], max(hidden) / 127, rtol=1e-6)


def test_a_state_of_the_model_goes_on_inside():
    def init(key, batch):
        return {"w": jnp.ones((6, 3))}, {"calls": jnp.zeros(())}

    def apply(params, state, batch, *, train=False, key=None):
        return Outputs(batch["inputs"] @ params["w"]), {"calls": state["calls"] + 1}

    model = Model(init, apply)
    seen = models.observe_int8(model, Frozen(*init(KEY, BATCH)), [BATCH])
    _, state = models.simulate_int8(model).apply(*seen, BATCH, train=True)
    assert seen.state["model"] == {"calls": 0}
    assert state["model"] == {"calls": 1}
    assert state["activations"] == seen.state["activations"]


def test_only_the_products_of_where_are_rounded():
    some = KERNELS[:1]
    frozen, _ = quantised(PLAIN, BATCH)
    seen = models.observe_int8(PLAIN, frozen, [BATCH], where=some)
    assert tuple(seen.state["activations"]) == some
    mixed = logits(models.simulate_int8(PLAIN, where=some), seen)
    assert not np.array_equal(mixed, logits(PLAIN, frozen))
    assert not np.array_equal(mixed, logits(models.simulate_int8(PLAIN), ready()))


@pytest.mark.parametrize("form", [models.simulate_int8, models.execute_int8])
def test_a_product_that_was_not_observed_is_named(form):
    params, state = ready()
    fewer = {k: state["activations"][k] for k in KERNELS[:2]}
    with pytest.raises(ValueError, match=r"Dense_2/kernel.*lacks 'activation'"):
        form(PLAIN).apply(params, {**state, "activations": fewer}, BATCH)


def test_what_a_state_lacks_is_named():
    params, state = ready()
    simulated = {k: state[k] for k in ("model", "activations")}
    execute = models.execute_int8(PLAIN)
    with pytest.raises(
        ValueError, match=r"lacks 'weights', which compress\.step_sizes"
    ):
        execute.apply(params, simulated, BATCH)
    fewer = {k: state["weights"][k] for k in KERNELS[:2]}
    with pytest.raises(ValueError, match=r"Dense_2/kernel.*lacks 'weight'"):
        execute.apply(params, {**state, "weights": fewer}, BATCH)
    with pytest.raises(ValueError, match="lacks 'activations', which observe_int8"):
        models.simulate_int8(PLAIN).apply(params, {}, BATCH)
    with pytest.raises(ValueError, match="no batches to observe"):
        models.observe_int8(PLAIN, Frozen(params), [])


def test_gradients_pass_straight_through_the_rounding():
    params, state = ready()
    simulate = models.simulate_int8(PLAIN)

    def total(params, model, state):
        return jnp.sum(model.apply(params, state, BATCH)[0].logits ** 2)

    rough = jax.grad(total)(params, simulate, state)
    smooth = jax.grad(total)(params, PLAIN, {})
    for path, x in tree.flatten(rough).items():
        assert np.any(x != 0)
        near = tree.flatten(smooth)[path]
        np.testing.assert_allclose(x, near, atol=0.05 * np.abs(near).max())


def test_a_learner_trains_a_simulated_model_whose_file_executes_alike():
    split = data.digits().train
    plain = models.mlp(widths=(8,), classes=10)
    batch = split.take(np.arange(64))
    frozen = Frozen(*plain.init(KEY, batch))
    hard = objective.combine(ce=objective.on_labels(losses.cross_entropy))
    learner = train.learner(
        models.simulate_int8(plain),
        hard,
        optax.adam(1e-2),
        compression=compress.fake_quant(),
    )
    start = models.observe_int8(plain, frozen, [batch])
    state = train.run(learner, split, key=KEY, num_steps=80, start=start)
    student, first = learner.finish(state), hard_loss(plain, frozen, batch)
    assert hard_loss(models.simulate_int8(plain), student, batch) < 0.8 * first
    jax.tree.map(
        np.testing.assert_array_equal,
        student.state["activations"],
        start.state["activations"],
    )
    weights = compress.step_sizes(learner.encode(state).params)
    assert set(weights) == set(KERNELS[:2])
    executed = logits(
        models.execute_int8(plain),
        (student.params, {**student.state, "weights": weights}),
        batch,
    )
    simulated = logits(models.simulate_int8(plain), student, batch)
    np.testing.assert_allclose(
        executed, simulated, rtol=1e-6, atol=1e-6 * np.abs(simulated).max()
    )


def hard_loss(model, frozen, batch):
    found = jnp.asarray(logits(model, frozen, batch))
    return losses.cross_entropy(found, jnp.asarray(batch["label"])).mean()


@pytest.mark.parametrize("shape", [(), (1, 1), (4,), (1, 4), (2, 1, 4), (2, 1, 2)])
def test_scales_of_scanned_layers_execute_as_they_decode(shape):
    """What broadcasts to a parameter of stacked layers is also executed."""

    def apply(params, state, batch, *, train=False, key=None):
        x, _ = jax.lax.scan(
            lambda x, w: (jnp.tanh(x @ w), None), batch["inputs"], params["w"]
        )
        return Outputs(x), state

    model = Model(lambda key, batch: ({"w": jnp.zeros((2, 4, 4))}, ()), apply)
    rng = np.random.default_rng(0)
    codes = jnp.asarray(rng.integers(-127, 128, (2, 4, 4)), jnp.int8)
    scale = jnp.asarray(rng.uniform(0.002, 0.01, shape), jnp.float32)
    forms = {"w": compress.Quantized(codes, scale, bits=8)}
    params = {path: compress.decode(form) for path, form in forms.items()}
    batch = {"inputs": jnp.asarray(rng.normal(size=(5, 4)), jnp.float32)}
    seen = models.observe_int8(model, Frozen(params, ()), [batch])
    simulated = logits(models.simulate_int8(model), seen, batch)
    for weights in (compress.step_sizes(forms), {"w": scale}):
        state = {**seen.state, "weights": weights}
        executed = logits(models.execute_int8(model), (params, state), batch)
        np.testing.assert_allclose(executed, simulated, atol=2e-6)


@pytest.mark.parametrize("name", ["mlp", "lenet5", "pruned"])
def test_stored_codes_execute_bit_for_bit_and_take_a_quarter_of_the_bytes(name):
    model, batch = images() if name == "lenet5" else (PLAIN, BATCH)
    params, state = model.init(KEY, batch)
    prune = compress.magnitude(sparsity=0.5, where=".*/kernel")
    c = compress.chain(prune, CODES) if name == "pruned" else CODES
    at = c.update(params, *c.init(params), step=0)
    forms, applied = c.encode(*at), c.apply(*at)
    seen = models.observe_int8(model, Frozen(applied, state), [batch])
    state = {**seen.state, "weights": compress.step_sizes(forms)}
    codes = compress.integer_params(applied, forms)
    execute = models.execute_int8(model)
    wanted = logits(execute, (applied, state), batch)
    np.testing.assert_array_equal(logits(execute, (codes, state), batch), wanted)
    sizes = [
        sum(x.nbytes for p, x in tree.flatten(t).items() if p.endswith("kernel"))
        for t in (codes, applied)
    ]
    assert 4 * sizes[0] == sizes[1]
    arguments = jax.jit(execute.apply).lower(codes, state, batch).as_text()
    assert "round_nearest_even" in arguments  # of activations

    def slope(params):
        def total(x):
            return execute.apply(params, state, {**batch, "inputs": x})[0].logits.sum()

        return jax.grad(total)(batch["inputs"])

    np.testing.assert_allclose(slope(codes), slope(applied), rtol=1e-4, atol=1e-5)
