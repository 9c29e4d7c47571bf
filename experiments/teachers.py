"""What does each kind of teacher gain, where labels are few?

A method is a list of stages; the last one's network is what the method gives. A stage
has `terms`, and what it is of: `model` (one of `networks`, or one made of them), the
`others` that its terms read (a stage, something trained before, or a follower of the
student), `begin` (layers of another network), `augment`, `data`, and the numbers of its
run. Every figure is on the test part of a fold that nothing was trained on.
"""

import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.tools import plan, recipes
from experiments.tools.components import build
from experiments.tools.few import rows, subset
from experiments.tools.gains import gains
from experiments.tools.networks import complete
from experiments.tools.objectives import combined
from experiments.tools.optimisers import optimiser
from experiments.tools.runs import trained
from experiments.tools.training import Job
from jdistill import data, models, train, tree
from jdistill.evaluate import evaluate
from jdistill.typing import Batch, DataSet, Follower, Frozen, Learner, Model, Split

Row = dict[str, Any]
Spec = Mapping[str, Any]
NEEDS = (
    *("seeds", "batch_size", "eval_batch", "num_steps", "tx", "data", "labelled"),
    *("networks", "before", "methods", "against"),
)
STAGE = (
    *("name", "model", "terms", "others", "begin", "augment", "data", "take"),
    *("tx", "num_steps", "batch_size", "seed"),
)


class Done(NamedTuple):
    """A network that is trained, or that a plan takes for trained."""

    model: Model
    frozen: Frozen


class Stage(NamedTuple):
    """A stage, ready to run; gates of n-grams begin with rarities in `gates`."""

    spec: Spec
    model: Model
    learner: Learner
    split: Split
    frozen: Mapping[str, Frozen]
    seed: int
    gates: Batch | None = None


Train = Callable[[str, Stage, Mapping[str, Done]], Frozen]
"""`(name, stage, done) -> variables`: a run, or the shapes of what it would give."""


def run(config: Any, workdir: pathlib.Path) -> Iterator[Row]:
    """Yields a row for each network trained first, method and seed, then the gains."""
    config = planned(config)
    found: dict[str, list[float]] = {}
    shown = train.progress(stages=_runs(config))
    for seed in config["seeds"]:
        parts = recipes.dataset(config, seed)
        where = seed, pathlib.Path(workdir)
        job = Job({**config, "seed": seed}, parts, *where, progress=shown)

        def really(
            name: str, stage: Stage, done: Mapping[str, Done], job=job
        ) -> Frozen:
            return _trained(job, name, stage, done)

        teacher = None
        for name, last in _walk(config, parts, seed, really):
            teacher = last if name == "teacher" else teacher
            row = _row(job, name, last, teacher or last)
            if name in config["methods"]:
                found.setdefault(name, []).append(row["accuracy"])
            yield row
    yield from gains(found, config["against"])


def _runs(config: Spec) -> dict[str, int]:
    """How many steps each run has, in their order."""
    runs = {}
    for seed in config["seeds"]:
        own = {"teacher": config["before"]["teacher"], **config["before"]}
        for number, (name, spec) in enumerate(own.items()):
            number = 100 * seed + spec.get("seed", number)
            runs[f"{name} {number}"] = _steps(config, spec)
        for method, stages in config["methods"].items():
            for number, spec in enumerate(stages):
                name = f"{method}-{spec.get('name', number)}"
                number = 100 * seed + spec.get("seed", 0)
                runs[f"{name} {number}"] = _steps(config, spec)
    return runs


def planned(config: Any) -> dict[str, Any]:
    """The checked configuration.

    Raises:
        Mistake: something in the configuration cannot be carried out.
    """
    config = plan.plain(config, NEEDS)
    plan.sizes(config, "config")
    plan.distinct(config["seeds"], "config.seeds")
    plan.numbers(config, ("num_steps", "labelled", "eval_batch"))
    plan.methods(config["methods"], config["against"])
    plan.needs(config["before"], ("teacher",), "config.before")
    with plan.at("config.data"):
        parts = recipes.dataset(config, config["seeds"][0])
    plan.number(config["labelled"], "config.labelled", most=parts.train.size - 1)

    def shapes(name: str, stage: Stage, done: Mapping[str, Done]) -> Frozen:
        place = f"config {name!r}"
        size = stage.spec.get("batch_size", config["batch_size"])
        batch = plan.batch(stage.split, size, f"{place}.batch_size", most=2**20)
        with plan.at(place):
            start = jax.eval_shape(lambda known: _begin(stage, known), _frozen(done))
        return plan.finished(
            stage.learner,
            plan.trains(place, stage.learner, batch, stage.frozen, start),
        )

    for _ in _walk(config, parts, config["seeds"][0], shapes):
        pass
    return config


def _walk(config: Spec, parts: DataSet, seed: int, of: Train) -> Iterator[Any]:
    """The networks that are trained first, then the last one of each method."""
    done: dict[str, Done] = {}
    first = {"teacher": config["before"]["teacher"], **config["before"]}
    for number, (name, spec) in enumerate(first.items()):
        done[name] = _done(
            config, parts, name, {"seed": number, **spec}, done, seed, of
        )
        yield name, done[name]
    for method, stages in config["methods"].items():
        known, last = dict(done), None
        for number, spec in enumerate(stages):
            name = spec.get("name", str(number))
            last = _done(config, parts, f"{method}-{name}", spec, known, seed, of)
            known[name] = last
        if last is None:
            raise plan.Mistake(f"config.methods: {method!r} has no stage")
        yield method, last


