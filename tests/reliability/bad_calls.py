"""Calls that someone makes who mistakes one thing for another.

Each stands with the words that its message must have: what is wrong, or what is valid.
"""

import functools
import importlib
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

import jdistill as jd
from jdistill import (
    artifact,
    compress,
    data,
    losses,
    metrics,
    models,
    objective,
    ops,
    predictor,
    projections,
    report,
    train,
    tree,
)
from jdistill.typing import DataSet, Frozen, Model, Outputs, Split
from tests.reliability.bad_numbers import Call

build = importlib.import_module("jdistill.build")  # a function hides it
evaluate = importlib.import_module("jdistill.evaluate")
KEY = jax.random.key(0)
CLASSES = ("a", "b", "c")


class Things(NamedTuple):
    """What calls are made of; all of it is good."""

    batch: dict[str, Any]
    split: Split
    dataset: DataSet
    model: Model
    frozen: Frozen
    learner: Any
    taught: Any
    state: Any
    encoded: Any
    module: Any


@functools.cache
def things() -> Things:
    """A tiny network with a teacher, and the state after its start."""
    inputs = np.linspace(-1, 1, 40, dtype=np.float32).reshape(8, 5)
    arrays = {"inputs": inputs, "label": np.arange(8) % 3}
    split = data.in_memory(arrays, classes=CLASSES)
    batch = jax.tree.map(jnp.asarray, split.take(np.arange(4)))
    model = models.mlp(classes=3, widths=(4,))
    frozen = Frozen(*model.init(KEY, batch))
    hard = objective.combine(ce=objective.on_labels(losses.cross_entropy))
    soft = objective.hinton(temperature=2.0, alpha=0.5)
    learner = train.learner(model, hard, optax.adam(1e-3))
    return Things(
        batch,
        split,
        DataSet(split, split, split, prepare=lambda x: x),
        model,
        frozen,
        learner,
        train.learner(model, soft, optax.adam(1e-3), teacher=model),
        learner.init(KEY, batch),
        compress.identity().encode(frozen.params, (), ()),
        nn.Dense(3),
    )


def every() -> Iterator[Call]:
    """All of them."""
    for of in (_evaluation, _running, _learning, _terms, _networks, _data,
               _compression, _files, _reports, _names):  # fmt: skip
        for what, names, call in of(things()):
            yield Call(what, call, (names,) if isinstance(names, str) else names)


Row = tuple[str, str | tuple[str, ...], Callable[[], Any]]


def _evaluation(t: Things) -> Iterator[Row]:
    good = {"accuracy": metrics.accuracy()}
    one = [t.batch]

    def run(model=t.model, frozen=t.frozen, batches=one, **more):
        return lambda: evaluate.evaluate(
            model, frozen, batches, **{"metrics": good, **more}
        )

    yield "evaluate(data set)", ("DataSet", "dataset.test"), run(batches=t.dataset)
    yield "evaluate(a batch)", ("batches", "[batch]"), run(batches=t.batch)
    yield "evaluate(an array)", "batches", run(batches=t.batch["inputs"])
    yield "evaluate(None)", "batches", run(batches=None)
    yield "evaluate(no batches)", "batches", run(batches=[])
    yield "evaluate(metrics=[name])", ("metrics", "by name"), run(metrics=["accuracy"])
    yield "evaluate(metrics=name)", "metrics", run(metrics="accuracy")
    yield "evaluate(metrics={})", "metrics", run(metrics={})
    yield (
        "evaluate(not called)",
        "accuracy",
        run(metrics={"accuracy": metrics.accuracy}),
    )
    yield "evaluate(a word)", "accuracy", run(metrics={"accuracy": "accuracy"})
    yield "evaluate(params)", ("frozen", "Frozen(params)"), run(frozen=t.frozen.params)
    yield "evaluate(state)", ("frozen", "finish"), run(frozen=t.state)
    yield "evaluate(module)", ("model", "from_linen("), run(model=t.module)
    yield "evaluate(learner)", "model", run(model=t.learner)
    yield "evaluate(teacher=Frozen)", "teacher", run(teacher=t.frozen)
    yield "evaluate(others=list)", "others", run(others=[t.frozen])
    agreement = {"agreement": metrics.agreement()}
    yield "agreement without a teacher", "teacher", run(metrics=agreement)
    yield "no label", "label", run(batches=[{"inputs": t.batch["inputs"]}])
    yield "no inputs", "inputs", run(batches=[{"label": t.batch["label"]}])
    listed = {**t.batch, "inputs": t.batch["inputs"].tolist()}
    yield "inputs is a list", ("inputs", "list"), run(batches=[listed])
    scalar = {**t.batch, "share": 0.5}
    yield "a scalar in a batch", ("share", "batch"), run(batches=[scalar])
    short = {**t.batch, "label": t.batch["label"][:2]}
    yield "fewer labels", "label", run(batches=[short])
    yield (
        "predict(data set)",
        "DataSet",
        lambda: evaluate.predict(t.model, t.frozen, t.dataset),
    )
    yield (
        "predict(params)",
        "frozen",
        lambda: evaluate.predict(t.model, t.frozen.params, one),
    )
    yield "predict(none)", "batches", lambda: evaluate.predict(t.model, t.frozen, [])
    yield (
        "outputs_of(module)",
        "model",
        lambda: evaluate.outputs_of(t.module, t.frozen, one),
    )


