"""A network that reads its own part of a batch."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import data, losses, models, objective, train
from jdistill.evaluate import evaluate
from jdistill.typing import Frozen

KEY = jax.random.key(0)
NET = models.ngram_classifier(classes=10, num_buckets=50, dim=4)


def batch(**more):
    ids = jnp.array([[3, 4, 0]])
    own = {"inputs": ids, "token_mask": jnp.array([[1.0, 1.0, 0.0]])}
    return {**{f"teacher_{name}": x for name, x in own.items()}, **more}, own


def test_it_sees_its_own_entries_by_their_plain_names():
    both, own = batch()
    params, state = NET.init(KEY, own)
    read = models.reading(NET, "teacher")
    again = read.init(KEY, both)
    assert jax.tree.map(jnp.array_equal, again, (params, state))
    found = read.apply(params, state, both)[0].logits
    assert np.array_equal(found, NET.apply(params, state, own)[0].logits)


def test_nothing_that_the_student_reads_is_seen():
    seen = []

    def init(key, batch):
        return {}, {}

    def apply(params, state, batch, /, *, train=False, key=None):
        seen.append({*batch})
        return None, state

    net = models.reading(NET._replace(init=init, apply=apply), "teacher")
    theirs = dict(inputs=1, token_mask=1, token_weight=1, outputs={}, segment=1)
    examples = dict(id=1, mask=1, label=1, label_mask=1, weight=1)
    net.apply({}, {}, {**theirs, **examples, "teacher_inputs": 1})
    assert seen == [{*examples, "inputs"}]


def test_the_key_and_the_mode_go_through():
    both, own = batch()
    net = models.ngram_classifier(classes=3, num_buckets=50, dim=4, token_dropout=0.9)
    params, state = net.init(KEY, own)
    read = models.reading(net, "teacher")
    for key in jax.random.split(KEY, 5):
        found, _ = read.apply(params, state, both, train=True, key=key)
        wanted, _ = net.apply(params, state, own, train=True, key=key)
        assert np.array_equal(found.logits, wanted.logits)


def test_a_teacher_of_vectors_teaches_a_student_of_ngrams():
    def vectors(texts):
        del texts
        return data.Tokens(lambda t: {"inputs": np.ones((len(t), 5), np.float32)}, {})

    few = data.hashed_ngrams(num_buckets=50, max_length=8)
    docs = data.stdlib_docs(prepare=data.beside(few, teacher=vectors))
    teacher = models.reading(models.mlp(widths=(), classes=10), "teacher")
    frozen = Frozen(*teacher.init(KEY, docs.train.take([0])))
    terms = objective.combine(kd=objective.on_logits(losses.kl))
    learner = train.learner(NET, terms, optax.adam(1e-1), teacher=teacher)
    state = train.run(
        learner, docs.train, key=KEY, num_steps=60, batch_size=16, frozen=frozen
    )
    found = learner.finish(state)
    beside = evaluate(NET, found, docs.test, teacher=(teacher, frozen))
    assert beside["agreement"] == 1.0  # every text is the same to this teacher
    assert evaluate(teacher, frozen, docs.test)["accuracy"] < 0.3


def test_a_file_cannot_say_how_it_reads():
    assert NET.spec is not None and models.reading(NET, "teacher").spec is None
    assert "reads teacher_inputs" in repr(models.reading(NET, "teacher"))


def test_a_batch_without_its_inputs_is_named():
    net = models.reading(NET, "teacher")
    with pytest.raises(ValueError, match="no teacher_inputs; there are inputs"):
        net.apply({}, {}, {"inputs": jnp.ones((1, 2), int)})


@pytest.mark.parametrize("name", ["", "a b", "3d"])
def test_a_name_is_a_word(name):
    with pytest.raises(ValueError, match="name must be a word"):
        models.reading(NET, name)
