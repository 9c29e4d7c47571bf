"""Every number, size and word that a public function takes, out of its range.

A function is called as it is meant to be, with one argument spoilt; a message must name
the argument.
"""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jdistill import (
    compress,
    data,
    metrics,
    models,
    objective,
    ops,
    projections,
    schedules,
    train,
)
from tests.losses.members import MEMBERS

NAN = math.nan
ABOVE_0 = (0.0, -1.0, NAN, math.inf, "high", [1.0])
FROM_0 = (-1.0, NAN, math.inf, "high")
FROM_1 = (0.5, NAN, math.inf, "high")
FRACTION = (-0.1, 1.0, NAN, "half")
SHARE = (0.0, 1.0, -0.5, NAN, "half")
NUMBER = (NAN, math.inf, "much", [1.0, 2.0])
COUNT = (0, -1, 2.5, "two")
FROM_0_WHOLE = (-1, 2.5, "two")
BITS = (0, 1, 9, 2.5, "eight")
WORD = ("nonesuch", 3)
WHERE = ("nonesuch", "(", 3)


class Call(NamedTuple):
    """A bad call, and the words that its message must have."""

    what: str
    call: Callable[[], Any]
    names: tuple[str, ...]


LOSSES = {
    **dict.fromkeys(("temperature", "eps", "normalizer", "threshold"), ABOVE_0),
    **dict.fromkeys(("alpha", "beta", "gamma", "lam", "mu", "margin"), NUMBER),
    **dict.fromkeys(("k", "relation_heads", "order"), COUNT),
    "axis": (9, 2.5, "last"),
    "blank": (-99, 99, 2.5, "none"),
    "p": FROM_1,
    "probability": FRACTION,
    "smoothing": FRACTION,
}
"""What numbers of losses may not be."""

OF_ONE = {
    ("jsd", "beta"): SHARE,
    ("skewed_kl", "alpha"): FRACTION,
    ("skewed_reverse_kl", "alpha"): FRACTION,
    ("srd", "alpha"): FROM_1,
    ("activation_boundary", "margin"): FROM_0,
    ("hinge_ranking", "margin"): FROM_0,
    ("ofd", "margin"): (),  # an array of the teacher's
    ("correlation_congruence", "gamma"): ABOVE_0,
    ("mft", "threshold"): (*FRACTION, 2.0),
}
"""What the numbers of one loss may not be, where its name means another thing."""


def of_losses() -> Iterator[Call]:
    """Each number of each loss, and arrays that do not belong together."""
    for name, member in MEMBERS.items():
        random = np.random.default_rng(0)
        arguments, context = member.arrays(random, (4,), 1.0)
        good = {**member.numbers[0], **context}
        for number, wrong in LOSSES.items():
            if number not in _keywords(member.loss) or number in context:
                continue
            for value in OF_ONE.get((name, number), wrong):
                more = {**good, number: value}
                call = _bound(member.loss, *arguments, **more)
                yield Call(f"losses.{name}({number}={value!r})", call, (number,))
        yield from _arrays(name, member.loss, arguments, good)


def _arrays(name: str, loss: Any, arguments: Any, good: Mapping[str, Any]):
    if len(arguments) > 1:
        longer = jax.tree.map(lambda x: np.concatenate([x, x[:1]]), arguments[0])
        size = str(jax.tree.leaves(longer)[0].shape[0])
        call = _bound(loss, longer, *arguments[1:], **good)
        yield Call(f"losses.{name}(5 examples, 4 examples)", call, (size,))
    listed = jax.tree.map(lambda x: np.asarray(x).tolist(), arguments[0])
    call = _bound(loss, listed, *arguments[1:], **good)
    yield Call(f"losses.{name}(a list)", call, ("list",))


MLP = dict(classes=3, widths=(4,))
TRANSFORMER = dict(classes=3, dim=8, depth=1, heads=2)
NETWORK = dict(dropout=FRACTION, dtype=("int8", "nonesuch", 3), classes=COUNT)
SIZES = dict(dim=COUNT, depth=COUNT, heads=(*COUNT, 3), mlp_dim=COUNT)
EVERY = dict(every=COUNT, sparsity=FRACTION)
RANGE = dict(start=0, end=10, target=0.5)
STEPS = dict(start=("now", NAN), end=(0, -1, "late", NAN), target=NUMBER)
CURVE = dict(**STEPS, initial=NUMBER)