def _running(t: Things) -> Iterator[Row]:
    params = t.frozen.params

    def run(learner=t.learner, split=t.split, **more):
        given = {"key": KEY, "num_steps": 1, "batch_size": 4, **more}
        return lambda: train.run(learner, split, **given)

    yield "run(data set)", ("DataSet", "train"), run(split=t.dataset)
    yield "run(arrays)", ("split", "in_memory"), run(split=t.batch)
    yield "run(list)", "split", run(split=[t.batch])
    yield "run(model)", ("learner", "train.learner("), run(learner=t.model)
    yield "run(key=0)", ("key", "jax.random.key"), run(key=0)
    yield "run(key=None)", "key", run(key=None)
    yield (
        "run(frozen=params)",
        ("frozen", "Frozen(params)"),
        run(frozen=t.frozen.params),
    )
    yield "run(frozen=state)", ("frozen", "finish"), run(frozen=t.state)
    yield "run(start=state)", ("start", "finish"), run(start=t.state)
    yield "run(progress='bar')", ("progress", "train.progress"), run(progress="bar")
    yield "run(start=params)", ("start", "Frozen(params)"), run(start=params)
    yield "run(every=100)", "every", run(every=100)
    yield "run(every=function)", "every", run(every=print)
    yield "run(every={100: word})", "every", run(every={1: "x"})
    for value in ("good", True, [0.5], {}):
        said = run(every={1: lambda state, means, value=value: value})
        yield f"run(every={{1: returns {value!r}}})", "every[1]", said
    yield "progress(console=3)", "console", lambda: train.progress(console=3)
    yield "run(every={0: f})", "every", run(every={0: print})
    yield "run(every={2.5: f})", "every", run(every={2.5: print})
    yield "run(checkpoints=folder)", "checkpoints", run(checkpoints="folder")
    yield "run(mesh=4)", "mesh", run(mesh=4)
    yield "run(frozen_rules without mesh)", "mesh", run(frozen_rules=((".*", None),))
    for name in ("num_steps", "batch_size", "save_every", "steps_per_dispatch"):
        for value in (0, -1, 2.5, "ten"):
            yield f"run({name}={value!r})", name, run(**{name: value})
    yield "run(seed=-1)", "seed", run(seed=-1)
    yield "run(seed=1.5)", "seed", run(seed=1.5)
    yield "run without the teacher", "teacher", run(learner=t.taught)
    other = train.learner(
        t.model,
        objective.combine(ce=objective.on_labels(losses.cross_entropy, network="x")),
        optax.adam(1e-3),
    )
    yield "run of no such network", "'x'", run(learner=other)
    few = models.mlp(classes=2, widths=(4,))
    small = Frozen(*few.init(KEY, t.batch))
    taught = train.learner(
        t.model,
        objective.hinton(temperature=2.0, alpha=0.5),
        optax.adam(1e-3),
        teacher=few,
    )
    yield "teacher of 2 classes", "classes", run(learner=taught, frozen=small)


