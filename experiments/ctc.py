"""Does it help a CTC network to learn from a teacher's frames, and which frames?

Strings of handwritten digits are read column by column: a convolutional network yields
a distribution over ten digits and the blank for each column, and CTC aligns them. The
student learns from the strings alone, or also from the teacher's distributions: at all
frames, at those where the teacher sees a digit, or over the digits without the blank.

A row's `errors` are insertions, deletions and substitutions over the digits there are.
"""

import pathlib
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax

from experiments.tools import plan
from experiments.tools.gains import gains
from experiments.tools.objectives import terms_of
from experiments.tools.optimisers import optimiser
from experiments.tools.runs import trained
from jdistill import data, models, objective, report, train, tree
from jdistill.evaluate import predict
from jdistill.typing import Batch, Frozen, Learner, Model, Split, Term

BLANK = 0
FIGURES = (
    report.Figure("digits_right", "digits right", "1 less the edits a digit", rank=0),
    report.Figure("strings_right", "strings right", "share of strings without an edit"),
)
Row = dict[str, Any]


class Reader(nn.Module):
    """Convolutions along the columns, each behind a norm; 11 logits a column."""

    width: int
    depth: int

    @nn.compact
    def __call__(self, inputs):
        """`[batch, steps, height]` to `[batch, steps, 11]`."""
        x = inputs
        for _ in range(self.depth):
            x = nn.relu(nn.LayerNorm()(nn.Conv(self.width, (5,))(x)))
        return nn.Dense(11)(x)


def run(config: Any, workdir: pathlib.Path) -> Iterator[Row]:
    """Yields a row for each method and seed, then what each method gains."""
    config, teacher, student = planned(config)
    found: dict[str, list[float]] = {name: [] for name in config["methods"]}
    names = ("teacher", *config["methods"])
    runs = [f"{name} {seed}" for seed in config["seeds"] for name in names]
    shown = train.progress(stages=dict.fromkeys(runs, config["num_steps"]))
    for seed in config["seeds"]:
        folder = pathlib.Path(workdir) / f"seed{seed}"
        digits = data.digits(fold=seed % 5)
        learn = strings(digits.train, config["examples"], seed)
        test = strings(digits.test, config["test_examples"], seed)
        frozen = _trained(config, folder, "teacher", teacher, {}, learn, seed, shown)
        yield _row("teacher", seed, teacher, frozen, test)
        for name, terms in config["methods"].items():
            kept = _trained(
                *(config, folder, name, student, terms, learn, seed, shown),
                teacher=(teacher, frozen),
            )
            row = _row(name, seed, student, kept, test)
            found[name].append(row["digits_right"])
            yield row
    yield from gains(found, config["against"], metric="digits_right")


NEEDS = (
    *("seeds", "batch_size", "num_steps", "examples", "test_examples"),
    *("tx", "teacher", "student", "methods", "against"),
)
BYTES = 4 * 64 * 8
"""Of the columns of one string."""


def planned(config: Any) -> tuple[dict[str, Any], Model, Model]:
    """The checked configuration, teacher and student.

    Raises:
        Mistake: something in the configuration cannot be carried out.
    """
    config = plan.plain(config, NEEDS)
    plan.sizes(config, "config")
    plan.distinct(config["seeds"], "config.seeds")
    plan.numbers(config, ("num_steps", "examples", "test_examples"))
    plan.number(config["batch_size"], "config.batch_size", most=config["examples"])
    for name in ("examples", "test_examples"):
        plan.fits(BYTES * config[name], f"config.{name}")
    plan.methods(config["methods"], config["against"])
    nets = []
    for side in ("teacher", "student"):
        plan.known(config[side], ("width", "depth"), f"config.{side}")
        plan.needs(config[side], ("width", "depth"), f"config.{side}")
        plan.numbers(config[side], ("width", "depth"), f"config.{side}")
        nets.append(models.from_linen(Reader(**config[side])))
    some = strings(data.digits().train, 2, 0)
    shapes = plan.batch(some, config["batch_size"], "config.batch_size")
    with plan.at("config.tx"):
        alone = _learner(config, nets[0], {}, None)
    state = plan.trains("config.teacher", alone, shapes)
    frozen = plan.finished(alone, state)
    for name, terms in config["methods"].items():
        place = f"config.methods[{name!r}]"
        with plan.at(place):
            learner = _learner(config, nets[1], terms, nets[0])
        plan.trains(place, learner, shapes, frozen)
    return config, *nets