FACTORIES: Mapping[str, tuple[Callable[..., Any], dict, dict]] = {
    "compress.fake_quant": (
        compress.fake_quant,
        {},
        dict(
            bits=BITS,
            per=WORD,
            group_size=COUNT,
            codes=WORD,
            scale_dtype=WORD,
            where=(3,),
        ),
    ),
    "compress.magnitude": (compress.magnitude, dict(sparsity=0.5), EVERY),
    "compress.global_magnitude": (compress.global_magnitude, dict(sparsity=0.5), EVERY),
    "compress.wanda": (compress.wanda, dict(sparsity=0.5), dict(sparsity=FRACTION)),
    "compress.wanda n:m": (
        compress.wanda,
        dict(n=2, m=4),
        dict(n=(0, 5, 2.5), m=(0, 1, "four")),
    ),
    "data.digits": (
        data.digits,
        {},
        dict(fold=(5, -1, 1.5, "one"), num_folds=(0, 1, 2.5, "five")),
    ),
    "data.bpe": (data.bpe, {}, dict(vocab_size=COUNT, max_length=COUNT)),
    "data.hashed_ngrams": (
        data.hashed_ngrams,
        {},
        dict(
            num_buckets=COUNT,
            max_length=COUNT,
            words=((0, 1), (1.5,), 3),
            chars=((0, 1), 2),
        ),
    ),
    "data.mixup": (data.mixup, {"alpha": 0.2}, dict(alpha=ABOVE_0)),
    "data.shift": (data.shift, {"pixels": 1}, dict(pixels=COUNT)),
    "metrics.average_precision": (
        metrics.average_precision,
        {},
        dict(average=WORD, num_bins=COUNT),
    ),
    **{
        f"metrics.{make.__name__}": (make, {}, dict(threshold=SHARE))
        for make in (metrics.hamming, metrics.subset_accuracy, metrics.binary_agreement)
    },
    **{
        f"metrics.{make.__name__}": (make, {}, dict(average=WORD, threshold=SHARE))
        for make in (
            metrics.binary_f1,
            metrics.binary_precision,
            metrics.binary_recall,
        )
    },
    "metrics.ece": (metrics.ece, {}, dict(num_bins=COUNT)),
    "metrics.f1": (metrics.f1, {}, dict(average=WORD)),
    "metrics.precision": (metrics.precision, {}, dict(average=WORD)),
    "metrics.recall": (metrics.recall, {}, dict(average=WORD)),
    "metrics.top_k": (metrics.top_k, {}, dict(k=COUNT)),
    "models.mlp": (models.mlp, MLP, dict(**NETWORK, widths=((0,), (2.5,), "wide", 8))),
    "models.vit": (models.vit, TRANSFORMER, dict(**NETWORK, **SIZES, patch=COUNT)),
    "models.encoder_classifier": (
        models.encoder_classifier,
        dict(TRANSFORMER, vocab=9, steps=4),
        dict(**NETWORK, **SIZES, vocab=COUNT, steps=COUNT),
    ),
    "models.ngram_classifier": (
        models.ngram_classifier,
        dict(classes=3, num_buckets=9),
        dict(
            **NETWORK,
            num_buckets=COUNT,
            dim=COUNT,
            token_dropout=FRACTION,
            hidden=((0,), "wide"),
            norm=(3, 0, "one"),
        ),
    ),
    "models.cnn": (
        models.cnn,
        dict(classes=3),
        dict(classes=COUNT, widths=((0,), (4, -1)), hidden=COUNT, dropout=FRACTION),
    ),
    "models.resnet": (
        models.resnet,
        dict(classes=3),
        dict(classes=COUNT, depth=(0, 21, 2.5, "deep"), width=COUNT, dtype=("int8",)),
    ),
    "models.lenet5": (
        models.lenet5,
        dict(classes=3),
        dict(classes=COUNT, dtype=("int8",)),
    ),
    "models.lenet_300_100": (
        models.lenet_300_100,
        dict(classes=3),
        dict(classes=COUNT),
    ),
    "models.lora": (
        models.lora,
        dict(model=models.mlp(**MLP), rank=2),
        dict(rank=COUNT, alpha=NUMBER, where=(3,)),
    ),
    "models.generated": (
        models.generated,
        dict(student=models.mlp(**MLP), shape=(8, 8, 1)),
        dict(
            shape=((0, 8, 1), (8,), "square"),
            latent=COUNT,
            width=COUNT,
            low=NUMBER,
            high=(-1.0, NAN, "bright"),
        ),
    ),
    "objective.bank": (objective.bank, dict(size=8), dict(size=COUNT)),
    "objective.ensemble": (
        objective.ensemble,
        dict(networks=("a", "b")),
        dict(networks=(("a",), (), "a", ("a", "a"), (1, 2)), temperature=ABOVE_0),
    ),
    "objective.hinton": (
        objective.hinton,
        dict(temperature=4.0, alpha=0.9),
        dict(temperature=ABOVE_0, alpha=(9, -0.1, 1.1, NAN, "most")),
    ),
    "objective.distillation": (
        objective.distillation,
        dict(lam=1.0),
        dict(lam=(-1.0, NAN, math.inf, "much"), temperature=ABOVE_0),
    ),
    "ops.absmax_scale": (
        ops.absmax_scale,
        dict(x=jnp.ones((2, 4))),
        dict(bits=BITS, axes=((2,), (-3,), "rows"), shape=((3, 1), "one")),
    ),
    "ops.minmax_scale": (
        ops.minmax_scale,
        dict(x=jnp.ones((2, 4))),
        dict(bits=BITS, axes=((2,), "rows"), shape=((3, 1),)),
    ),
    "ops.quantize": (
        ops.quantize,
        dict(x=jnp.ones((2, 4)), scale=jnp.ones((1, 1))),
        dict(bits=BITS),
    ),
    "ops.fake_quantize": (
        ops.fake_quantize,
        dict(x=jnp.ones((2, 4)), scale=jnp.ones((1, 1))),
        dict(bits=BITS),
    ),
    "projections.embed": (projections.embed, {}, dict(dim=COUNT)),
    "projections.experts": (
        projections.experts,
        {},
        dict(number=COUNT, temperature=ABOVE_0),
    ),
    "projections.gaussian": (
        projections.gaussian,
        {},
        dict(hidden=COUNT, init_variance=ABOVE_0),
    ),
    "projections.generation": (
        projections.generation,
        {},
        dict(mask_ratio=FRACTION, per=WORD),
    ),
    "projections.linear": (projections.linear, {}, dict(dim=COUNT)),
    "projections.mlp": (projections.mlp, {}, dict(width=COUNT, dim=COUNT)),
    "projections.review": (projections.review, {}, dict(mid=COUNT)),
    "projections.paraphraser": (projections.paraphraser, {}, dict(rate=ABOVE_0)),
    "projections.paraphraser_factor": (
        projections.paraphraser_factor,
        {},
        dict(rate=ABOVE_0),
    ),
    "projections.translator": (projections.translator, {}, dict(rate=ABOVE_0)),
    "schedules.constant": (schedules.constant, dict(value=1.0), dict(value=NUMBER)),
    "schedules.linear": (schedules.linear, RANGE, CURVE),
    "schedules.cubic": (schedules.cubic, RANGE, CURVE),
    "schedules.piecewise": (
        schedules.piecewise,
        dict(values={1: 0.5}),
        dict(values=({}, {"one": 0.5}, {1: "half"}, 3, {1: NAN}), initial=NUMBER),
    ),
    "train.follow_mean": (train.follow_mean, {}, dict(decay=FRACTION)),
}
"""Functions with arguments that they take, and what each of these may not be."""


def of_factories() -> Iterator[Call]:
    """Each argument of each factory."""
    for name, (make, good, spoilt) in FACTORIES.items():
        for argument, wrong in spoilt.items():
            for value in wrong:
                call = _bound(make, **{**good, argument: value})
                yield Call(f"{name}({argument}={value!r})", call, (argument,))


def good() -> Iterator[Call]:
    """The same calls with nothing spoilt, without which the others show nothing."""
    for name, member in MEMBERS.items():
        arguments, context = member.arrays(np.random.default_rng(0), (4,), 1.0)
        more = {**member.numbers[0], **context}
        yield Call(f"losses.{name}", _bound(member.loss, *arguments, **more), ())
    for name, (make, given, _) in FACTORIES.items():
        yield Call(name, _bound(make, **given), ())


def _keywords(loss: Any) -> list[str]:
    parameters = inspect.signature(loss).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]


def _bound(function: Any, *arguments: Any, **more: Any) -> Callable[[], Any]:
    return lambda: function(*arguments, **more)