def _learning(t: Things) -> Iterator[Row]:
    hard = objective.combine(ce=objective.on_labels(losses.cross_entropy))
    tx = optax.adam(1e-3)

    def make(model=t.model, goal=hard, tx=tx, **more):
        return lambda: train.learner(model, goal, tx, **more)

    yield "learner(module)", "model", make(model=t.module)
    yield "learner(loss)", "objective", make(goal=losses.kl)
    yield (
        "learner(term)",
        ("objective", "combine"),
        make(goal=objective.on_labels(losses.cross_entropy)),
    )
    yield "learner(tx=word)", "tx", make(tx="adam")
    yield "learner(tx not called)", "tx", make(tx=optax.adam)
    yield "learner(teacher=Frozen)", "teacher", make(teacher=t.frozen)
    yield "learner(others=list)", "others", make(others=[t.model])
    yield "learner(others=student)", "student", make(others={"student": t.model})
    yield "learner(augment=word)", "augment", make(augment="shift")
    yield "learner(compression=word)", "compression", make(compression="magnitude")
    yield (
        "learner(compression not called)",
        "compression",
        make(compression=compress.fake_quant),
    )
    for value in (0, -1, 2.5, "two"):
        yield f"micro_batches={value!r}", "micro_batches", make(micro_batches=value)
    parts = train.learner(t.model, hard, tx, micro_batches=3)
    state = parts.init(KEY, t.batch)
    yield (
        "micro_batches that do not divide",
        "micro_batches",
        lambda: parts.step(state, t.batch),
    )
    init = t.learner.init
    yield "init(key=0)", "key", lambda: init(0, t.batch)
    yield "init(start=state)", "start", lambda: init(KEY, t.batch, start=t.state)
    yield "init(split)", ("batch", "split.take"), lambda: init(KEY, t.split)
    listed = {**t.batch, "inputs": t.batch["inputs"].tolist()}
    yield "init(list)", ("inputs", "list"), lambda: init(KEY, listed)
    yield "init(scalar)", "share", lambda: init(KEY, {**t.batch, "share": 0.5})
    yield "step(params)", "state", lambda: t.learner.step(t.frozen, t.batch)
    yield (
        "step(no label)",
        "label",
        lambda: t.learner.step(t.state, {"inputs": t.batch["inputs"]}),
    )
    for name in ("lbfgs", "reduce_on_plateau"):
        kind = optax.lbfgs if name == "lbfgs" else optax.contrib.reduce_on_plateau
        yield f"learner(tx={name})", name, make(tx=optax.chain(tx, kind()))
    yield "sweep({})", "hyper", lambda: train.sweep(lambda: t.learner, {})
    uneven = {"a": jnp.ones(2), "b": jnp.ones(3)}
    yield "sweep(uneven)", "hyper", lambda: train.sweep(lambda a, b: t.learner, uneven)
    yield (
        "follow_mean(model=module)",
        "model",
        lambda: train.follow_mean(model=t.module),
    )
    yield (
        "compress_now(params)",
        "frozen",
        lambda: train.compress_now(
            t.model, t.frozen.params, compress.wanda(sparsity=0.5), [t.batch]
        ),
    )
    yield "checkpoints(keep=0)", "keep", lambda: train.checkpoints("x", keep=0)
    yield "checkpoints(keep=word)", "keep", lambda: train.checkpoints("x", keep="all")
    yield "data_mesh(99)", ("devices", "jax.devices()"), lambda: train.data_mesh(99)


