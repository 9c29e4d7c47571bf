import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jdistill as jd
from jdistill import models
from jdistill.models import _described

DECODER = models.DecoderConfig(
    vocab=9, dim=8, depth=2, heads=2, kv_heads=1, head_dim=4, mlp_dim=8, max_steps=16,
    window=(4, 0),
)  # fmt: skip
IDS = {"inputs": jnp.ones((1, 4), int)}
IMAGES = {"inputs": jnp.ones((1, 16, 16, 1))}
MADE = {
    "mlp": (lambda: models.mlp(classes=2, widths=(4,), dropout=0.5), IMAGES),
    "cnn": (lambda: models.cnn(classes=2, widths=(4, 8), hidden=3), IMAGES),
    "lenet5": (lambda: models.lenet5(classes=2), IMAGES),
    "lenet_300_100": (lambda: models.lenet_300_100(classes=2), IMAGES),
    "resnet": (lambda: models.resnet(classes=2, depth=8, width=4), IMAGES),
    "vit": (lambda: models.vit(classes=2, patch=4, dim=8, depth=1), IMAGES),
    "ngram_classifier": (
        lambda: models.ngram_classifier(classes=2, num_buckets=9, hidden=[3]), IDS,
    ),
    "encoder_classifier": (
        lambda: models.encoder_classifier(classes=2, vocab=9, steps=4, dim=8), IDS,
    ),
    "decoder": (lambda: models.decoder(DECODER, dtype="bfloat16"), IDS),
    "encoder": (
        lambda: models.encoder(
            models.EncoderConfig(vocab=9, dim=8, depth=1, heads=2, mlp_dim=8,
                                 max_steps=8, head="classes", labels=("no", "yes"))
        ), IDS,
    ),
    "encoder_decoder": (
        lambda: models.encoder_decoder(dict(vocab=9, dim=8, depth=1, heads=2,
                                            head_dim=4, mlp_dim=8)), IDS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_a_model_says_what_makes_it_again(name):
    make, batch = MADE[name]
    model = make()
    spec = json.loads(model.spec)
    again = jd.build(models, spec)
    assert spec["name"] == name and json.loads(again.spec) == spec
    one, two = (
        jax.eval_shape(m.init, jax.random.key(0), batch) for m in (model, again)
    )
    assert jax.tree.map(lambda x: (x.shape, x.dtype), one) == jax.tree.map(
        lambda x: (x.shape, x.dtype), two
    )
    hash(model)  # it is a part of what compiled programs are known by


@pytest.mark.parametrize("name", MADE)
def test_a_model_reads_a_batch_of_no_examples(name):
    make, batch = MADE[name]
    model, batch = make(), {"source": IDS["inputs"], **batch}

    def logits(batch):
        params, state = model.init(jax.random.key(0), batch)
        batch = jax.tree.map(lambda x: x[:0], batch)
        return model.apply(params, state, batch, train=True, key=jax.random.key(1))[0]

    assert jax.eval_shape(logits, batch).logits.shape[0] == 0


@_described.described
def made(*, size, dtype=None):
    return models.from_function(lambda params, x: x * size)


def test_numbers_and_types_of_numpy_are_plain_values():
    spec = json.loads(made(size=np.int64(2), dtype=jnp.bfloat16).spec)
    assert spec == {"name": "made", "size": 2, "dtype": "bfloat16"}


def test_an_argument_that_is_no_plain_value_leaves_it_out():
    assert made(size=object()).spec is None
    told = []
    jax.jit(lambda size: told.append(made(size=size).spec) or size)(1.0)
    assert told == [None]


def test_what_has_other_variables_says_nothing():
    model = models.mlp(classes=2)
    for other in (
        models.lora(model, rank=1),
        models.peers(a=model, b=model),
        models.simulate_int8(model),
        models.from_function(lambda params, x: x),
    ):
        assert other.spec is None
    assert models.compute_in(model, "bfloat16").spec == model.spec