def strings(split: Split, number: int, seed: int) -> Split:
    """Strings of three to five digits with gaps of up to three columns between them.

    Example:
        >>> some = strings(data.digits().valid, 10, 0).take([0, 1])
        >>> some['inputs'].shape, some['string'].shape
        ((2, 64, 8), (2, 5))
    """
    images, labels = (split.arrays[name] for name in ("inputs", "label"))
    random = np.random.default_rng(seed)
    steps = 5 * (8 + 3) + 9
    columns = np.zeros((number, steps, 8), np.float32)
    string, real = np.zeros((number, 5), np.int32), np.zeros((number, steps))
    for n in range(number):
        at = int(random.integers(0, 4))
        for place, one in enumerate(
            random.integers(0, len(images), random.integers(3, 6))
        ):
            columns[n, at : at + 8] = images[one].reshape(8, 8).T
            string[n, place] = labels[one] + 1
            at += 8 + int(random.integers(0, 4))
        real[n, : at + 1] = 1
    arrays = dict(inputs=columns, string=string, token_mask=np.float32(real))
    arrays["id"] = np.arange(number, dtype=np.int32)

    def take(indices: Any) -> Batch:
        return {name: x[np.asarray(indices)] for name, x in arrays.items()}

    return Split(number, take, arrays, ("blank", *split.classes))


def ctc(logits: Any, string: Any, token_mask: Any) -> Any:
    """CTC of the strings: one value for each example.

    Graves et al., Connectionist temporal classification, ICML 2006.

    Example:
        >>> logits, one = jnp.log(jnp.array([[[0.5, 0.5]]])), jnp.ones((1, 1))
        >>> ctc(logits, one.astype(int), one).round(4)  # log 2
        Array([0.6931], dtype=float32)
    """
    padding = (string == BLANK).astype(jnp.float32)
    return optax.ctc_loss(logits, 1 - token_mask, string, padding, blank_id=BLANK)


def aligned() -> Term:
    """The term of CTC: of the student's frames and the strings."""
    strings, real = objective.entry("string"), objective.entry("token_mask")
    return objective.term(
        ctc, objective.logits("student"), strings, real, per="example"
    )


def _trained(
    config, folder, name, model, terms, learn, seed, shown, teacher=None
) -> Frozen:
    net, frozen = (None, None) if teacher is None else teacher
    learner = _learner(config, model, terms, net)
    size = {"num_steps": config["num_steps"], "batch_size": config["batch_size"]}
    return trained(
        folder,
        name,
        config,
        learner,
        learn,
        seed=seed,
        frozen=frozen,
        progress=shown,
        **size,
    )


def _learner(config, model, terms, teacher) -> Learner:
    tx = optimiser(config["tx"], num_steps=config["num_steps"])
    goal = objective.combine(ctc=aligned(), **terms_of(terms))
    return train.learner(model, goal, tx, teacher=teacher)


def _row(name: str, seed: int, model: Model, frozen: Frozen, test: Split) -> Row:
    logits = predict(model, frozen, data.eval_batches(test, batch_size=500))
    wrong = digits = whole = 0
    for frames, real, string in zip(
        np.asarray(logits).argmax(-1),
        test.arrays["token_mask"],
        test.arrays["string"],
        strict=True,
    ):
        true = string[string != BLANK].tolist()
        apart = distance(decoded(frames[real > 0]), true)
        wrong, digits, whole = wrong + apart, digits + len(true), whole + (apart == 0)
    size = {"bytes": tree.num_bytes(frozen.params), "digits": digits}
    rates = {"digits_right": 1 - wrong / digits, "strings_right": whole / test.size}
    row = {"stage": name, "realised": "dense", "seed": seed, "errors": wrong}
    return {**row, **size, **rates}


def decoded(frames: np.ndarray) -> list[int]:
    """The best path without repetitions and blanks.

    Example:
        >>> decoded(np.array([0, 3, 3, 0, 3, 5, 5]))
        [3, 3, 5]
    """
    before = np.concatenate([[BLANK], frames[:-1]])
    return frames[(frames != before) & (frames != BLANK)].tolist()


def distance(one: list[int], two: list[int]) -> int:
    """The fewest insertions, deletions and substitutions from one to the other.

    Example:
        >>> distance([1, 2, 3], [2, 3, 4]), distance([], [7, 7])
        (2, 2)
    """
    row = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(two, 1):
            edit = min(row[j] + 1, row[j - 1] + 1, before + (a != b))
            before, row[j] = row[j], edit
    return row[-1]
