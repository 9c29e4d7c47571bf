"""Losses between features: equations as loops, and values of other implementations.

Golden values of waves were computed by the modules of RepDistiller (hints, attention,
NST, VID, AB), mdistiller (OFD, the review's context), torchdistill (the flow's matrix,
PAD), SRD's authors and by PyTorch's cosine and L1 of normalised vectors, in float64.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jdistill import losses
from tests.losses.members._member import Member, maps, normal, vectors


def wave(*shape, pace=1.0):
    """Numbers that any language makes alike."""
    return np.sin(pace * np.arange(1, 1 + np.prod(shape))).reshape(shape)


def alike(*shape):
    return wave(*shape), wave(*shape, pace=0.7)


def widths(random, batch, scale=1.0):
    """Maps of equal size with different numbers of channels."""
    return tuple(normal(random, *batch, 3, 4, c, scale=scale) for c in (5, 2)), {}


def two_layers(random, batch, scale=1.0):
    """An early and a late map of each network."""
    shapes = (5, 4, 3), (2, 3, 2)
    return tuple(
        tuple(normal(random, *batch, *shape, scale=scale) for shape in shapes)
        for _ in range(2)
    ), {}


def levels(random, batch, scale=1.0):
    """A map and a vector of each network."""
    shapes = (3, 5, 2), (4,)
    return tuple(
        tuple(normal(random, *batch, *shape, scale=scale) for shape in shapes)
        for _ in range(2)
    ), {}


def distributions(random, batch, scale=1.0):
    """Mean and raw variance from the student, features of the teacher."""
    mean, raw, teacher = (normal(random, *batch, 3, 4, scale=scale) for _ in range(3))
    return ((mean, raw), teacher), {}


def tokens(random, batch, scale=1.0):
    return tuple(normal(random, *batch, 7, scale=scale) for _ in range(2)), {}


def rows(value):
    """One value for each example, of a function of one example's arrays."""

    def each(student, teacher, **numbers):
        both = jax.tree.map(np.float64, (student, teacher))
        count = len(jax.tree.leaves(both)[0])
        pairs = [jax.tree.map(lambda x, r=r: x[r], both) for r in range(count)]
        return np.array([value(*pair, **numbers) for pair in pairs])

    return each


def squares(student, teacher):
    return sum((s - t) ** 2 for s, t in zip(student.flat, teacher.flat, strict=True))


def length_one(values):
    values = np.asarray(values).ravel()
    length = math.sqrt(sum(v * v for v in values))
    return values / length if length else values


def attention_transfer(student, teacher, p=2):
    def attention(x):
        height, width, channels = x.shape
        return length_one(
            [
                sum(abs(x[i, j, c]) ** p for c in range(channels)) / channels
                for i in range(height)
                for j in range(width)
            ]
        )

    ours, theirs = attention(student), attention(teacher)
    return sum((ours - theirs) ** 2) / len(ours)


def cosine(student, teacher):
    student, teacher = np.float64(student), np.float64(teacher)
    ours, theirs = np.linalg.norm(student, axis=-1), np.linalg.norm(teacher, axis=-1)
    return 1 - (student * teacher).sum(-1) / (ours * theirs)


def activation_boundary(student, teacher, margin=1.0):
    total = 0.0
    for s, t in zip(student.flat, teacher.flat, strict=True):
        if t > 0 and s <= margin:
            total += (s - margin) ** 2
        elif t <= 0 and s > -margin:
            total += (s + margin) ** 2
    return total


def ofd(student, teacher, margin):
    total = 0.0
    margins = np.broadcast_to(np.asarray(margin, np.float64), student.shape)
    for s, t, m in zip(student.flat, teacher.flat, margins.flat, strict=True):
        t = t if t > m else m
        total += 0.0 if s <= t <= 0 else (s - t) ** 2
    return total


def factor_transfer(student, teacher, p=1):
    apart = abs(length_one(student) - length_one(teacher))
    return sum(apart**p) / student.size


def nst(student, teacher):
    ours = [length_one(student[..., c]) for c in range(student.shape[-1])]
    theirs = [length_one(teacher[..., c]) for c in range(teacher.shape[-1])]

    def kernel(xs, ys):
        return np.mean([[np.dot(x, y) ** 2 for y in ys] for x in xs])

    return kernel(ours, ours) + kernel(theirs, theirs) - 2 * kernel(ours, theirs)


def vid(student, teacher, eps=1e-5):
    mean, raw = student
    total = 0.0
    for m, r, t in zip(mean.flat, raw.flat, teacher.flat, strict=True):
        variance = np.log1p(np.exp(-abs(r))) + max(r, 0) + eps
        total += math.log(math.sqrt(variance)) + (t - m) ** 2 / (2 * variance)
    return total / teacher.size


