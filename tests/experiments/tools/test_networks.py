"""The networks that a configuration names, and how they read."""

import functools

import jax
import numpy as np

from experiments.tools import networks
from jdistill import data

FEW, MANY = (data.hashed_ngrams(num_buckets=n, max_length=n) for n in (16, 64))
NGRAMS = dict(name="ngram_classifier", dim=2)
CONFIG = dict(
    teacher=dict(model=NGRAMS, prepare=dict(name="hashed_ngrams")),
    student=dict(model=NGRAMS),
)


@functools.cache
def docs():
    return data.stdlib_docs(prepare=data.beside(FEW, teacher=MANY))


def made(name):
    spec, model = networks.network(CONFIG, name, docs())
    batch = docs().train.take([0, 1])
    params, state = model.init(jax.random.key(0), batch)
    return spec, params, model.apply(params, state, batch)[0].logits


def test_each_network_has_the_sizes_of_what_it_reads():
    assert made("teacher")[0]["num_buckets"] == 64
    assert made("student")[0]["num_buckets"] == 16


def test_a_network_with_a_preparation_of_its_own_reads_that():
    _, params, found = made("teacher")
    alone = data.stdlib_docs(prepare=MANY)
    own = networks.network({"teacher": dict(model=NGRAMS)}, "teacher", alone)[1]
    batch = alone.train.take([0, 1])
    assert np.array_equal(found, own.apply(params, {}, batch)[0].logits)


def test_gates_are_known_by_their_path():
    assert networks.gated(made("student")[1])
    assert not networks.gated({"Dense_0": {"kernel": 0.0}})