def _terms(t: Things) -> Iterator[Row]:
    o = objective
    yield "on_logits(word)", ("'kl'", "losses.kl"), lambda: o.on_logits("kl")
    yield "on_labels(None)", "None", lambda: o.on_labels(None)
    yield (
        "on_logits(temprature)",
        "temprature",
        lambda: o.on_logits(losses.kl, temprature=4),
    )
    yield (
        "on_logits(temperature=0)",
        "temperature",
        lambda: o.on_logits(losses.kl, temperature=0),
    )
    yield (
        "on_logits(temperature=word)",
        "temperature",
        lambda: o.on_logits(losses.kl, temperature="high"),
    )
    yield "on_logits(per=word)", "per", lambda: o.on_logits(losses.kl, per="word")
    yield "on_logits(no labels)", "labels", lambda: o.on_logits(losses.dkd)
    yield "on_logits(no mask)", "mask", lambda: o.on_logits(losses.dist)
    yield (
        "on_features(student=3)",
        "student",
        lambda: o.on_features(losses.fitnet, student=3, teacher="a"),
    )
    yield (
        "on_features(no teacher)",
        "teacher",
        lambda: o.on_features(losses.fitnet, student="a"),
    )
    yield (
        "connect(not called)",
        "projection",
        lambda: o.connect("a", projections.linear),
    )
    yield "on_params(where=3)", "where", lambda: o.on_params(losses.l1, where=3)
    yield "on_params(where='(')", "where", lambda: o.on_params(losses.l1, where="(")
    yield (
        "on_params(stray)",
        "order",
        lambda: o.on_params(losses.l1, where=".*", order=2),
    )
    yield "combine()", "term", o.combine
    yield "combine(a loss)", "'kd'", lambda: o.combine(kd=losses.kl)
    yield (
        "combine(loss=)",
        "'loss'",
        lambda: o.combine(loss=o.on_labels(losses.cross_entropy)),
    )
    term = o.on_labels(losses.cross_entropy)
    for value in (float("nan"), float("inf"), "half", None):
        yield f"{value!r} * term", "weight", lambda value=value: value * term
    yield (
        "a tap that is not there",
        ("nonesuch", "tap"),
        lambda: _first_step(
            t, o.on_features(losses.fitnet, student="nonesuch", teacher="Dense_0")
        ),
    )
    yield "ensemble of one", "networks", lambda: o.ensemble(["a"])
    yield "routed of a word", "networks", lambda: o.routed("a", by="x")
    yield (
        "weight of no such path",
        "nonesuch",
        lambda: _first_step(
            t,
            o.term(
                losses.fitnet,
                o.weight("student", "nonesuch"),
                o.weight("student", "nonesuch"),
            ),
        ),
    )
    yield (
        "an entry that is not there",
        "nonesuch",
        lambda: _first_step(
            t, o.term(losses.kl, o.logits("student"), o.entry("nonesuch"))
        ),
    )
    yield "taps(3)", "names", lambda: o.taps("student", 3)
    yield "logits(3)", "network", lambda: o.logits(3)


def _first_step(t: Things, term: Any) -> Any:
    goal = objective.combine(term=term)
    made = train.learner(t.model, goal, optax.adam(1e-3), teacher=t.model)
    state = made.init(KEY, t.batch, t.frozen)
    return made.step(state, t.batch, t.frozen)