def pad_l2(student, teacher, eps=1e-6):
    total = 0.0
    mean, log_variance = student
    for m, a, t in zip(mean.flat, log_variance.flat, teacher.flat, strict=True):
        total += (t - m) ** 2 / (math.exp(a) + eps) + a
    return total / teacher.size


def srd(student, teacher, alpha=4.0, eps=1e-5):
    """The same value for every row: the sum over the batch is in the logarithm."""

    def normalised(x):
        rows = [example.reshape(-1, x.shape[-1]).mean(0) for example in np.float64(x)]
        columns = np.transpose(rows)
        return [(c - c.mean()) / math.sqrt(c.var() + 1e-4) for c in columns]

    total = eps
    for ours, theirs in zip(normalised(student), normalised(teacher), strict=True):
        total += sum(abs(s - t) ** alpha for s, t in zip(ours, theirs, strict=True))
    return np.full(len(student), math.log(total))


def pooled(x, height, width, statistic):
    """Cells of a map, from the floor of their beginning to the ceiling of their end."""
    found = np.empty((height, width, x.shape[-1]))
    for i in range(height):
        for j in range(width):
            top, bottom = math.floor(i * x.shape[0] / height), (i + 1) * x.shape[0]
            left, right = math.floor(j * x.shape[1] / width), (j + 1) * x.shape[1]
            cell = x[top : math.ceil(bottom / height), left : math.ceil(right / width)]
            found[i, j] = statistic(cell, axis=(0, 1))
    return found


def fsp(student, teacher):
    def flow(early, late):
        size = [min(early.shape[i], late.shape[i]) for i in range(2)]
        early, late = (pooled(x, *size, np.max) for x in (early, late))
        return sum(
            np.outer(early[i, j], late[i, j])
            for i in range(size[0])
            for j in range(size[1])
        ) / np.prod(size)

    return np.mean((flow(*student) - flow(*teacher)) ** 2)


def hierarchical_context(student, teacher):
    total = 0.0
    for s, t in zip(student, teacher, strict=True):
        s, t = (x[None, None] if x.ndim == 1 else x for x in (s, t))
        value, weight, whole = np.mean((s - t) ** 2), 1.0, 1.0
        for cells in (4, 2, 1):
            if cells >= max(s.shape[:2]):
                continue
            size = min(cells, s.shape[0]), min(cells, s.shape[1])
            weight /= 2
            whole += weight
            small = [pooled(x, *size, np.mean) for x in (s, t)]
            value += weight * np.mean((small[0] - small[1]) ** 2)
        total += value / whole
    return total


LEFT, RIGHT = np.array([[1.0, 0.0]]), np.array([[0.0, 2.0]])
MARGINS = jnp.array([-0.1, -0.2, -0.3, -0.4, -0.5])
MAPS = alike(2, 4, 3, 5)
WIDTHS = wave(2, 4, 3, 5), wave(2, 4, 3, 2, pace=0.7)

