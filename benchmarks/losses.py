"""What each loss between features or rows adds to a step of a residual network.

`python -m benchmarks.losses`. 'ratio' is the step with the loss over the step without:
1 adds nothing. It is the difference of two long times, so losses without a projection
are timed alone as well, values and gradient, in a row whose 'ratio' is their share of
the step: 0 adds nothing.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import _measure
from benchmarks.overhead import stepping
from experiments.tools.objectives import combined
from jdistill import losses, models, ops, train
from jdistill.typing import Frozen, Learner

SIDE, CLASSES = 32, 10
REPEATS = 10  # a loss alone is short: it is timed so many times as often as the step
TAPS = ("Block_2", "Block_5", "Block_8")
LAST = {"on": "features", "student": "Block_8", "teacher": "Block_8"}
SOFT = {
    "ce": {"on": "labels", "loss": "cross_entropy"},
    "kd": {"on": "logits", "loss": "kl", "temperature": 4.0},
}


def through(name: str, taps: str | tuple[str, ...] = "Block_8", **options):
    """A tap behind a projection."""
    return {"taps": taps, "projection": {"name": name, **options}}


MASK = {"mask": {"name": "example_mask"}}
PLAIN = {
    "activation_boundary": {},
    "attention_transfer": {},
    "cka": MASK,
    "correlation_congruence": MASK,
    "factor_transfer": {},
    "fitnet": {},
    "fsp": {"student": TAPS[1:], "teacher": TAPS[1:]},
    "hierarchical_context": {"student": TAPS, "teacher": TAPS},
    "ickd": {},
    "nst": {},
    "ofd": {"margin": -0.5},
    "pkt": MASK,
    "rkd_angle": MASK,
    "rkd_distance": MASK,
    "similarity_preserving": MASK,
    "srd": MASK,
}
LEARNED = {
    "fitnet with conv_norm": {"loss": "fitnet", "student": through("conv_norm")},
    "mgd with generation": {"loss": "mgd", "student": through("generation")},
    "pad_l2 with variance_branch": {
        "loss": "pad_l2",
        "student": through("variance_branch"),
    },
    "vid with gaussian": {"loss": "vid", "student": through("gaussian")},
    "hierarchical_context with review": {
        "loss": "hierarchical_context",
        "student": through("review", TAPS),
        "teacher": TAPS,
    },
    "crd with a bank of 4096": {
        "loss": "crd",
        "student": through("embed"),
        "teacher": through("embed"),
        "memory": {"name": "bank", "size": 4096},
        "ids": {"name": "entry", "key": "id"},
        **MASK,
    },
}


def recipe(terms, depth, taps):
    """The student and its teacher, alike, and what the student learns."""
    student, teacher = (
        models.resnet(classes=CLASSES, depth=depth, taps=taps) for _ in range(2)
    )
    tx = optax.sgd(0.05, momentum=0.9)
    return train.learner(student, combined(terms), tx, teacher=teacher)


class Setting(NamedTuple):
    """What all figures share: a batch, the teacher, the step without a further loss."""

    batch: dict
    frozen: Frozen
    plain: Learner
    without: Callable[[], Any]
    features: dict[str, jax.Array]


def setting(*, steps: int, batch_size: int, depth: int) -> Setting:
    """Random images and a teacher that has learnt nothing: neither changes a cost."""
    random = np.random.default_rng(0)
    images = random.normal(size=(batch_size, SIDE, SIDE, 3)).astype(np.float32)
    batch = {"inputs": jnp.asarray(images), "id": jnp.arange(batch_size)}
    batch["label"] = jnp.asarray(random.integers(0, CLASSES, batch_size))
    teacher = models.resnet(classes=CLASSES, depth=depth, taps=TAPS)
    frozen = Frozen(*jax.jit(teacher.init)(jax.random.key(0), batch))
    features = jax.jit(teacher.apply)(*frozen, batch)[0].features
    plain = recipe(SOFT, depth, ())
    without = stepping(plain, batch, frozen, steps=steps)
    return Setting(batch, frozen, plain, without, features)


def measure(
    *, rounds: int = 5, steps: int = 4, batch_size: int = 64, depth: int = 20
) -> Iterator[dict]:
    """Yields a row for each loss, the first for taps that no loss reads."""
    given = setting(steps=steps, batch_size=batch_size, depth=depth)
    batch, frozen, plain, without, _ = given
    columns = _measure.where_and_with(_measure.cores())
    adds = multiply_adds(plain, batch, frozen)
    extra = {name: {"loss": name, **more} for name, more in PLAIN.items()} | LEARNED
    for name, term in {"taps alone": None, **extra}.items():
        terms = SOFT if term is None else SOFT | {"extra": LAST | term}
        ours = recipe(terms, depth, TAPS)
        calls = {
            "ours": stepping(ours, batch, frozen, steps=steps),
            "theirs": without,
        }
        taken = _measure.in_turns(calls, rounds=rounds, turns=1)
        counted = multiply_adds(ours, batch, frozen)
        row = _measure.cost(
            f"loss: {name}",
            taken["ours"],
            taken["theirs"],
            steps=steps,
            multiply_adds=counted,
            multiply_adds_ratio=round(counted / adds, 4),
        )
        yield {**row, **columns}


def measure_alone(
    *, rounds: int = 5, steps: int = 4, batch_size: int = 64, depth: int = 20
) -> Iterator[dict]:
    """Yields a row for each loss without a projection: its share of the step."""
    given = setting(steps=steps, batch_size=batch_size, depth=depth)
    columns = _measure.where_and_with(_measure.cores())
    for name in PLAIN:
        repeats = REPEATS * steps
        ours = by_itself(name, given.features, repeats=repeats)
        calls = {"ours": ours, "theirs": given.without}
        taken = _measure.in_turns(calls, rounds=rounds, turns=1)
        once = [_measure.Taken(*(x / REPEATS for x in one)) for one in taken["ours"]]
        row = _measure.cost(f"loss alone: {name}", once, taken["theirs"], steps=steps)
        yield {**row, **columns}


def by_itself(name, features, *, repeats: int):
    """The values and the gradient of one loss, between features that are there."""
    term = {"loss": name, **LAST, **PLAIN[name]}
    del term["on"]
    term.pop("mask", None)  # without one all rows are real

    def picked(side):
        taps = term.pop(side)
        taken = features.__getitem__
        return taken(taps) if isinstance(taps, str) else tuple(map(taken, taps))

    student, teacher = picked("student"), picked("teacher")
    function = getattr(losses, term.pop("loss"))

    @jax.jit
    def both(student, teacher):
        def total(student):
            values = function(student, teacher, **term)
            return values.mean(), values

        return jax.grad(total, has_aux=True)(student)

    return lambda: [both(student, teacher)[1] for _ in range(repeats)]


def multiply_adds(learner, batch, frozen) -> int:
    """Of a whole step, forward and backward."""
    state = jax.jit(learner.init)(jax.random.key(0), batch, frozen)
    counted = ops.count(lambda s, b, f: learner.step(s, b, f), state, batch, frozen)
    return int(counted.total.multiply_adds)


if __name__ == "__main__":
    sizes = vars(_measure.arguments(rounds=5, steps=4, batch_size=64, depth=20))
    out = sizes.pop("out")
    for measured in itertools.chain(measure(**sizes), measure_alone(**sizes)):
        _measure.write([measured], out)
