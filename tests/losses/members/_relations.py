"""Losses of relations: between examples, between channels, with a memory.

The references take the real rows out and loop over pairs and corners; the losses keep
all rows and use Gram matrices.
"""

import math

import numpy as np

from jdistill import losses
from tests.losses.members._member import Member, maps, normal, relation


def over_real_rows(values):
    """A reference of all rows, as one of the rows that `mask` calls real."""

    def masked(student, teacher, *, mask=None, **numbers):
        real = np.ones(len(student), bool) if mask is None else mask > 0
        rows = [np.float64(x)[real].reshape(real.sum(), -1) for x in (student, teacher)]
        found = np.zeros(len(student))
        found[real] = values(*rows, **numbers)
        return found

    return masked


def huber(x):
    return np.where(np.abs(x) <= 1, x**2 / 2, np.abs(x) - 0.5)


def length(x):
    return np.linalg.norm(x, axis=-1, keepdims=True)


@over_real_rows
def rkd_distance(student, teacher):
    def relative(rows):
        apart = np.array([[np.linalg.norm(a - b) for b in rows] for a in rows])
        return apart / (apart.sum() / (len(rows) * (len(rows) - 1)))

    return huber(relative(student) - relative(teacher)).mean(1)


@over_real_rows
def rkd_angle(student, teacher):
    def cosines(rows, corner):
        ways = rows - rows[corner]
        sizes = length(ways)
        ways = np.divide(ways, sizes, out=np.zeros_like(ways), where=sizes > 0)
        return ways @ ways.T

    return [
        huber(cosines(student, j) - cosines(teacher, j)).mean()
        for j in range(len(student))
    ]


@over_real_rows
def similarity_preserving(student, teacher):
    grams = [np.einsum("id,jd->ij", rows, rows) for rows in (student, teacher)]
    ours, theirs = (gram / length(gram) for gram in grams)
    return ((ours - theirs) ** 2).mean(1)


@over_real_rows
def pkt(student, teacher, eps=1e-7):
    def neighbours(rows):
        cosines = [[a @ b / (length(a) * length(b))[0] for b in rows] for a in rows]
        kernel = (np.array(cosines) + 1) / 2
        return kernel / kernel.sum(1, keepdims=True)

    q, p = neighbours(student), neighbours(teacher)
    return (p * np.log((p + eps) / (q + eps))).mean(1)


@over_real_rows
def correlation_congruence(student, teacher, gamma=0.4, order=2):
    def series(u, v):
        product = u @ v / np.sqrt((u @ u) * (v @ v))
        powers = range(order + 1)
        terms = [(2 * gamma * product) ** p / math.factorial(p) for p in powers]
        return math.exp(-2 * gamma) * sum(terms)

    ours, theirs = (
        np.array([[series(u, v) for v in rows] for u in rows])
        for rows in (student, teacher)
    )
    return ((ours - theirs) ** 2).mean(1)


@over_real_rows
def cka(student, teacher):
    x, y = student - student.mean(0), teacher - teacher.mean(0)
    sizes = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    return np.full(len(x), 1 - np.linalg.norm(y.T @ x) ** 2 / sizes)


def ickd(student, teacher):
    def correlation(maps):
        gram = np.einsum("bhwc,bhwd->bcd", maps, maps)
        return gram / length(gram)

    gap = correlation(np.float64(student)) - correlation(np.float64(teacher))
    return (gap**2).sum((1, 2)) / student.shape[-1]


MEMORY_SIZE, MEMORY_IDS = 9, np.array([0, 2, 40, 41, 42, 43, 44, 45, 46])


def embeddings(random, batch, scale=1.0):
    """Rows of length 1, and a memory that knows two of them and has a place left."""
    ours, theirs, old_ours, old_theirs = (
        (lambda x: np.float32(scale) * x / length(x))(normal(random, rows, 6))
        for rows in (*batch, *batch, MEMORY_SIZE, MEMORY_SIZE)
    )
    filled = np.float32(np.arange(MEMORY_SIZE) != 5)
    memory = {"student": old_ours, "teacher": old_theirs, "filled": filled}
    memory["ids"] = MEMORY_IDS
    return (ours, theirs), {"memory": memory, "ids": np.arange(batch[0])}


def random_directions(dim, temperature):
    """The logarithm of the mean of exp(cos / temperature), by a sum over angles."""
    angles = (np.arange(200_000) + 0.5) * math.pi / 200_000
    density = (dim - 2) * np.log(np.sin(angles))
    top = np.cos(angles) / temperature
    return math.log((np.exp(density + top)).sum()) - math.log(np.exp(density).sum())


def crd(student, teacher, memory, ids, temperature=0.07, normalizer=None, mask=None):
    student, teacher = np.float64(student), np.float64(teacher)
    dim, found = student.shape[1], np.zeros(len(student))
    if normalizer is None:
        low, high = (dim - 1) / 2, (dim + 1) / 2
        root = math.hypot(high, 1 / temperature)
        normalizer = math.exp(root - high - low * math.log((low + root) / dim))
    for i, (s, t) in enumerate(zip(student, teacher, strict=True)):
        others = (memory["ids"] != ids[i]) & (memory["filled"] > 0)
        ours, theirs = memory["student"][others], memory["teacher"][others]
        noise = math.log(max(others.sum(), 1) * normalizer)

        def log_odds(u, v, noise=noise):
            return u @ v / temperature - noise

        for anchor, positive, negatives in ((s, t, theirs), (t, s, ours)):
            found[i] += np.logaddexp(0, -log_odds(positive, anchor))
            found[i] += np.logaddexp(0, log_odds(negatives, anchor)).sum()
        found[i] *= others.any() * (1 if mask is None else mask[i])
    return found