def _done(config, parts, name: str, spec: Spec, done, seed: int, of: Train) -> Done:
    with plan.at(f"config {name!r}"):
        stage = _stage(config, parts, spec, done, seed)
    return _taken(config, parts, spec, Done(stage.model, of(name, stage, done)))


def _stage(config: Spec, parts: DataSet, spec: Spec, done, seed: int) -> Stage:
    plan.needs(spec, ("terms",), "the stage")
    plan.known(spec, STAGE, "the stage")
    model = _network(config, parts, spec.get("model", "student"))
    others = {n: _other(s, done) for n, s in spec.get("others", {}).items()}
    learner = train.learner(
        model,
        combined(spec["terms"]),
        optimiser(spec.get("tx", config["tx"]), num_steps=_steps(config, spec)),
        others={n: x.model if isinstance(x, Done) else x for n, x in others.items()},
        augment=_augment(spec.get("augment")),
    )
    frozen = {n: x.frozen for n, x in others.items() if isinstance(x, Done)}
    split = _split(config, parts.train, spec.get("data", {}))
    own = 100 * seed + spec.get("seed", 0)
    labelled = _split(config, parts.train, {}) if config.get("idf_gates") else None
    gates = labelled and labelled.take(np.arange(labelled.size))
    return Stage(spec, model, learner, split, frozen, own, gates)


def _steps(config: Spec, spec: Spec) -> int:
    return spec.get("num_steps", config["num_steps"])


def _trained(job: Job, name: str, stage: Stage, done: Mapping[str, Done]) -> Frozen:
    return trained(
        job.workdir / f"fold{job.fold}",
        name,
        {"stage": stage.spec, "networks": job.config["networks"]},
        stage.learner,
        stage.split,
        seed=stage.seed,
        num_steps=_steps(job.config, stage.spec),
        batch_size=stage.spec.get("batch_size", job.config["batch_size"]),
        progress=job.progress,
        frozen=stage.frozen,
        start=_begin(stage, _frozen(done)),
    )


def _network(config: Spec, parts: DataSet, spec: Any) -> Model:
    """One of the networks by its name, or a model that is made of some."""
    networks = config["networks"]
    if isinstance(spec, str):
        if spec not in networks:
            raise ValueError(f"no network {spec!r}; valid: {', '.join(networks)}")
        return build(models, complete(networks[spec], parts), Model)
    rest = dict(spec)
    of = rest.pop("of")
    if isinstance(of, str):
        made = {"student": _network(config, parts, of)}
    else:
        made = {name: _network(config, parts, one) for name, one in of.items()}
    return getattr(models, rest.pop("name"))(**made, **rest)


def _taken(config: Spec, parts: DataSet, spec: Spec, whole: Done) -> Done:
    """The part of a joint model that the method is about."""
    part = spec.get("take")
    if part is None:
        return whole
    of = spec["model"]["of"]
    model = _network(config, parts, of if isinstance(of, str) else of[part])
    params, state = (tree[part] for tree in whole.frozen)
    return Done(model, Frozen(params, state))


def _other(spec: Any, done: Mapping[str, Done]) -> Any:
    if not isinstance(spec, str):
        return build(train, spec, Follower)
    if spec not in done:
        there = ", ".join(done)
        raise ValueError(f"others: nothing is called {spec!r}; valid: {there}")
    return done[spec]


def _augment(spec: Spec | None) -> Any:
    if spec is None:
        return None
    return data.augmentations(**{n: build(data, one) for n, one in spec.items()})


def _split(config: Mapping[str, Any], whole: Split, spec: Mapping[str, Any]) -> Split:
    """The labelled examples, some of them, or all with the labels of few."""
    arrays = dict(whole.take(np.arange(whole.size)))
    arrays["half"] = (arrays["label"] >= len(whole.classes) // 2).astype(np.int32)
    few = rows({"labels": {"examples": config["labelled"]}}, whole.size)
    halved = data.in_memory(
        {n: x for n, x in arrays.items() if n != "id"},
        classes=whole.classes,
        name="a part",
    )

    def of(chosen):
        return subset(halved, chosen)

    if "only" in spec:
        return of(few & np.isin(arrays["label"], spec["only"]))
    if "share" in spec:
        return data.mixed(of(few), of(~few), share=spec["share"])
    return of(few)


def _frozen(done: Mapping[str, Done]) -> dict[str, Frozen]:
    return {name: one.frozen for name, one in done.items()}


def _begin(stage: Stage, known: Mapping[str, Frozen]) -> Frozen | None:
    spec = stage.spec.get("begin")
    if spec is None and stage.gates is None:
        return None
    batch = stage.split.take(np.arange(2))
    fresh = Frozen(*stage.model.init(jax.random.key(stage.seed), batch))
    if stage.gates is not None:
        with plan.at("config.idf_gates"):
            params = models.idf_gates(fresh.params, stage.gates)
        fresh = fresh._replace(params=params)
    if spec is None:
        return fresh
    return models.begin_with(fresh, known[spec["from"]], spec["layers"])


def _row(job: Job, stage: str, of: Done, teacher: Done) -> Row:
    parts = job.dataset
    found = evaluate(
        of.model,
        of.frozen,
        data.eval_batches(parts.test, batch_size=job.config["eval_batch"]),
        teacher=(teacher.model, teacher.frozen),
    )
    size = {"bytes": tree.num_bytes(of.frozen.params)}
    place = {"seed": job.fold, "fold": job.fold, "data": dict(parts.info)}
    return {"stage": stage, "realised": "dense", **place, **size, **found}
