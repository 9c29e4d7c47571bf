"""Goes through a whole experiment with shapes alone, before anything is trained."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from experiments.tools import few, plan, recipes, sections
from experiments.tools.networks import complete, gated
from experiments.tools.optimisers import optimiser
from experiments.tools.stages import Stage
from jdistill import data, ops
from jdistill.typing import DataSet, Frozen, Outputs

PERIODS = ("batch_size", "eval_batch", "eval_every", "save_every")
PIPELINE = ("seed", "folds", "data", "stages", "comparisons", *PERIODS)


def pipeline(config: Any) -> tuple[dict, Mesh | None, few.Few, dict[str, Stage]]:
    """The checked configuration, the devices, the first fold's data, the stages.

    Raises:
        Mistake: something in the configuration cannot be carried out.
    """
    config = plan.plain(config, PIPELINE)
    plan.sizes(config, "config")
    plan.number(config["seed"], "config.seed", least=0)
    plan.distinct(config["folds"], "config.folds")
    sections.check(config)
    with plan.at("config.devices"):
        mesh = recipes.mesh(config)
    first = few.parted(config, folds(config, config["folds"]))
    parts, transfer = first
    stages = recipes.stages(config, parts)
    shapes = wider = batches(config, parts)
    if transfer is not None:
        wider = plan.batch(transfer, config["batch_size"], "config.labels")
    states: dict[str, Any] = {}
    teachers: dict[str, Frozen] = {}
    for name, stage in stages.items():
        frozen = teachers[stage.taught] if stage.taught else None
        start = None
        if stage.start is not None:
            before = states[stage.start]
            start = Frozen(before.params, before.model_state)
            start = sections.unrounded(config, stage.start, start)
        if stage.plain is not None:
            start = _observed(stage, start, shapes)
        states[name] = plan.trains(
            f"config.{name}",
            stage.learner,
            wider if stage.taught else shapes,
            frozen,
            start,
        )
        if name in (other.taught for other in stages.values()):
            teachers[name] = plan.finished(stage.learner, states[name])
    _equal_bytes(config, parts, shapes)
    if config.get("idf_gates") and not any(gated(s.params) for s in states.values()):
        raise plan.Mistake("config.idf_gates: no network has gates")
    return config, mesh, first, stages


def _observed(stage: Stage, before: Frozen, shapes: Any) -> Frozen:
    """The shapes of what an int8 stage starts from: a scale for each product."""

    def scales(params, state, batch):
        def forward(params, state, batch):
            return stage.plain.apply(params, state, batch, train=False)[0].logits

        observe = ops.observe(forward, statistics=(ops.ranges,))
        return ops.activation_scales(observe(params, state, batch)[1])

    with plan.at(f"config.{stage.name}"):
        found = jax.eval_shape(scales, before.params, before.state, shapes)
        state = {"model": before.state, "activations": found}
        return Frozen(before.params, state)


def folds(config: Mapping[str, Any], wanted: Any, place: str = "config.data"):
    """The data of the first fold, once every fold is known to have examples.

    Raises:
        Mistake: there is no such data set or fold, or a part of one is empty.
    """
    plan.needs(config["data"], ("name",), place)
    for fold in wanted:
        with plan.at(place):
            empty = [
                n for n, size in recipes.examples(config, fold).items() if not size
            ]
            if empty:
                raise plan.Mistake(f"{place}: fold {fold} has no {empty[0]} examples")
    with plan.at(place):
        return recipes.dataset(config, wanted[0])


def batches(config: Mapping[str, Any], parts: DataSet) -> Any:
    """The shapes of a batch, once those of training and evaluation can be made."""
    plan.numbers(config, PERIODS)
    size = parts.train.size
    plan.batch(
        parts.test, config["eval_batch"], "config.eval_batch", most=max(1024, size)
    )
    return plan.batch(parts.train, config["batch_size"], "config.batch_size", most=size)


def _equal_bytes(config: Mapping[str, Any], parts: DataSet, shapes: Any) -> None:
    """The smallest student that could be as large as the file."""
    if "equal_bytes" not in config:
        return
    place = "config.equal_bytes"
    plan.needs(config["equal_bytes"], ("num_steps", "tx", "scale"), place)
    with plan.at(place):
        scale = config["equal_bytes"]["scale"]
        packed = sections.owner(config, sections.last(config))
        whole = complete(config[packed]["model"], parts)
        plan.names(scale, [k for k, v in whole.items() if k != "name"], place)
        if isinstance(scale, str) or not scale:
            raise plan.Mistake(f"{place}.scale must name sizes, got {scale!r}")
        stage = recipes.alone(config, recipes.shrunk(config, parts, 1))
    plan.trains(place, stage.learner, shapes)


LOSSES = (
    *("seeds", "num_steps", "tx", "data", "teacher", "student", "methods", "against"),
    *PERIODS,
)


def losses(config: Any, make: Any, networks: Any) -> dict[str, Any]:
    """The checked configuration of a comparison of losses.

    Args:
        config: of `experiments.losses`.
        make: `(config, name, spec, nets, learned) -> Stage`.
        networks: `(config, parts) -> nets`.

    Raises:
        Mistake: something in the configuration cannot be carried out.
    """
    config = plan.plain(config, LOSSES)
    plan.sizes(config, "config")
    plan.distinct(config["seeds"], "config.seeds")
    plan.needs(config["teacher"], ("model", "terms"), "config.teacher")
    plan.needs(config["student"], ("model",), "config.student")
    plan.methods(config["methods"], config["against"])
    parts = folds(config, config["seeds"])
    shapes = batches(config, parts)
    nets = networks(config, parts)
    stage = _made(make, config, "teacher", config["teacher"], nets, {})
    state = plan.trains("config.teacher", stage.learner, shapes)
    teacher = plan.finished(stage.learner, state)
    for method, stages in config["methods"].items():
        _method(make, config, method, stages, nets, shapes, teacher)
        jax.clear_caches()
    return config


def _method(make, config, method, stages, nets, shapes, teacher) -> None:
    place, learned = f"config.methods[{method!r}]", {}
    if not isinstance(stages, list | tuple) or not stages:
        raise plan.Mistake(f"{place} must be a list of stages, got {stages!r}")
    for number, spec in enumerate(stages):
        here = f"{place}[{number}]"
        plan.needs(spec, ("terms",), here)
        plan.known(spec, ("name", "terms", "num_steps", "tx", "frozen"), here)
        name = spec.get("name", str(number))
        if name in learned:
            raise plan.Mistake(f"{place} has two stages {name!r}")
        stage = _made(make, config, here, spec, nets, learned)
        state = plan.trains(here, stage.learner, shapes, teacher)
        # Zeros for what will have been learned: later stages read its shapes.
        learned[name] = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), state.aux)


def _made(make, config, place, spec, nets, learned) -> Stage:
    with plan.at(place if "." in place else f"config.{place}"):
        plan.needs(spec["terms"], (), "its terms")
        if not spec["terms"]:
            raise plan.Mistake(f"{place} has no terms")
        return make(config, place, spec, nets, learned)


HINTON = (
    *("seeds", "batch_size", "data", "teacher", "student", "objective"),
    "temperatures",
)
NETS = {
    "teacher": ("widths", "dropout", "input_dropout", "pixels", "epochs", "tx"),
    "student": ("widths", "epochs", "tx"),
    "temperatures": ("units", "values", "epochs", "tx"),
}


def hinton2015(config: Any, joined: Any, makers: Mapping[str, Any]):
    """The checked configuration of Hinton's experiments, with their images.

    Args:
        config: of `experiments.hinton2015`.
        joined: `(parts, examples) -> Split` of what is learned from.
        makers: `(config, num_steps) -> (model, learner)` by section.

    Raises:
        Mistake: something in the configuration cannot be carried out.
    """
    config = plan.plain(config, HINTON)
    plan.sizes(config, "config")
    plan.distinct(config["seeds"], "config.seeds")
    plan.number(config["batch_size"], "config.batch_size")
    plan.needs(config["objective"], ("temperature", "alpha"), "config.objective")
    _hinton_nets(config)
    plan.needs(config["data"], ("dataset",), "config.data")
    examples = config["data"].get("examples")
    if examples is not None:
        plan.number(examples, "config.data.examples", least=100)
    with plan.at("config.data"):
        parts = data.tfds(config["data"]["dataset"])
        whole = joined(parts, examples)
    size = config["batch_size"]
    # The smallest of the transfer sets has two classes of ten.
    shapes = plan.batch(whole, size, "config.batch_size", most=whole.size // 10)
    logits = jax.ShapeDtypeStruct((size, 10), np.float32)
    taught = {"outputs": {"teacher": Outputs(logits)}}
    for name, make in makers.items():
        place = f"config.{name}"
        with plan.at(place):
            _, learner = make(config, 1000)
        plan.trains(place, learner, {**shapes, **(taught if name != "teacher" else {})})
    return config, whole, parts.test


def _hinton_nets(config: Mapping[str, Any]) -> None:
    for name, keys in NETS.items():
        spec, place = config[name], f"config.{name}"
        plan.needs(spec, keys, place)
        plan.known(spec, (*keys, "longer", "moved"), place)
        plan.numbers(spec, ("epochs",), place)
        with plan.at(f"{place}.tx"):
            optimiser(spec["tx"], num_steps=1000)
        if spec.get("longer"):
            plan.distinct(spec["longer"], f"{place}.longer", least=1)
        for pair in spec.get("moved", ()):
            plan.distinct(pair, f"{place}.moved", least=1)
    plan.number(config["teacher"]["pixels"], "config.teacher.pixels", least=0, most=27)
    plan.distinct(config["temperatures"]["units"], "config.temperatures.units", least=1)
    for value in config["temperatures"]["values"]:
        if not value > 0:
            raise plan.Mistake(f"config.temperatures.values must be above 0: {value}")
