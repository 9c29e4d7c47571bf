"""Do losses of recommenders help a small recommender learn from a large one?

Users and items have vectors whose product is a score (matrix factorisation); a student
of short vectors learns from what each user rated, or also from the scores of a teacher
of long ones. Every rating counts as taken, whatever its stars. Of each user's items a
tenth is the test, and a tenth is left for choosing numbers; a list of ten is made of
all the items that the user has not taken in training.

A row's `ndcg` is NDCG@10 over the users, `recall` the share of what could be found,
`ndcg_valid` the NDCG of the items left for choosing numbers.
"""

import io
import os
import pathlib
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from experiments.tools import plan
from experiments.tools.gains import gains
from experiments.tools.objectives import terms_of
from experiments.tools.optimisers import optimiser
from experiments.tools.ranking import LIST, ranked
from experiments.tools.runs import trained
from jdistill import data, losses, models, objective, report, train, tree
from jdistill.evaluate import predict
from jdistill.typing import Batch, Frozen, Learner, Model, Objective, Split

ARCHIVE = "tfds_manual/movielens/ml-latest-small.zip"
FIGURES = (
    report.Figure(
        "ndcg", f"NDCG@{LIST}", "how early lists of ten have what a user took"
    ),
    report.Figure("recall", f"recall@{LIST}", "share of what a list of ten could find"),
)
Row = dict[str, Any]


class Factors(nn.Module):
    """A vector for each user and each item, and a bias for each item."""

    users: int
    items: int
    dim: int

    @nn.compact
    def __call__(self, inputs):
        """`[batch]` numbers of users to `[batch, items]` scores."""
        user = nn.Embed(self.users, self.dim, name="user")(inputs)
        return nn.Dense(self.items, name="items")(user)


