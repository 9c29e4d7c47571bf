"""Losses of attention and of hidden states."""

import math

import numpy as np

from jdistill import losses
from tests.losses.members._member import Member, log_softmax, normal, softmax

HEADS, WIDTHS = 2, (4, 6)


def query_and_key(random, batch, scale=1.0):
    """(query, key) of each side, `[batch, steps, heads, dim]`, of two widths."""
    return tuple(
        tuple(normal(random, *batch, 5, HEADS, dim, scale=scale) for _ in range(2))
        for dim in WIDTHS
    ), {}


def query_key_value(random, batch, scale=1.0):
    """(query, key, value) of each side, of two widths that 2 and 4 divide."""
    return tuple(
        tuple(normal(random, *batch, 5, width, scale=scale) for _ in range(3))
        for width in (4, 8)
    ), {}


def states(random, batch, scale=1.0):
    return tuple(normal(random, *batch, 6, scale=scale) for _ in range(2)), {}


def by_example(one):
    """A reference of one example's real tokens, as one of a batch with a mask."""

    def whole(student, teacher, *, token_mask=None, **numbers):
        batch, steps = student[0].shape[:2]
        mask = np.ones((batch, steps)) if token_mask is None else token_mask
        found = np.zeros(batch)
        for b in range(batch):
            real = mask[b] > 0
            sides = [
                [np.float64(x)[b][real] for x in side] for side in (student, teacher)
            ]
            if real.any():
                found[b] = one(*sides, **numbers)
        return found

    return whole


def scores(query, key):
    return np.stack(
        [query[:, h] @ key[:, h].T for h in range(query.shape[1])]
    ) / math.sqrt(query.shape[-1])


def divergence(student, teacher):
    p = softmax(teacher)
    return (p * (np.log(p) - log_softmax(student))).sum(-1).mean()


@by_example
def attention_scores(student, teacher):
    return ((scores(*student) - scores(*teacher)) ** 2).mean()


@by_example
def attention_kl(student, teacher):
    return divergence(scores(*student), scores(*teacher))


@by_example
def minilm(student, teacher, relation_heads):
    total = 0.0
    for ours, theirs in zip(student, teacher, strict=True):
        q, p = (x.reshape(len(x), relation_heads, -1) for x in (ours, theirs))
        total += divergence(scores(q, q), scores(p, p))
    return total


def hidden_state(student, teacher):
    return ((np.float64(student) - np.float64(teacher)) ** 2).mean(-1)


# Two sequences of three tokens, two heads of width 2, for which TextBrewer's att_mse
# and the MiniLMv2 code of Bloomberg were run; the second has its last token masked.
def numbers(rows):
    return np.array(rows).reshape(2, 3, HEADS, 2)


QUERY = numbers(
    [
        [0.9, 0.09, -0.74, -0.92, -0.46, 0.22, -1.01, -0.21, -0.16, 0.54, 0.21, 0.36],
        [-0.65, -0.13, 0.78, 1.49, -1.26, 1.51, 1.35, 0.78, 0.26, -0.31, 1.46, 1.96],
    ]
)
KEY = numbers(
    [
        [1.8, 1.32, 0.36, -1.21, 0.0, 0.66, -1.29, 0.4, 0.43, 0.7, -1.18, -0.66],
        [-0.44, -1.17, 1.74, -0.5, 0.33, -0.26, 1.58, 1.32, 0.63, -2.2, 0.05, 0.68],
    ]
)
TEACHER_QUERY = numbers(
    [
        [1.0, -0.62, 1.82, -1.32, -0.66, 0.94, 0.05, 2.0, 0.19, -0.63, -0.38, -1.09],
        [-1.28, 0.63, 0.58, 1.29, -0.75, 1.69, -0.29, 1.57, -0.43, -0.74, 0.25, 1.03],
    ]
)
TEACHER_KEY = numbers(
    [
        [0.16, -0.59, -1.34, -1.4, 0.5, 0.99, -0.16, -1.07, 0.87, -1.28, -0.71, 0.62],
        [-2.25, 0.39, -0.58, 0.11, -0.08, 0.2, 0.69, -0.76, 1.42, 0.73, 0.84, 1.16],
    ]
)
SIDES = (QUERY, KEY), (TEACHER_QUERY, TEACHER_KEY)
REAL = {"token_mask": np.array([[1.0, 1, 1], [1, 1, 0]])}
ONE = np.ones((1, 2, 1, 1))
THREE_TO_ONE = np.log(np.array([3.0, 1.0])).reshape(1, 2, 1, 1)
# One token is even on both sides, the other 1 to 3 in the teacher.
TEACHER_TOKENS = np.array([[[0.0], [math.sqrt(math.log(3))]]])
UNEVEN = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)

MEMBERS = {
    "attention_kl": Member(
        losses.attention_kl,
        query_and_key,
        attention_kl,
        golden=(
            (((0 * ONE, THREE_TO_ONE), (ONE, THREE_TO_ONE)), {}, [UNEVEN]),
            (SIDES, REAL, [0.280141504, 0.365227978]),
        ),
        at_teacher="zero",
        masks_tokens=True,
    ),
    "attention_scores": Member(
        losses.attention_scores,
        query_and_key,
        attention_scores,
        golden=(
            (((ONE, ONE), (ONE, 3 * ONE)), {}, [4.0]),
            (SIDES, REAL, [1.366801462, 3.738801776]),
        ),
        at_teacher="zero",
        masks_tokens=True,
    ),
    "hidden_state": Member(
        losses.hidden_state,
        states,
        hidden_state,
        golden=(((np.zeros((1, 2)), np.array([[1.0, 3.0]])), {}, [5.0]),),
        at_teacher="zero",
        any_batch=True,
    ),
    "minilm": Member(
        losses.minilm,
        query_key_value,
        minilm,
        golden=(
            (
                ((ONE[..., 0],), (TEACHER_TOKENS,)),
                {"relation_heads": 1},
                [UNEVEN / 2],
            ),
            (SIDES, {"relation_heads": 2, **REAL}, [0.710830372, 0.100850306]),
        ),
        numbers=({"relation_heads": 2}, {"relation_heads": 4}),
        at_teacher="zero",
        masks_tokens=True,
    ),
}
