"""What does each kind of teacher gain, where labels are few?

A method is a list of stages; the last one's network is what the method gives. A stage
has `terms`, and what it is of: `model` (one of `networks`, or one made of them), the
`others` that its terms read (a stage, something trained before, or a follower of the
student), `begin` (layers of another network), `augment`, `data`, and the numbers of its
run. Every figure is on the test part of a fold that nothing was trained on.
"""

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments import figures, recipes
from experiments.losses import gains
from experiments.objectives import combined
from experiments.optimisers import optimiser
from experiments.runs import trained
from experiments.training import Job
from jdistill import data, models, train
from jdistill.build import build
from jdistill.typing import Frozen, Model, Split

Row = dict[str, Any]
FOLLOWERS = ("follow_mean",)


class Done(NamedTuple):
    """A network that is trained."""

    model: Model
    frozen: Frozen


def run(config: Any, workdir: pathlib.Path) -> Iterator[Row]:
    """Yields a row for each network trained first, method and seed, then the gains."""
    config = config.to_dict() if hasattr(config, "to_dict") else dict(config)
    found: dict[str, list[float]] = {}
    for seed in config["seeds"]:
        parts = recipes.dataset(config, seed)
        job = Job({**config, "seed": seed}, parts, seed, pathlib.Path(workdir))
        done: dict[str, Done] = {}
        first = {"teacher": config["before"]["teacher"], **config["before"]}
        for number, (name, spec) in enumerate(first.items()):
            done[name] = _stage(job, name, {"seed": number, **spec}, done)
            yield _row(job, name, done[name], done["teacher"])
        for method, stages in config["methods"].items():
            last = _method(job, method, stages, done)
            row = _row(job, method, last, done["teacher"])
            found.setdefault(method, []).append(row["accuracy"])
            yield row
    yield from gains(found, config["against"])


def _method(job: Job, method: str, stages: Any, done: Mapping[str, Done]) -> Done:
    known, last = dict(done), None
    for number, spec in enumerate(stages):
        name = spec.get("name", str(number))
        last = _stage(job, f"{method}-{name}", spec, known)
        known[name] = last
    if last is None:
        raise ValueError(f"config.methods: {method!r} has no stage")
    return last


def _stage(job: Job, name: str, spec: Mapping[str, Any], done: Mapping[str, Done]):
    config = job.config
    model = _network(job, spec.get("model", "student"))
    others = {n: _other(s, done) for n, s in spec.get("others", {}).items()}
    steps = spec.get("num_steps", config["num_steps"])
    learner = train.learner(
        model,
        combined(spec["terms"]),
        optimiser(spec.get("tx", config["tx"]), num_steps=steps),
        others={n: x.model if isinstance(x, Done) else x for n, x in others.items()},
        augment=_augment(spec.get("augment")),
    )
    split = _split(config, job.dataset.train, spec.get("data", {}))
    seed = 100 * job.fold + spec.get("seed", 0)
    frozen = trained(
        job.workdir / f"fold{job.fold}" / name,
        learner,
        split,
        seed=seed,
        num_steps=steps,
        batch_size=spec.get("batch_size", config["batch_size"]),
        frozen={n: x.frozen for n, x in others.items() if isinstance(x, Done)},
        start=_begin(model, split, spec.get("begin"), done, seed),
    )
    return _taken(job, spec, Done(model, frozen))


def _network(job: Job, spec: Any) -> Model:
    """One of the networks by its name, or a model that is made of some."""
    networks = job.config["networks"]
    if isinstance(spec, str):
        if spec not in networks:
            raise ValueError(f"no network {spec!r}; valid: {', '.join(networks)}")
        return build(models, recipes.complete(networks[spec], job.dataset))
    rest = dict(spec)
    of, name = rest.pop("of"), rest.pop("name")
    if isinstance(of, str):
        return getattr(models, name)(_network(job, of), **rest)
    return getattr(models, name)(**{n: _network(job, x) for n, x in of.items()}, **rest)


def _taken(job: Job, spec: Mapping[str, Any], whole: Done) -> Done:
    """The part of a joint model that the method is about."""
    part = spec.get("take")
    if part is None:
        return whole
    of = spec["model"]["of"]
    model = _network(job, of if isinstance(of, str) else of[part])
    params, state = (tree[part] for tree in whole.frozen)
    return Done(model, Frozen(params, state))


def _other(spec: Any, done: Mapping[str, Done]) -> Any:
    if not isinstance(spec, str):
        return build(train, spec)
    if spec not in done:
        raise ValueError(
            f"others: nothing is called {spec!r}; valid: {', '.join(done)}"
        )
    return done[spec]


def _augment(spec: Mapping[str, Any] | None) -> Any:
    if spec is None:
        return None
    return data.augmentations(**{n: build(data, one) for n, one in spec.items()})


def _split(config: Mapping[str, Any], whole: Split, spec: Mapping[str, Any]) -> Split:
    """The labelled examples, some of them, or all with the labels of few."""
    arrays = dict(whole.take(np.arange(whole.size)))
    arrays["half"] = (arrays["label"] >= len(whole.classes) // 2).astype(np.int32)
    few = np.arange(whole.size) < config["labelled"]  # the order is that of a hash

    def of(rows):
        chosen = {n: x[rows] for n, x in arrays.items() if n != "id"}
        return data.in_memory(chosen, classes=whole.classes, name="labelled")

    if "only" in spec:
        return of(few & np.isin(arrays["label"], spec["only"]))
    if "share" in spec:
        return data.mixed(of(few), of(~few), share=spec["share"])
    return of(few)


def _begin(model, split, spec, done: Mapping[str, Done], seed: int) -> Frozen | None:
    if spec is None:
        return None
    fresh = Frozen(*model.init(jax.random.key(seed), split.take(np.arange(2))))
    return models.begin_with(fresh, _other(spec["from"], done).frozen, spec["layers"])


def _row(job: Job, stage: str, of: Done, teacher: Done) -> Row:
    found = figures.of(job, of.model, of.frozen, (teacher.model, teacher.frozen))
    size = {"bytes": figures.float_bytes(of.frozen)}
    place = {"seed": job.fold, "fold": job.fold}
    return {"stage": stage, "realised": "dense", **place, **size, **found.row}