def _networks(t: Things) -> Iterator[Row]:
    def applied(function, **more):
        model = models.from_function(function, **more)
        return lambda: model.apply({"w": jnp.ones((5, 3))}, {}, t.batch)

    def product(params, x):
        return x @ params["w"]

    yield "a tuple", ("tuple", "Outputs"), applied(lambda p, x: (product(p, x), 1))
    yield "a dictionary", ("dict", "Outputs"), applied(lambda p, x: {"logits": x})
    yield "None", ("None", "Outputs"), applied(lambda p, x: None)
    yield "from_function(3)", "apply", lambda: models.from_function(3)
    yield "from_function(inputs=)", "nonesuch", applied(product, inputs="nonesuch")
    yield (
        "from_function without init",
        "init",
        lambda: models.from_function(product).init(KEY, t.batch),
    )
    yield (
        "hidden mode",
        ("train", "**"),
        lambda: models.from_function(lambda p, x, **more: x),
    )
    yield "hidden mode of linen", ("train", "**"), lambda: models.from_linen(_Hides())
    yield "from_linen(class)", ("module", "Dense"), lambda: models.from_linen(nn.Dense)
    yield (
        "from_linen(nnx)",
        ("module", "from_nnx"),
        lambda: models.from_linen(nnx.Linear(5, 3, rngs=nnx.Rngs(0))),
    )
    yield (
        "from_nnx(module)",
        ("factory", "lambda"),
        lambda: models.from_nnx(nnx.Linear(5, 3, rngs=nnx.Rngs(0))),
    )
    yield (
        "from_nnx(linen)",
        ("factory", "from_linen"),
        lambda: models.from_nnx(t.module),
    )
    yield "from_linen(taps=3)", "taps", lambda: models.from_linen(t.module, taps=3)
    gone = models.from_linen(nn.Sequential([t.module]), taps="nonesuch")
    yield (
        "a tap that is not there",
        "nonesuch",
        lambda: gone.apply(gone.init(KEY, t.batch)[0], {}, t.batch),
    )
    dropping = models.mlp(classes=3, widths=(4,), dropout=0.5)
    yield (
        "dropout without a key",
        "key",
        lambda: dropping.apply(*t.frozen, t.batch, train=True),
    )
    yield (
        "no inputs",
        "inputs",
        lambda: t.model.apply(*t.frozen, {"label": t.batch["label"]}),
    )
    listed = {"inputs": t.batch["inputs"].tolist()}
    yield (
        "inputs is a list",
        ("inputs", "list"),
        lambda: t.model.apply(*t.frozen, listed),
    )
    yield "execute_int8(module)", "model", lambda: models.execute_int8(t.module)
    yield (
        "observe_int8(params)",
        "frozen",
        lambda: models.observe_int8(t.model, t.frozen.params, [t.batch]),
    )
    yield (
        "observe_int8(none)",
        "batches",
        lambda: models.observe_int8(t.model, t.frozen, []),
    )
    bare = models.execute_int8(t.model)
    yield (
        "int8 without step sizes",
        "activations",
        lambda: bare.apply(*t.frozen, t.batch),
    )
    yield "peers()", "networks", models.peers
    yield "peers(module)", "a must", lambda: models.peers(a=t.module, b=t.model)
    yield (
        "tap(nonesuch)",
        "nonesuch",
        lambda: models.tap(t.model, {"x": "nonesuch"}).apply(*t.frozen, t.batch),
    )
    yield "lora(module)", "model", lambda: models.lora(t.module, rank=2)
    yield (
        "lora(where=)",
        "nonesuch",
        lambda: models.lora(t.model, rank=2, where="nonesuch").init(KEY, t.batch),
    )


class _Hides(nn.Module):
    @nn.compact
    def __call__(self, x, **more):
        return nn.Dropout(0.5, deterministic=not more.get("train", False))(x)