LINE, BENT = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [1.0], [1.0]])
CORNER, ALONG = np.array([[0.0, 0], [1, 0], [0, 1]]), np.array([[0.0], [1], [-1]])
APART, EQUAL = np.eye(2), np.ones((2, 1))
THREE = 0.75**2 / 2
DIAGONAL = (1 - math.sqrt(0.5)) ** 2 / 2
TAYLOR = math.exp(-0.8) * (0.8 + 0.8**2 / 2)

# Four rows of six numbers, for which the authors' code was run, its constant Z set to
# 1.7 times the size of the data set and its memory to these.
CRD_STUDENT = np.array([[0.429, 0.643, 0.232, -0.591], [0.445, -0.305, 0.534, -0.651]])
CRD_TEACHER = np.array(
    [[0.579, -0.013, -0.791, -0.199], [0.036, 0.181, -0.652, -0.735]]
)
CRD_MEMORY = {
    "student": np.array(
        [
            [0.214, 0.509, 0.205, -0.808],
            [0.429, 0.643, 0.232, -0.591],
            [0.506, 0.408, 0.039, 0.759],
            [-0.684, -0.151, -0.448, 0.556],
            [0.445, -0.305, 0.534, -0.651],
            [0.005, -0.166, 0.778, 0.606],
        ]
    ),
    "teacher": np.array(
        [
            [-0.813, -0.566, -0.052, -0.127],
            [0.579, -0.013, -0.791, -0.199],
            [-0.166, 0.898, 0.284, 0.292],
            [-0.296, -0.948, 0.096, 0.063],
            [0.036, 0.181, -0.652, -0.735],
            [-0.187, 0.182, 0.068, -0.963],
        ]
    ),
    "ids": np.arange(6),
    "filled": np.ones(6),
}
CRD_IDS = np.array([1, 4])
CRD_STUDENT, CRD_TEACHER = (CRD_MEMORY[s][CRD_IDS] for s in ("student", "teacher"))
# The same for channels, height and width 2, `[channels, height, width]`.
ICKD_STUDENT = np.array(
    [
        [[0.13, -0.13], [0.64, 0.1]],
        [[-0.54, 0.36], [1.3, 0.95]],
        [[-0.7, -1.27], [-0.62, 0.04]],
    ]
)
ICKD_TEACHER = np.array(
    [
        [[-2.33, -0.22], [-1.25, -0.73]],
        [[-0.54, -0.32], [0.41, 1.04]],
        [[-0.13, 1.37], [-0.67, 0.35]],
    ]
)


def related(loss, reference, *golden, numbers=({},)):
    return Member(
        loss,
        relation,
        reference,
        golden=golden,
        numbers=numbers,
        at_teacher="zero",
        relates=True,
    )


MEMBERS = {
    "cka": related(
        losses.cka,
        cka,
        ((ALONG, np.array([[0.0], [1.0], [-1.0]]) * 3 + 5), {}, [0.0] * 3),
        ((np.array([[1.0], [0], [-1]]), np.array([[1.0], [-1], [0]])), {}, [0.75] * 3),
    ),
    "correlation_congruence": related(
        losses.correlation_congruence,
        correlation_congruence,
        ((APART, EQUAL), {}, [TAYLOR**2 / 2] * 2),
        ((EQUAL, APART), {"order": 1}, [(math.exp(-0.8) * 0.8) ** 2 / 2] * 2),
        numbers=({}, {"gamma": 1.0, "order": 3}),
    ),
    "crd": Member(
        losses.crd,
        embeddings,
        crd,
        golden=(
            (
                (CRD_STUDENT, CRD_TEACHER),
                {
                    "memory": CRD_MEMORY,
                    "ids": CRD_IDS,
                    "temperature": 0.5,
                    "normalizer": 1.7,
                },
                [5.251933842, 5.552343739],
            ),
        ),
        numbers=({}, {"temperature": 0.5, "normalizer": 0.1}),
        shared=("memory",),
    ),
    "ickd": Member(
        losses.ickd,
        maps,
        ickd,
        golden=(
            ((np.eye(2)[None, None], np.ones((1, 3, 3, 2))), {}, [2 - math.sqrt(2)]),
            (  # the authors' code
                tuple(
                    np.moveaxis(x, 0, -1)[None] for x in (ICKD_STUDENT, ICKD_TEACHER)
                ),
                {},
                [0.44734970],
            ),
        ),
        at_teacher="zero",
    ),
    "pkt": related(
        losses.pkt,
        pkt,
        ((APART, EQUAL), {}, [(math.log(0.75) + math.log(1.5)) / 4] * 2),
        ((EQUAL, APART), {}, [(math.log(4 / 3) * 2 + math.log(2 / 3)) / 6] * 2),
        numbers=({}, {"eps": 1e-5}),
    ),
    "rkd_angle": related(
        losses.rkd_angle,
        rkd_angle,
        ((CORNER, ALONG), {}, np.array([0.5, DIAGONAL, DIAGONAL]) * 2 / 9),
    ),
    "rkd_distance": related(
        losses.rkd_distance,
        rkd_distance,
        (
            (LINE, BENT),
            {},
            np.array([THREE, 2 * THREE, THREE]) / 3,
        ),
    ),
    "similarity_preserving": related(
        losses.similarity_preserving,
        similarity_preserving,
        ((APART, EQUAL), {}, [1 - math.sqrt(0.5)] * 2),
    ),
}
