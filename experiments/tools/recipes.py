"""From a configuration to the stages of the pipeline."""

import bisect
import functools
import pathlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from experiments.tools import plan
from experiments.tools.components import build
from experiments.tools.networks import BESIDE, TEACHERS, complete, network, reads, taken
from experiments.tools.optimisers import optimiser
from jdistill import (
    artifact,
    compress,
    data,
    losses,
    models,
    objective,
    ops,
    schedules,
    train,
)
from jdistill.data import eval_batches
from jdistill.predictor import describe
from jdistill.typing import Compression, DataSet, Learner, Model, Objective

Spec = Mapping[str, Any]

SHARES = 256  # in how many steps a student shrinks to a file's size


class Stage(NamedTuple):
    """One training run.

    * `spec`: the model's configuration, complete.
    * `start`: the stage whose parameters it starts from; fresh ones for None.
    * `taught`: the stage that it learns from, None for labels alone.
    * `plain`: for a model with int8 activations, the model without.
    * `learns`: for a stage of the configuration's objective, its learner with another.
    """

    name: str
    spec: Spec
    model: Model
    learner: Learner
    num_steps: int
    realised: str = "dense"
    start: str | None = None
    taught: str | None = None
    plain: Model | None = None
    learns: Callable[[Objective], Learner] | None = None


def dataset(config: Spec, fold: int) -> DataSet:
    """The data of one fold.

    Raises:
        ValueError: the data have no such fold, or labels that are no classes.
    """
    spec = dict(config["data"])
    extra = {"fold": fold}
    if prepare := spec.pop("prepare", None):
        extra["prepare"] = _prepare(config, build(data, prepare))
    extra = taken(data, spec, extra)
    if fold and "fold" not in extra:
        raise ValueError(f"{spec['name']} has no folds but 0")
    return _classified(spec["name"], build(data, spec, DataSet, **extra))


def _prepare(config: Spec, own: Any) -> Any:
    """How texts become inputs, of all networks that read in a way of their own."""
    others = {}
    for name in (name for name in TEACHERS if reads(config, name)):
        with plan.at(f"config.{name}.prepare"):
            others[name] = build(data, config[name]["prepare"])
    return data.beside(own, **others) if others else own


def _classified(name: str, parts: DataSet) -> DataSet:
    """The data, whose labels figures can be made of."""
    one = parts.test.take(np.arange(1))
    if not np.issubdtype(one["label"].dtype, np.integer):
        raise ValueError(f"{name}: figures need one class for each label")
    if "label_mask" in one:
        whole = parts.test.take(np.arange(parts.test.size))
        if not np.any(whole["label_mask"]):
            raise ValueError(f"{name}: no example of the test part has a label")
    return parts


def examples(config: Spec, fold: int) -> dict[str, int]:
    """How many examples each part of a fold has, without preparing texts."""
    spec = config["data"]
    if spec["name"] == "stdlib_docs":
        folds = {"num_folds": spec["num_folds"]} if "num_folds" in spec else {}
        texts = data.stdlib_texts(fold=fold, **folds)
        return {name: len(part.texts) for name, part in texts._asdict().items()}
    parts = dataset(config, fold)
    return {name: getattr(parts, name).size for name in ("train", "valid", "test")}


def mesh(config: Spec) -> Mesh | None:
    """The devices that `config.devices` asks for; None for the default one."""
    wanted, there = config.get("devices", 1), jax.devices()
    if not 1 <= wanted <= len(there):
        raise ValueError(f"config.devices is {wanted}; there are {len(there)}")
    return None if wanted == 1 else train.data_mesh(there[:wanted])


def stages(config: Spec, parts: DataSet) -> dict[str, Stage]:
    """The stages up to the quantised student, in the order they are trained."""
    hard = objective.combine(ce=objective.on_labels(losses.cross_entropy))
    with plan.at("config.objective"):
        soft = goal(config["objective"])
    names = ("teacher", *(name for name in BESIDE if name in config), "student")
    spec, nets = {}, {}
    for name in names:
        spec[name], nets[name] = network(config, name, parts)
    student = nets["student"]
    rounded = models.simulate_int8(student)
    with plan.at("config.pruned.compression"):
        prune = _pruner(config["pruned"]["compression"])
        keep = _keeper(config["pruned"]["compression"])
    with plan.at("config.quantised.compression"):
        both = compress.chain(keep, build(compress, config["quantised"]["compression"]))
    _check(parts, nets, (prune, both))

    def stage(name, model, by, *, spec, compression=None, **how):
        run = config[name]
        with plan.at(f"config.{name}"):
            tx = optimiser(run["tx"], num_steps=run["num_steps"])
        learns = functools.partial(
            train.learner,
            model,
            tx=tx,
            teacher=nets.get(how.get("taught")),
            compression=compression,
        )
        if by is soft:
            how["learns"] = learns
        return Stage(name, spec, model, learns(by), run["num_steps"], **how)

    found = [stage(name, nets[name], hard, spec=spec[name]) for name in names]
    own = {"spec": spec["student"]}
    taught = {**own, "taught": "teacher", "realised": "masked"}
    if "distilled_own" in config:
        found.append(stage("distilled_own", student, soft, **own, taught="teacher_own"))
    found += [
        stage("distilled", student, soft, **own, taught="teacher"),
        stage("pruned", student, soft, compression=prune, start="distilled", **taught),
        stage(
            "quantised",
            rounded,
            soft,
            compression=both,
            start="pruned",
            plain=student,
            **taught,
        ),
    ]
    return {s.name: s for s in found}


