import functools
import gc
import weakref

import jax
import jax.numpy as jnp
import optax

from jdistill import losses, metrics, objective, train
from jdistill.evaluate import evaluate, outputs_of, predict
from jdistill.programs import MOST, kept
from jdistill.typing import Frozen, Model, Outputs
from tests.train.examples import split

BATCH = {"inputs": jnp.eye(3), "label": jnp.arange(3)}


def doubling():
    def double(x):
        return 2 * x

    return double


class Network:
    def apply(self, params, state, batch, *, train=False, key=None):
        return Outputs(batch["inputs"] @ params), state


def network():
    def apply(params, state, batch, *, train=False, key=None):
        return Outputs(batch["inputs"] @ params["w"]), state

    shape = (split().arrays["inputs"].shape[1], 3)
    return Model(lambda key, batch: ({"w": jnp.zeros(shape)}, {}), apply)


def test_a_program_is_made_once_and_goes_with_its_function():
    made = []

    @kept
    def program(function, times):
        made.append(times)
        return jax.jit(lambda x: function(x) * times)

    double, other = doubling(), doubling()
    for _ in range(3):
        assert program(double, 3)(1.0) == 6 and program(double, 5)(1.0) == 10
    assert made == [3, 5]
    assert program(other, 3)(1.0) == 6 and made == [3, 5, 3]
    gone = weakref.ref(program(double, 3)), weakref.ref(double)
    del double
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
    assert program(other, 3)(2.0) == 12 and made == [3, 5, 3]


def test_no_more_than_some_are_kept_of_one_function():
    double, made = doubling(), []
    program = kept(lambda function, n: made.append(n))
    for n in range(MOST + 1):
        program(double, n)
    program(double, MOST)
    assert len(made) == MOST + 1
    program(double, 0)
    assert len(made) == MOST + 2


def test_a_method_or_a_partial_function_may_be_what_is_kept_of():
    net = Network()
    chosen = {"accuracy": metrics.accuracy()}
    for apply in (net.apply, functools.partial(net.apply)):
        model = Model(lambda key, batch: ((), {}), apply)
        assert evaluate(model, Frozen(jnp.eye(3)), [BATCH], metrics=chosen) == {
            "accuracy": 1.0
        }


def test_whoever_drops_a_model_drops_what_was_compiled_of_it():
    model = network()
    frozen = Frozen({"w": jnp.eye(3)})
    evaluate(model, frozen, [BATCH], metrics={"accuracy": metrics.accuracy()})
    predict(model, frozen, [BATCH])
    outputs_of(model, frozen, [BATCH])
    gone = weakref.ref(model.apply)
    del model
    gc.collect()
    assert gone() is None


def test_whoever_drops_a_learner_drops_what_was_compiled_of_it(tmp_path):
    hard = objective.combine(ce=objective.on_labels(losses.cross_entropy))
    model = network()
    recipe = train.learner(model, hard, optax.sgd(0.1))
    options = {"key": jax.random.key(0), "num_steps": 2, "batch_size": 4}
    store = train.checkpoints(tmp_path)
    train.run(recipe, split(), checkpoints=store, **options)
    train.run(recipe, split()._replace(arrays=None), **options)
    store.close()
    gone = weakref.ref(recipe.step), weakref.ref(model.apply)
    del recipe, model
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