def _data(t: Things) -> Iterator[Row]:
    inputs, label = t.split.arrays["inputs"], t.split.arrays["label"]

    def split(classes=CLASSES, **arrays):
        given = {"inputs": inputs, "label": label, **arrays}
        return lambda: data.in_memory(given, classes=classes)

    yield (
        "label 9",
        ("label 9", "example 2"),
        split(label=np.array([0, 1, 9, 0, 0, 0, 0, 0])),
    )
    yield (
        "label -1",
        ("label -1", "example 0"),
        split(label=np.array([-1, 1, 1, 0, 0, 0, 0, 0])),
    )
    yield "floating labels", ("label", "integer"), split(label=label / 2)
    yield "labels [size, 1]", "label", split(label=label[:, None])
    yield "labels of words", "label", split(label=np.array(list("abcabcab")))
    yield "fewer labels", "size", split(label=label[:3])
    yield "no examples", "no examples", split(inputs=inputs[:0], label=label[:0])
    yield (
        "NaN",
        ("example 3", "finite"),
        split(inputs=np.where(np.arange(8)[:, None] == 3, np.nan, inputs)),
    )
    yield "a list", ("inputs", "list"), split(inputs=inputs.tolist())
    yield "ragged", "inputs", split(inputs=[[1], [1, 2]] * 4)
    yield "a scalar", "share", split(share=0.5)
    yield "None", "extra", split(extra=None)
    yield "one class", "classes", split(classes=("a",))
    yield "classes=3", "classes", split(classes=3)
    yield "classes='abc'", "classes", split(classes="abc")
    yield (
        "no label",
        "label",
        lambda: data.in_memory({"inputs": inputs}, classes=CLASSES),
    )
    yield (
        "no inputs",
        "inputs",
        lambda: data.in_memory({"label": label}, classes=CLASSES),
    )
    yield "an array", "batch", lambda: data.in_memory(inputs, classes=CLASSES)
    yield (
        "eval_batches(data set)",
        "DataSet",
        lambda: data.eval_batches(t.dataset, batch_size=2),
    )
    for value in (0, -1, 2.5, "two"):
        yield (
            f"batch_size={value!r}",
            "batch_size",
            lambda v=value: data.eval_batches(t.split, batch_size=v),
        )
        yield (
            f"index_batches({value!r})",
            "batch_size",
            lambda v=value: data.index_batches(8, batch_size=v, seed=0),
        )
    yield (
        "index_batches(0)",
        "size",
        lambda: data.index_batches(0, batch_size=2, seed=0),
    )
    order = data.index_batches(7, batch_size=2, seed=0)
    yield "stream of another order", ("7", "8"), lambda: data.stream(t.split, order)
    yield "mixed(share=1)", "share", lambda: data.mixed(t.split, t.split, share=1.0)
    yield (
        "mixed(data set)",
        "DataSet",
        lambda: data.mixed(t.dataset, t.split, share=0.5),
    )
    yield "augmentations()", "augmentations", data.augmentations
    yield "augmentations(word)", "a must", lambda: data.augmentations(a="shift")
    yield "load_cache(nowhere)", "nowhere", lambda: data.load_cache("/nowhere/at/all")
    outputs = Outputs(np.zeros((7, 3), np.float32))
    yield (
        "cache of 7 for 8",
        ("7", "8"),
        lambda: data.cache(t.split, outputs, variables=t.frozen),
    )
    whole = data.cache(
        t.split, Outputs(np.zeros((8, 3), np.float32)), variables=t.frozen
    )
    other = jax.tree.map(lambda x: x + 1, t.frozen)
    yield (
        "cached of another teacher",
        "another network",
        lambda: data.cached(t.split, whole, variables=other),
    )
    yield "tfidf_baseline(data set)", "texts", lambda: data.tfidf_baseline(t.dataset)


def _compression(t: Things) -> Iterator[Row]:
    params = t.frozen.params
    prune, quantise = compress.magnitude(sparsity=0.5), compress.fake_quant()
    yield "magnitude without products", "where", lambda: prune.init(params)
    yield "fake_quant without products", "where", lambda: quantise.init(params)

    def no_products(params, x):
        return jnp.sum(x, axis=-1, keepdims=True) * params["w"]

    plain = models.from_function(no_products, lambda key, x: {"w": jnp.ones(3)})
    goal = objective.combine(ce=objective.on_labels(losses.cross_entropy))
    bare = train.learner(plain, goal, optax.adam(1e-3), compression=prune)
    yield (
        "pruning a model without products",
        ("product", "where"),
        lambda: bare.init(KEY, t.batch),
    )
    missing = compress.magnitude(sparsity=0.5, where="nonesuch")
    yield "where='nonesuch'", "nonesuch", lambda: missing.init(params)
    nan = jax.tree.map(lambda x: jnp.full_like(x, jnp.nan), params)
    somewhere = compress.magnitude(sparsity=0.5, where=".*kernel")
    rounded = compress.fake_quant(where=".*kernel")
    yield "magnitude of NaN", ("kernel", "NaN"), lambda: somewhere.init(nan)
    yield "fake_quant of NaN", ("kernel", "NaN"), lambda: rounded.init(nan)
    late = compress.magnitude(sparsity=lambda step: 1.5, where=".*kernel")
    yield (
        "a schedule to 1.5",
        "sparsity",
        lambda: late.update(params, *late.init(params), step=0),
    )
    yield "chain(codes, mask)", "mask", lambda: compress.chain(quantise, prune)
    yield "chain(word)", "chain", lambda: compress.chain("prune")
    yield "chain(not called)", "chain", lambda: compress.chain(compress.fake_quant)
    yield "freeze(where='(')", "where", lambda: compress.freeze(where="(")
    yield (
        "freeze(where=nonesuch)",
        "nonesuch",
        lambda: compress.freeze(where="nonesuch").init(params),
    )
    yield "as_optax(word)", "tx", lambda: compress.as_optax(rounded, "adam")
    yield (
        "as_optax(not called)",
        "compression",
        lambda: compress.as_optax(compress.fake_quant, optax.adam(1e-3)),
    )
    yield (
        "group_size per tensor",
        "group_size",
        lambda: compress.fake_quant(group_size=2, per="tensor"),
    )
    grouped = compress.fake_quant(group_size=3, where=".*kernel")
    yield "group_size that does not divide", "group_size", lambda: grouped.init(params)
    yield "wanda()", "sparsity", compress.wanda
    yield "wanda(both)", "sparsity", lambda: compress.wanda(sparsity=0.5, n=2, m=4)
    yield "decode(array)", "encod", lambda: compress.decode(jnp.ones(3))
    yield "step_sizes(params)", "encod", lambda: compress.step_sizes(params)
    yield (
        "integer_params(params)",
        "encod",
        lambda: compress.integer_params(params, params),
    )
    yield "select(where=3)", "where", lambda: tree.select(params, 3)
    yield "select(None)", "where", lambda: tree.select(params, None)
    yield "select(empty)", "where", lambda: tree.select(params, ())
    yield "count(3)", "callable", lambda: ops.count(3, params)
    yield (
        "uses(weights=9)",
        "weights",
        lambda: ops.uses(lambda x: x, params, weights=(9,)),
    )
    yield (
        "dequantize",
        "scale",
        lambda: ops.dequantize(jnp.ones((2, 3), jnp.int8), jnp.ones((2, 2))),
    )