MEMBERS = {
    "activation_boundary": Member(
        losses.activation_boundary,
        maps,
        rows(activation_boundary),
        golden=(
            ((np.array([[0.5, 3.0, -2.0]]), np.array([[1.0, -1.0, -1.0]])), {}, 16.25),
            (
                (np.array([[0.5, 3.0]]), np.array([[1.0, 0.0]])),
                {"margin": 2.0},
                [1.5**2 + 5.0**2],
            ),
            (MAPS, {}, [92.9376493240427, 91.37614309050632]),
        ),
        numbers=({}, {"margin": 0.3}),
    ),
    "attention_transfer": Member(
        losses.attention_transfer,
        widths,
        rows(attention_transfer),
        golden=(
            (
                (np.array([[[[3.0]], [[4.0]]]]), np.array([[[[1.0]], [[1.0]]]])),
                {"p": 1},
                [((0.6 - 0.5**0.5) ** 2 + (0.8 - 0.5**0.5) ** 2) / 2],
            ),
            (WIDTHS, {}, [0.01112288530253363, 0.02773816844758425]),
            (WIDTHS, {"p": 4}, [0.017929512520132723, 0.044234006187838605]),
        ),
        numbers=({}, {"p": 1}, {"p": 3.5}),
    ),
    "cosine": Member(
        losses.cosine,
        tokens,
        cosine,
        golden=(
            ((LEFT, RIGHT), {}, [1.0]),
            ((LEFT, -LEFT), {}, [2.0]),
            ((np.array([[3.0, 4.0]]), LEFT), {}, [0.4]),
            (
                tuple(x.reshape(2, -1) for x in MAPS),
                {},
                [1.0439212627382075, 1.004999396486453],
            ),
        ),
        at_teacher="zero",
        any_batch=True,
    ),
    "factor_transfer": Member(
        losses.factor_transfer,
        maps,
        rows(factor_transfer),
        golden=(
            ((LEFT, RIGHT), {}, [1.0]),
            ((np.array([[3.0, 4.0]]), np.array([[8.0, 6.0]])), {}, [0.2]),
            ((np.array([[3.0, 4.0]]), np.array([[8.0, 6.0]])), {"p": 2}, [0.04]),
            (MAPS, {}, [0.1539000811754595, 0.14700077991081617]),
        ),
        numbers=({}, {"p": 2}, {"p": 1.5}),
    ),
    "fitnet": Member(
        losses.fitnet,
        maps,
        rows(lambda student, teacher: squares(student, teacher) / student.size),
        golden=(
            ((LEFT, RIGHT), {}, [2.5]),
            (MAPS, {}, [1.046628826207982, 1.0121332189591905]),
        ),
        at_teacher="zero",
    ),
    "fsp": Member(
        losses.fsp,
        two_layers,
        rows(fsp),
        golden=(
            (
                tuple(
                    (np.full((1, 2, 2, 1), x), np.full((1, 1, 1, 2), 3.0))
                    for x in (1.0, 2.0)
                ),
                {},
                [9.0],
            ),
            (
                (
                    (wave(2, 5, 4, 3), wave(2, 2, 3, 2)),
                    (wave(2, 4, 4, 3, pace=0.7), wave(2, 4, 4, 2, pace=0.7)),
                ),
                {},
                [0.0019422237894446074, 0.0021027573820882905],
            ),
        ),
        at_teacher="zero",
    ),
    "hierarchical_context": Member(
        losses.hierarchical_context,
        levels,
        rows(hierarchical_context),
        golden=(
            # +1 and -1 cancel in the average: (1 + 0 / 2) / (1 + 1 / 2)
            (
                (
                    (np.array([[[[1.0], [-1.0]], [[-1.0], [1.0]]]]),),
                    (np.zeros((1, 2, 2, 1)),),
                ),
                {},
                [2 / 3],
            ),
            (
                tuple(zip(alike(2, 6, 6, 2), alike(2, 3, 3, 4), strict=True)),
                {},
                [1.2257271113784363, 1.1395117624181383],
            ),
        ),
        at_teacher="zero",
    ),
    "mgd": Member(
        losses.mgd,
        vectors,
        rows(squares),
        golden=(((LEFT, RIGHT), {}, [5.0]),),
        at_teacher="zero",
    ),
    "nst": Member(
        losses.nst,
        widths,
        rows(nst),
        golden=(
            (
                (np.array([[[[1.0]], [[0.0]]]]), np.array([[[[3.0]], [[4.0]]]])),
                {},
                [2 - 2 * 0.36],
            ),
            (WIDTHS, {}, [0.32231440600089734, 0.6226714662273738]),
        ),
    ),
    "ofd": Member(
        losses.ofd,
        maps,
        rows(ofd),
        golden=(
            (
                (np.array([[1.0, -3.0, -1.0]]), np.array([[2.0, -1.0, -9.0]])),
                {"margin": -2.0},
                [2.0],
            ),
            (MAPS, {"margin": np.array(MARGINS)}, [46.555448425143, 45.64675270454]),
        ),
        numbers=({"margin": MARGINS}, {"margin": -0.7}),
        at_teacher="zero",
    ),
    "pad_l2": Member(
        losses.pad_l2,
        distributions,
        rows(pad_l2),
        golden=(
            (((LEFT, np.zeros((1, 2))), RIGHT), {"eps": 1e-9}, [2.5]),
            (
                ((LEFT, np.full((1, 2), math.log(4.0))), RIGHT),
                {"eps": 1.0},
                [0.5 + math.log(4.0)],
            ),
            (
                ((MAPS[0], wave(2, 4, 3, 5, pace=0.4)), MAPS[1]),
                {},
                [1.3411387336925855, 1.2784179156618334],
            ),
        ),
        numbers=({}, {"eps": 0.5}),
    ),
    "srd": Member(
        losses.srd,
        maps,
        srd,
        golden=(
            (
                (np.array([[-1e3], [1e3]]), np.array([[9.0e3], [-9.0e3]])),
                {"alpha": 2},
                [math.log(8.0)] * 2,
            ),
            (alike(5, 3), {}, [5.3347208252881835] * 5),
            (alike(6, 2, 3, 4), {}, [5.516502927392682] * 6),
        ),
        numbers=({}, {"alpha": 3, "eps": 1e-3}, {"alpha": 5.5}),
        at_teacher="least",
        relates=True,
    ),
    "vid": Member(
        losses.vid,
        distributions,
        rows(vid),
        golden=(
            (
                ((np.zeros((1, 1)), np.full(1, math.log(math.e - 1))), np.ones((1, 1))),
                {"eps": 1e-9},
                [0.5],
            ),
            (
                ((MAPS[0], wave(5)), MAPS[1]),
                {},
                [0.693687012300743, 0.7104020096198135],
            ),
        ),
        numbers=({}, {"eps": 0.5}),
    ),
}
