"""What a student learns where the teacher itself wrote all that there is to learn.

The texts are drawn from the teacher, so its distribution is the truth, and divergences
from it are exact in each place: `kl` of the student from the teacher on texts of the
teacher's, `kl_reverse` of the teacher from the student on texts of the student's, each
a sum over the vocabulary, and a mean over the places that texts reach. All methods go
on from one student of a size and seed, which has read some of the texts. A row for
each size, method and seed.
"""

import functools
import pathlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from experiments.tools import plan
from experiments.tools.objectives import combined
from experiments.tools.optimisers import optimiser
from experiments.tools.rows import read_rows
from experiments.tools.runs import trained
from experiments.tools.worlds import OWN, World, made, read, split_of, wrote
from jdistill import data, language, metrics, models, report, train, tree
from jdistill.build import build
from jdistill.evaluate import evaluate
from jdistill.typing import Frozen, Learner, Model, Split

IDENTITY = ("model", "size")
NEEDS = (
    *("name", "seeds", "teacher", "begin", "context", "train_rows", "test_rows"),
    *("batch_size", "eval_batch", "num_steps", "tx", "students", "first", "methods"),
)
METHOD = ("terms", "num_steps", "share", "every", "keep", "cache", "renormalized")
KNOWN = ("stage", "size", "seed")
FIRST = "first"
"""What each student learns before it goes on by each method."""


class Job(NamedTuple):
    """One size of student in the world of a seed."""

    config: Mapping[str, Any]
    world: World
    size: str
    seed: int
    folder: pathlib.Path
    progress: train.Progress | None = None

    def student(self) -> models.Pretrained:
        """The network, with no variables yet."""
        teacher, sizes = self.world.teacher.config, self.config["students"][self.size]
        steps = self.config["context"] + 1
        config = models.DecoderConfig(vocab=teacher.vocab, max_steps=steps, **sizes)
        return models.Pretrained(models.decoder(config), Frozen({}), config)


FIGURES = report.named("kl", "bits_per_byte", "perplexity", "agreement", "accuracy")


def run(config: Any, workdir: pathlib.Path) -> Iterator[dict[str, Any]]:
    """Yields a row for each seed, student and method, and one of the teacher."""
    config = planned(config)
    methods = _methods(config)
    with plan.at("config.teacher"):
        teacher = read(config["teacher"])
    rows = read_rows(pathlib.Path(workdir) / "rows.jsonl")
    there = {tuple(row.get(key) for key in KNOWN) for row in rows}
    shown = train.progress(stages=_runs(config, there))
    for seed in config["seeds"]:
        wanted = {(name, size, seed) for size in config["students"] for name in methods}
        if wanted <= there:
            continue
        world = made(config, teacher, seed)
        yield _place(config, "teacher", teacher, seed) | _figures(
            config, world, teacher.model, teacher.frozen, seed
        )
        for size in config["students"]:
            folder = pathlib.Path(workdir) / f"seed{seed}"
            job = Job(config, world, size, seed, folder, shown)
            yield from _students(job, wanted - there)


def _runs(config: Mapping[str, Any], there: Collection[tuple]) -> dict[str, int]:
    """How many steps each run has whose row is not there, in their order.

    The first of each size is taken up again where any of its seed is left.
    """
    methods = _methods(config)
    runs: dict[str, int] = {}
    for seed in config["seeds"]:
        sizes = {s: [n for n in methods if (n, s, seed) not in there]
                 for s in config["students"]}  # fmt: skip
        for size, left in sizes.items() if any(sizes.values()) else ():
            for name in methods:
                if name in {FIRST, *left}:
                    steps = methods[name].get("num_steps", config["num_steps"])
                    runs[f"{size}-{name} {seed}"] = steps
    return runs


def _students(job: Job, wanted: Collection[tuple]) -> Iterator[dict[str, Any]]:
    """A row for each method whose row is not there."""
    config, student, start = job.config, job.student(), None
    for name, method in _methods(config).items():
        if start is not None and (name, job.size, job.seed) not in wanted:
            continue
        with plan.at(f"config.methods[{name!r}]"):
            frozen, more = _trained(job, student.model, name, method, start)
        start = frozen if start is None else start
        one = student._replace(frozen=frozen)
        place = _place(config, name, one, job.seed) | {"size": job.size} | more
        yield place | _figures(config, job.world, one.model, frozen, job.seed)


def _methods(config: Mapping[str, Any]) -> dict[str, Any]:
    return {FIRST: config["first"], **config["methods"]}


