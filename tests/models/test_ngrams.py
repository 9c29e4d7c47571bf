"""The n-gram classifier against NumPy, its padding and that it learns."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import tree
from jdistill.models import idf_gates, ngram_classifier

KEY = jax.random.key(0)
IDS = np.array([[3, 5, 5, 0], [9, 1, 0, 0], [0, 0, 0, 0]])
MASK = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]], np.float32)


@pytest.fixture(scope="module")
def small():
    model = ngram_classifier(classes=3, num_buckets=10, dim=4, hidden=[6])
    params, _ = jax.jit(model.init)(KEY, {"inputs": jnp.asarray(IDS)})
    params["gate"]["embedding"] = jax.random.normal(jax.random.key(1), (10, 1))
    return jax.jit(model.apply), params


def logits(small, **batch):
    apply, params = small
    return apply(params, {}, {k: jnp.asarray(v) for k, v in batch.items()})[0].logits


def test_the_size_counts_embeddings_gates_and_layers():
    model = ngram_classifier(classes=3, num_buckets=10, dim=4, hidden=[6])
    params, _ = jax.eval_shape(model.init, KEY, {"inputs": jnp.asarray(IDS)})
    assert tree.count(params) == 10 * 4 + 10 + (4 * 6 + 6) + (6 * 3 + 3)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_forward_pass_is_the_equation_in_float64(small, weighted):
    _, params = small
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    r = np.random.default_rng(0).uniform(0.5, 2, IDS.shape) if weighted else 1.0
    w = MASK * r * np.exp(p["gate"]["embedding"][IDS, 0])
    mean = (w[..., None] * p["embed"]["embedding"][IDS]).sum(1)
    mean /= np.maximum(w.sum(1), 1e-6)[:, None]
    hidden = mean @ p["Dense_0"]["kernel"] + p["Dense_0"]["bias"]
    wanted = np.maximum(hidden, 0) @ p["Dense_1"]["kernel"] + p["Dense_1"]["bias"]
    extra = {"token_weight": r.astype(np.float32)} if weighted else {}
    got = logits(small, inputs=IDS, token_mask=MASK, **extra)
    np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_padding_contributes_nothing(small):
    other = np.where(MASK > 0, IDS, 7)
    long = np.pad(other, ((0, 0), (0, 5)), constant_values=2)
    mask = np.pad(MASK, ((0, 0), (0, 5)))
    wanted = logits(small, inputs=IDS, token_mask=MASK)
    got = logits(small, inputs=long, token_mask=mask)
    np.testing.assert_allclose(got, wanted, atol=1e-6)
    alone = logits(small, inputs=IDS[:1, :3])
    np.testing.assert_allclose(alone, wanted[:1], atol=1e-6)


def test_a_text_without_tokens_is_finite_with_its_gradient(small):
    apply, params = small
    batch = {"inputs": jnp.asarray(IDS[2:]), "token_mask": jnp.asarray(MASK[2:])}
    grads = jax.grad(lambda p: apply(p, {}, batch)[0].logits.sum())(params)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))


def test_token_dropout_leaves_tokens_out_in_training_only():
    model = ngram_classifier(classes=50, num_buckets=50, dim=50, token_dropout=0.5)
    batch = {"inputs": jnp.arange(50)[None]}
    params = {
        "gate": {"embedding": jnp.zeros((50, 1))},
        "embed": {"embedding": jnp.eye(50)},
        "Dense_0": {"kernel": jnp.eye(50), "bias": jnp.zeros(50)},
    }
    trained, _ = model.apply(params, {}, batch, train=True, key=KEY)
    rested, _ = model.apply(params, {}, batch)
    np.testing.assert_allclose(rested.logits, 1 / 50, rtol=1e-5)
    kept = np.asarray(trained.logits[0] > 0)
    assert 10 < kept.sum() < 40
    np.testing.assert_allclose(trained.logits[0][kept], 1 / kept.sum(), rtol=1e-5)


def test_fifty_texts_are_learned_by_heart():
    model = ngram_classifier(
        classes=5, num_buckets=200, dim=16, hidden=(32,), dropout=0.1
    )
    ids = jax.random.randint(KEY, (50, 12), 0, 200)
    label = jax.random.randint(jax.random.key(1), (50,), 0, 5)
    batch = {"inputs": ids, "token_mask": jnp.ones(ids.shape)}
    params, _ = jax.jit(model.init)(KEY, batch)
    tx = optax.adam(1e-2)

    def step(carry, key):
        params, opt_state = carry

        def loss(params):
            out, _ = model.apply(params, {}, batch, train=True, key=key)
            return optax.softmax_cross_entropy_with_integer_labels(
                out.logits, label
            ).mean()

        updates, opt_state = tx.update(jax.grad(loss)(params), opt_state)
        return (optax.apply_updates(params, updates), opt_state), None

    train = jax.jit(lambda c, keys: jax.lax.scan(step, c, keys)[0])
    params, _ = train((params, tx.init(params)), jax.random.split(KEY, 80))
    outputs, _ = model.apply(params, {}, batch)
    assert (outputs.logits.argmax(-1) == label).all()
    assert (params["gate"]["embedding"] != 0).any()


def test_inputs_of_another_rank_are_refused():
    model = ngram_classifier(classes=2, num_buckets=5)
    with pytest.raises(ValueError, match=r"takes ids \[batch, steps\], got \(5,\)"):
        model.init(KEY, {"inputs": jnp.arange(5)})


@pytest.mark.parametrize("name", ["num_buckets", "dim", "classes"])
def test_sizes_out_of_range_are_refused(name):
    kwargs = {"classes": 2, "num_buckets": 5, "dim": 3} | {name: 0}
    with pytest.raises(ValueError, match=f"{name} must be a whole number"):
        ngram_classifier(**kwargs)
    with pytest.raises(ValueError, match="token_dropout must be"):
        ngram_classifier(classes=2, num_buckets=5, token_dropout=-1)


def test_gates_need_a_model_that_has_some_and_a_mask():
    tokens = {"inputs": IDS, "token_mask": MASK}
    with pytest.raises(ValueError, match=r"params have no gates, .* there are .'w'"):
        idf_gates({"w": 1}, tokens)
    gates = {"gate": {"embedding": jnp.zeros((10, 1))}}
    with pytest.raises(ValueError, match="tokens have no 'token_mask'; there are"):
        idf_gates(gates, {"inputs": IDS})