class Taken(NamedTuple):
    """Which items each user took, `[users, items]` of 0 and 1, in three parts."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def run(config: Any, workdir: pathlib.Path) -> Iterator[Row]:
    """Yields a row for each method and seed, then what each method gains."""
    config, users, items = planned(config)
    found: dict[str, list[float]] = {name: [] for name in config["methods"]}
    names = ("teacher", *config["methods"])
    runs = [f"{name} {seed}" for seed in config["seeds"] for name in names]
    shown = train.progress(stages=dict.fromkeys(runs, config["num_steps"]))
    for seed in config["seeds"]:
        folder = pathlib.Path(workdir) / f"seed{seed}"
        taken = parted(users, items, seed)
        teacher = _model(config["teacher"], taken)
        goal = _goal({})
        frozen = _trained(config, folder, "teacher", teacher, goal, taken, seed, shown)
        yield _row("teacher", seed, teacher, frozen, taken)
        for name, terms in config["methods"].items():
            student = _model(config["student"], taken)
            kept = _trained(
                config,
                folder,
                name,
                student,
                _goal(terms),
                taken,
                seed,
                shown,
                (teacher, frozen),
            )
            row = _row(name, seed, student, kept, taken)
            found[name].append(row["ndcg"])
            yield row
    yield from gains(found, config["against"], metric="ndcg")


NEEDS = (
    *("seeds", "batch_size", "num_steps", "data"),
    *("teacher", "student", "methods", "against"),
)


def planned(config: Any) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """The checked configuration, and who rated what.

    Raises:
        Mistake: something in the configuration cannot be carried out.
    """
    config = plan.plain(config, NEEDS)
    plan.sizes(config, "config")
    plan.distinct(config["seeds"], "config.seeds")
    plan.numbers(config, ("num_steps", "batch_size"))
    plan.needs(config["data"], ("archive", "min_users"), "config.data")
    plan.known(config["data"], ("archive", "min_users"), "config.data")
    plan.numbers(config["data"], ("min_users",), "config.data")
    plan.methods(config["methods"], config["against"])
    for side in ("teacher", "student"):
        plan.needs(config[side], ("dim", "tx"), f"config.{side}")
        plan.known(config[side], ("dim", "tx"), f"config.{side}")
        plan.numbers(config[side], ("dim",), f"config.{side}")
    with plan.at("config.data"):
        users, items = ratings(config["data"]["archive"], config["data"]["min_users"])
        taken = parted(users, items, config["seeds"][0])
    most = taken.train.shape[0]
    size = config["batch_size"]
    shapes = plan.batch(_users(taken.train), size, "config.batch_size", most=most)
    teacher, frozen = _model(config["teacher"], taken), None
    for name, terms in {"teacher": {}, **config["methods"]}.items():
        place = "config.teacher" if frozen is None else f"config.methods[{name!r}]"
        side = "teacher" if frozen is None else "student"
        with plan.at(place):
            model = _model(config[side], taken)
            net = None if frozen is None else teacher
            learner = _learner(config, side, model, _goal(terms), net)
        state = plan.trains(place, learner, shapes, frozen)
        frozen = plan.finished(learner, state) if frozen is None else frozen
    return config, users, items


def ratings(archive: str, min_users: int) -> tuple[np.ndarray, np.ndarray]:
    """Who rated what, of items that enough users rated; both numbered from 0.

    Args:
        archive: a zip file of MovieLens, with a `ratings.csv`; '' for `ARCHIVE` in
            the folder that `$JDISTILL_DATA` names.
        min_users: items that fewer users rated are left out.

    Raises:
        FileNotFoundError: there is no such file.

    References:
        Harper, Konstan, The MovieLens datasets: history and context, ACM TiiS 2015.
    """
    path = pathlib.Path(archive or os.environ.get("JDISTILL_DATA", ""), "")
    path = path if archive else path / ARCHIVE
    if not path.is_file():
        raise FileNotFoundError(
            f"no {path}: get ml-latest-small.zip from grouplens.org/datasets/movielens "
            "and pass --config.data.archive=PATH"
        )
    with zipfile.ZipFile(path) as archived:
        name = next(n for n in archived.namelist() if n.endswith("ratings.csv"))
        table = np.loadtxt(
            io.BytesIO(archived.read(name)), delimiter=",", skiprows=1, usecols=(0, 1)
        )
    users, items = table.astype(np.int64).T
    names, times = np.unique(items, return_counts=True)
    kept = np.isin(items, names[times >= min_users])
    users, items = (np.unique(x[kept], return_inverse=True)[1] for x in (users, items))
    return users, items


def parted(users: np.ndarray, items: np.ndarray, seed: int) -> Taken:
    """Of each user's items a tenth is test and a tenth valid, at least one of each.

    Example:
        >>> parts = parted(np.repeat([0, 1], 20), np.tile(np.arange(20), 2), 0)
        >>> [int(part.sum()) for part in parts], parts.train.shape
        ([32, 4, 4], (2, 20))
    """
    random = np.random.default_rng(seed)
    whole = np.zeros((3, users.max() + 1, items.max() + 1), np.float32)
    for user in range(whole.shape[1]):
        mine = random.permutation(items[users == user])
        part = max(1, len(mine) // 10)
        test, valid, rest = np.split(mine, [part, 2 * part])
        for n, some in enumerate((rest, valid, test)):
            whole[n, user, some] = 1
    return Taken(*whole)


def among_unseen(labels: Any, scores: Any) -> Any:
    """A teacher's scores, -inf for what the user has taken: it ranks the others only.

    Example:
        >>> among_unseen(jnp.array([[1, 0]]), jnp.array([[2.0, 3.0]]))
        Array([[-inf,   3.]], dtype=float32)
    """
    return jnp.where(labels > 0, -jnp.inf, scores)


def _goal(method: Mapping[str, Mapping]) -> Objective:
    """What was taken, and the terms of a method, some among unseen items only."""
    source = objective.computed(
        among_unseen,
        objective.entry("label"),
        objective.logits("teacher", left_out=True),
    )
    specs = {}
    for name, spec in method.items():
        specs[name] = {k: v for k, v in spec.items() if k != "unseen"}
        if spec.get("unseen"):
            specs[name]["arguments"] = [objective.logits("student"), source]
    took = objective.on_labels(losses.binary_cross_entropy, per="example")
    return objective.combine(took=took, **terms_of(specs))


def _model(spec: Mapping[str, Any], taken: Taken) -> Model:
    users, items = taken.train.shape
    net = Factors(users=users, items=items, dim=spec["dim"])
    return models.from_linen(net, taps="user")


def _users(part: np.ndarray) -> Split:
    """An example for each user: its number, and what it took."""
    users, items = part.shape
    numbers = np.arange(users, dtype=np.int32)
    arrays = {"inputs": numbers, "label": part, "id": numbers}

    def take(rows: Any) -> Batch:
        return {name: x[np.asarray(rows)] for name, x in arrays.items()}

    return Split(users, take, arrays, tuple(map(str, range(items))))


def _trained(
    config, folder, name, model, goal, taken, seed, shown, teacher=None
) -> Frozen:
    side = "teacher" if teacher is None else "student"
    net, frozen = (None, None) if teacher is None else teacher
    learner = _learner(config, side, model, goal, net)
    size = {"num_steps": config["num_steps"], "batch_size": config["batch_size"]}
    split = _users(taken.train)
    return trained(
        folder,
        name,
        config,
        learner,
        split,
        seed=seed,
        frozen=frozen,
        progress=shown,
        **size,
    )


def _learner(config, side, model, goal, teacher) -> Learner:
    tx = optimiser(config[side]["tx"], num_steps=config["num_steps"])
    return train.learner(model, goal, tx, teacher=teacher)


def _row(name: str, seed: int, model: Model, frozen: Frozen, taken: Taken) -> Row:
    batches = data.eval_batches(_users(taken.train), batch_size=256)
    scores = np.asarray(predict(model, frozen, batches))
    row = {"stage": name, "realised": "dense", "seed": seed}
    row["bytes"] = tree.num_bytes(frozen.params)
    test = ranked(scores, taken.train, taken.test)
    valid = ranked(scores, taken.train, taken.valid)
    rates = {"ndcg": test.ndcg, "recall": test.recall, "ndcg_valid": valid.ndcg}
    return {**row, **rates, "users": len(scores)}