def planned(config: Any) -> dict[str, Any]:
    """The checked configuration.

    Raises:
        Mistake: something in the configuration cannot be carried out.
    """
    config = plan.plain(config, NEEDS)
    plan.sizes(config, "config")
    plan.distinct(config["seeds"], "config.seeds")
    sizes = ("context", "train_rows", "test_rows", "batch_size", "eval_batch")
    plan.numbers(config, (*sizes, "num_steps"))
    plan.methods(config["methods"], ())
    for name, method in _methods(config).items():
        place = f"config.methods[{name!r}]"
        plan.needs(method, ("terms",), place)
        plan.known(method, METHOD, place)
        with plan.at(place):
            combined(method["terms"])
            if "cache" in method and "share" in method:
                raise ValueError("what the student will write has no cache")
            if "cache" in method:
                build(data, method["cache"])
    with plan.at("config.tx"):
        optimiser(config["tx"], num_steps=config["num_steps"])
    return config


def _trained(job: Job, student: Model, name: str, method, start: Frozen | None):
    config, world = job.config, job.world
    steps = method.get("num_steps", config["num_steps"])
    split, more = taught(job, method)
    frozen = trained(
        job.folder,
        f"{job.size}-{name}",
        {**config, "methods": {name: method}, "seeds": [job.seed]},
        _learner(config, world, student, method, steps),
        split,
        seed=job.seed,
        num_steps=steps,
        batch_size=config["batch_size"],
        progress=job.progress,
        frozen=world.teacher.frozen,
        start=start,
    )
    return frozen, {"tokens": steps * config["batch_size"] * config["context"], **more}


def _learner(config, world: World, student: Model, method, steps: int) -> Learner:
    recipe = train.learner(
        student,
        combined(method["terms"]),
        optimiser(config["tx"], num_steps=steps),
        teacher=world.teacher.model,
    )
    own = {key: method[key] for key in ("share", "every", "keep") if key in method}
    return language.on_policy(recipe, student, **own) if own else recipe


def taught(job: Job, method: Mapping[str, Any]) -> tuple[Split, dict[str, Any]]:
    """The rows to learn from, with what a cache keeps of the teacher where asked.

    Args:
        job: where the method is tried.
        method: with `cache`, a rule of `data` by name, and `renormalized`.

    Returns:
        The rows, and of a cache `bytes_per_token` and the `mass` that it kept.
    """
    rows, teacher = job.world.train, job.world.teacher
    if "cache" not in method:
        return rows, {}
    targets = build(data, method["cache"])
    place = job.folder / "-".join(map(str, ["cache", *targets.info.values()]))
    facts = {"tokenizer": "the teacher's", "bos": "document"}
    data.cache_tokens(
        *(place, rows, teacher.model, teacher.frozen),
        targets=targets,
        seed=job.seed,
        shard_size=1024,
        batch_size=job.config["batch_size"],
        **facts,
    )
    cache = data.open_tokens(place)
    more = {"bytes_per_token": cache.num_bytes / cache.size, "mass": cache.mass}
    if method.get("renormalized"):
        cache = data.renormalized(cache)
    return data.cached_tokens(rows, cache, variables=teacher.frozen, **facts), more


MEASURED = {
    "nll": metrics.nll(),
    "perplexity": metrics.perplexity(),
    "bits_per_byte": metrics.bits_per_byte(),
    "accuracy": metrics.accuracy(),
    "ece": metrics.ece(),
    "kl": metrics.kl_to_teacher(),
    "agreement": metrics.agreement(),
    "acceptance": metrics.acceptance(),
}
BACK = {"kl_reverse": MEASURED["kl"], "acceptance_own": MEASURED["acceptance"]}
"""On the student's texts, where it takes the teacher's place and the teacher its."""


def _figures(config, world: World, student: Model, frozen: Frozen, seed: int):
    """On texts of the teacher's, and on as many of the student's own."""
    size, true = config["eval_batch"], (world.teacher.model, world.teacher.frozen)
    of = functools.partial(data.eval_batches, batch_size=size)
    row = evaluate(student, frozen, of(world.test), metrics=MEASURED, teacher=true)
    texts = wrote(student, frozen, config, (seed, OWN), config["test_rows"])
    back = evaluate(
        *true,
        of(split_of(texts, world.teacher.tokenizer)),
        metrics={**BACK, "nll_of_own": MEASURED["nll"]},
        teacher=(student, frozen),
    )
    return {**row, **back}


def _place(config, stage: str, one: models.Pretrained, seed: int) -> dict[str, Any]:
    return {
        "model": config["name"],
        "stage": stage,
        "realised": "dense",
        "seed": seed,
        "parameters": tree.count(one.frozen.params),
        "bytes": tree.num_bytes(one.frozen.params),
        "context": config["context"],
        "targets": config["test_rows"] * config["context"],
        "edition": "texts that the teacher wrote, from its first token on",
    }