def _files(t: Things) -> Iterator[Row]:
    folder = pathlib.Path(tempfile.mkdtemp())
    path = folder / "file"
    yield "pack(state)", ("encoded", "encode"), lambda: jd.pack(path, t.state)
    yield "pack(params)", ("Dense_0", "Frozen"), lambda: jd.pack(path, t.frozen.params)
    yield (
        "pack(frozen, state)",
        ("Frozen", "state="),
        lambda: jd.pack(path, t.frozen, {"n": jnp.ones(1)}),
    )
    yield "pack(learner)", "encoded", lambda: jd.pack(path, t.learner)
    yield "pack(list)", "encoded", lambda: jd.pack(path, [1, 2])
    yield (
        "pack(description=3)",
        "description",
        lambda: jd.pack(path, t.encoded, description=3),
    )
    yield (
        "pack(description=array)",
        "description",
        lambda: jd.pack(path, t.encoded, description={"a": jnp.ones(2)}),
    )
    yield (
        "pack(activations=3)",
        "activations",
        lambda: jd.pack(path, t.encoded, activations=3),
    )
    yield "pack(path=3)", "path must be", lambda: jd.pack(3.5, t.encoded)
    (folder / "text").write_text("hello")
    for name, call in (
        ("unpack", jd.unpack),
        ("table", artifact.table),
        ("load", predictor.load),
    ):
        yield (
            f"{name}(a text file)",
            str(folder / "text"),
            lambda call=call: call(folder / "text"),
        )
    artifact.pack(folder / "plain", t.encoded)
    yield "load(not described)", "model", lambda: predictor.load(folder / "plain")
    for option in ("model", "like"):
        yield (
            f"load({option}=3)",
            option,
            lambda option=option: predictor.load(folder / "plain", **{option: 3}),
        )
    yield (
        "load(model=factory)",
        "call it",
        lambda: predictor.load(folder / "plain", model=jd.models.mlp),
    )
    yield "describe(module)", "model", lambda: jd.describe(t.module)
    yield "describe(data=3)", "data", lambda: jd.describe(t.model, data=3)
    yield (
        "describe(tokenizer=3)",
        "tokenizer",
        lambda: jd.describe(t.model, tokenizer=3),
    )
    found = predictor.load(folder / "plain", model=t.model)
    for examples in ("a", ["a", 3], [], None, {"inputs": [1.0]}, [[1.0], [1.0, 2.0]]):
        for name in ("predict", "classify"):
            yield (
                f"{name}({examples})",
                str(folder / "plain"),
                lambda name=name, x=examples: getattr(found, name)(x),
            )
    yield (
        "unpack(max_bytes=1)",
        "max_bytes",
        lambda: jd.unpack(folder / "plain", max_bytes=1),
    )
    yield (
        "unpack(max_bytes=word)",
        "max_bytes",
        lambda: jd.unpack(folder / "plain", max_bytes="all"),
    )
    yield (
        "unpack(like=other)",
        "'a'",
        lambda: jd.unpack(folder / "plain", like={"a": jnp.ones(3)}),
    )


