"""From a configuration to the stages of the pipeline."""

import bisect
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from experiments.tools import plan
from experiments.tools.components import build
from experiments.tools.networks import complete, network, reads, taken
from experiments.tools.sections import last, owner, owners
from experiments.tools.stages import Stage, keeper, made, whole
from jdistill import (
    artifact,
    data,
    models,
    objective,
    ops,
    train,
)
from jdistill.data import eval_batches
from jdistill.predictor import describe
from jdistill.typing import Compression, DataSet, Model, Objective

Spec = Mapping[str, Any]

SHARES = 256  # in how many steps a student shrinks to a file's size


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
    others, stages = {}, config.get("stages", ("teacher",))
    for name in (name for name in stages if reads(config, name)):
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
    """The stages that `config.stages` names, in the order they are trained."""
    soft = None
    if "objective" in config:
        with plan.at("config.objective"):
            soft = goal(config["objective"])
    spec, nets = {}, {}
    for name in owners(config):
        spec[name], nets[name] = network(config, name, parts)
    found, kept = {}, {}
    for name in config["stages"]:
        section = config[name]
        before = kept.get(section.get("begin"), ())
        own, teacher = owner(config, name), found.get(section.get("teacher"))
        with plan.at(f"config.{name}.compression"):
            whole(section, before)
            cut = [keeper(section["compression"])] if "compression" in section else []
        with plan.at(f"config.{name}"):
            found[name] = made(
                *(name, section),
                model=nets[own],
                of=spec[own],
                teacher=teacher and teacher.model,
                soft=soft,
                kept=before,
            )
        kept[name] = (*before, *cut)
    _check(config, parts, nets, kept)
    return found


def goal(spec: Spec) -> Objective:
    """The objective of all that a teacher teaches."""
    return build(objective, spec, Objective)


def equal_bytes(config: Spec, parts: DataSet, budget: int) -> Stage:
    """The largest int8 student on labels alone whose file is within the budget.

    `config.equal_bytes.scale` names the sizes that shrink together.
    """
    quantise = keeper(config[last(config)]["compression"])

    def size(share: int) -> int:
        spec = shrunk(config, parts, share)
        return _file_size(spec, quantise, parts, description(config, parts, spec))

    fits = bisect.bisect_right(range(1, SHARES + 1), budget, key=size)
    return alone(config, shrunk(config, parts, max(1, fits)))


def shrunk(config: Spec, parts: DataSet, share: int) -> dict[str, Any]:
    """The packed network's configuration with sizes of so many of 256 parts."""
    whole = complete(config[owner(config, last(config))]["model"], parts)
    scale = config["equal_bytes"]["scale"]
    return {**whole, **{key: _shrink(whole[key], share / SHARES) for key in scale}}


def alone(config: Spec, spec: Spec) -> Stage:
    """A student of this configuration, on labels alone, in the form of the packed."""
    compression = config[last(config)]["compression"]
    section = {**config["equal_bytes"], "compression": compression}
    stage = made("equal_bytes", section, model=build(models, spec, Model), of=spec)
    return stage._replace(realised="packed")


def description(config: Spec, parts: DataSet, spec: Spec) -> dict[str, Any]:
    """What a file says of itself, enough to predict with it."""
    told = describe(build(models, spec, Model), data=parts)
    return {**told, "data": config["data"]["name"]}


def _check(
    config: Spec, parts: DataSet, nets: Mapping[str, Model], kept: Mapping[str, Any]
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

    def compressed(model, compression):
        params, state = model.init(key, batch)
        found = products(model, params, state, batch)
        return compression.init(params, key=key, products=found)

    for name in (name for name in config["stages"] if "compression" in config[name]):
        own = nets[owner(config, name)]
        before = kept.get(config[name].get("begin"), ())
        with plan.at(f"config.{name}.compression"):
            both = whole(config[name], before)
            jax.eval_shape(lambda m=own, c=both: compressed(m, c))


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