def goal(spec: Spec) -> Objective:
    """The objective of all that a teacher teaches."""
    return build(objective, spec, Objective)


def equal_bytes(config: Spec, parts: DataSet, budget: int) -> Stage:
    """The largest int8 student on labels alone whose file is within the budget.

    `config.equal_bytes.scale` names the sizes that shrink together.
    """
    quantise = build(compress, config["quantised"]["compression"])

    def size(share: int) -> int:
        spec = shrunk(config, parts, share)
        return _file_size(spec, quantise, parts, description(config, parts, spec))

    fits = bisect.bisect_right(range(1, SHARES + 1), budget, key=size)
    return alone(config, shrunk(config, parts, max(1, fits)))


def shrunk(config: Spec, parts: DataSet, share: int) -> dict[str, Any]:
    """The student's configuration with sizes of so many of 256 parts."""
    whole = complete(config["student"]["model"], parts)
    scale = config["equal_bytes"]["scale"]
    return {**whole, **{key: _shrink(whole[key], share / SHARES) for key in scale}}


def alone(config: Spec, spec: Spec) -> Stage:
    """An int8 student of this configuration that learns from labels alone."""
    run, model = config["equal_bytes"], build(models, spec, Model)
    quantise = build(compress, config["quantised"]["compression"])
    hard = objective.combine(ce=objective.on_labels(losses.cross_entropy))
    tx = optimiser(run["tx"], num_steps=run["num_steps"])
    learner = train.learner(model, hard, tx, compression=quantise)
    return Stage("equal_bytes", spec, model, learner, run["num_steps"], "packed")


def description(config: Spec, parts: DataSet, spec: Spec) -> dict[str, Any]:
    """What a file says of itself, enough to predict with it."""
    told = describe(build(models, spec, Model), data=parts)
    return {**told, "data": config["data"]["name"]}


def _check(
    parts: DataSet, nets: Mapping[str, Model], compressions: Sequence[Compression]
) -> None:
    """Finds now what would else be found after the teacher is trained."""
    batch, key = next(iter(eval_batches(parts.train, batch_size=2))), jax.random.key(0)

    def start(model):
        params, state = model.init(key, batch)
        return params, model.apply(params, state, batch, train=False)[0].logits

    shapes = {}
    for name, model in nets.items():
        with plan.at(f"config.{name}.model"):
            shapes[name] = jax.eval_shape(lambda model=model: start(model))
    classes = {name: logits.shape[-1] for name, (_, logits) in shapes.items()}
    for name, found in classes.items():
        if found != len(parts.train.classes):
            every = ", ".join(f"the {n} {c}" for n, c in classes.items())
            raise ValueError(
                f"config.{name}.model: the data have {len(parts.train.classes)} "
                f"classes, {every}"
            )

    def compressed(compression):
        params, state = nets["student"].init(key, batch)
        found = products(nets["student"], params, state, batch)
        return compression.init(params, key=key, products=found)

    for name, compression in zip(("pruned", "quantised"), compressions, strict=True):
        with plan.at(f"config.{name}.compression"):
            jax.eval_shape(lambda c=compression: compressed(c))


def _shrink(size: Any, share: float) -> Any:
    if isinstance(size, int):
        return max(1, round(size * share))
    return tuple(max(1, round(width * share)) for width in size)


def _file_size(
    spec: Spec, compression: Compression, parts: DataSet, description: Spec
) -> int:
    """The bytes of a dense int8 file: a code an element, a step size a channel."""
    batch = next(iter(eval_batches(parts.train, batch_size=2)))
    model, key = build(models, spec, Model), jax.random.key(0)

    def untrained():
        params, state = model.init(key, batch)
        learned, compressed = compression.init(
            params, key=key, products=products(model, params, state, batch)
        )
        return compression.encode(params, learned, compressed), state

    # Codes take the same bytes whatever they are, so nothing is computed.
    encoded, state = jax.tree.map(
        lambda x: np.ones(x.shape, x.dtype), jax.eval_shape(untrained)
    )
    with tempfile.TemporaryDirectory() as folder:
        return artifact.pack(
            pathlib.Path(folder) / "size", encoded, state, description=description
        )


def products(model: Model, params: Any, state: Any, batch: Any) -> dict[str, ops.Use]:
    """How the model's products read each weight."""

    def logits(params, batch):
        return model.apply(params, state, batch, train=False)[0].logits

    return ops.uses(logits, params, batch)


def _pruner(spec: Spec) -> Compression:
    return build(compress, {**spec, "sparsity": build(schedules, spec["sparsity"])})


def _keeper(spec: Spec) -> Compression:
    """The pruner at the sparsity that its schedule ends with."""
    return build(compress, {**spec, "sparsity": spec["sparsity"]["target"]})