def _reports(t: Things) -> Iterator[Row]:
    def one(**given):
        return lambda: report.row("any", t.model, t.frozen, t.split, **given)

    yield "row(realised=word)", ("realised", "masked"), one(realised="fast")
    yield "row(packed without a file)", "packed=", one(realised="packed")
    yield "row(batch_size=0)", "batch_size", one(batch_size=0)
    yield "row(teacher=Frozen)", "teacher", one(teacher=t.frozen)
    row = {"stage": "a", "realised": "dense", "accuracy": 0.5, "bytes": 3}
    for name in ("table", "html", "show", "summarize", "markdown"):
        call = getattr(report, name)
        yield f"{name}(3)", "rows", lambda call=call: call(3)
        yield f"{name}(a row)", "rows", lambda call=call: call(row)
        yield f"{name}(words)", "row", lambda call=call: call(["a"])
        no_stage = {k: v for k, v in row.items() if k != "stage"}
        yield f"{name}(no stage)", "stage", lambda call=call, r=no_stage: call([r])
        nan = {**row, "accuracy": "high"}
        yield f"{name}(accuracy)", "accuracy", lambda call=call, r=nan: call([r])
        word = {**row, "realised": "fast"}
        yield f"{name}(realised)", "realised", lambda call=call, r=word: call([r])
    yield "compare(row)", "first", lambda: report.compare(row, [row])
    yield "compare(3)", "second", lambda: report.compare([row], 3)
    yield "compare(names)", "names", lambda: report.compare([], [], names="a")
    yield "layers(3)", "encoded", lambda: report.layers(3)
    yield "layers(arrays)", "encoded['w']", lambda: report.layers({"w": np.ones(3)})
    yield "energy(process)", "process", lambda: report.energy({}, 0, process="3nm")
    yield "energy(-1)", "bytes_moved", lambda: report.energy({}, -1)
    for value in (0, -1, 2.5, "ten"):
        yield (
            f"latency(repeats={value!r})",
            "repeats",
            lambda v=value: report.latency(lambda: 0, repeats=v),
        )
    yield "latency(3)", "function", lambda: report.latency(3)
    yield (
        "paired_bootstrap(lengths)",
        "correct",
        lambda: metrics.paired_bootstrap(np.ones(3, bool), np.ones(4, bool)),
    )
    yield (
        "paired_bootstrap(samples)",
        "num_samples",
        lambda: metrics.paired_bootstrap(
            np.ones(3, bool), np.ones(3, bool), num_samples=0
        ),
    )


def _names(t: Things) -> Iterator[Row]:
    b = build.build
    yield "build(no name)", "name", lambda: b(losses, {})
    yield "build(no such)", ("'kll'", "kl"), lambda: b(losses, {"name": "kll"})
    yield (
        "build(stray)",
        ("'sparsty'", "sparsity"),
        lambda: b(compress, {"name": "magnitude", "sparsty": 0.5}),
    )
    yield "build(lacks)", "sparsity", lambda: b(compress, {"name": "magnitude"})
    yield (
        "build(twice)",
        "classes",
        lambda: b(models, {"name": "mlp", "classes": 3}, classes=3),
    )
    yield "build(word)", "name", lambda: b(losses, "kl")
    yield "build(None)", "name", lambda: b(losses, None)
    yield "build(3)", "no 3", lambda: b(losses, {"name": 3})
    yield (
        "build(kind)",
        "mlp",
        lambda: b(models, {"name": "mlp", "classes": 3}, DataSet),
    )
    yield "build(private)", "_mlp", lambda: b(models, {"name": "_mlp"})
