"""The same losses from hidden states: equal to those of logits, and small in memory."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses
from jdistill.typing import SparseTarget
from tests.losses.members._member import normal
from tests.losses.members._sparse import target_of

PAIRS = {
    losses.sparse_vocabulary_kl: losses.sparse_kl,
    losses.sparse_vocabulary_soft_cross_entropy: losses.sparse_soft_cross_entropy,
}
DIM, VOCAB = 8, 50


@pytest.fixture
def sides():
    random = np.random.default_rng(0)
    hidden, head = normal(random, 3, 7, DIM), normal(random, DIM, VOCAB)
    return jax.tree.map(
        jnp.asarray, (hidden, head, target_of(random, (3, 7), VOCAB - 9, 2.0))
    )


@pytest.mark.parametrize("loss", PAIRS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("chunk", [1, 4, 21, 1000])
@pytest.mark.parametrize("tail", [True, False])
def test_chunks_give_value_and_both_gradients_of_the_logits(sides, loss, chunk, tail):
    hidden, head, target = sides
    target = target if tail else target._replace(log_tail=None)
    weights = np.random.default_rng(1).normal(size=hidden.shape[:2])

    def chunked(hidden, head):
        options = {"cap": 5.0, "valid": VOCAB - 9, "temperature": 2.0, "chunk": chunk}
        return (weights * loss(hidden, target, head=head, **options)).sum()

    def dense(hidden, head):
        z = 5.0 * jnp.tanh((hidden @ head)[..., : VOCAB - 9] / 5.0)
        return (weights * PAIRS[loss](z, target, temperature=2.0)).sum()

    found, wanted = (
        jax.jit(jax.value_and_grad(f, (0, 1)))(hidden, head) for f in (chunked, dense)
    )
    for a, b in zip(*map(jax.tree.leaves, (found, wanted)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_no_more_logits_than_a_chunks_are_ever_there():
    tokens, dim, vocab, k, chunk = 1024, 16, 4096, 8, 64
    shapes = [
        jax.ShapeDtypeStruct(shape, kind)
        for shape, kind in (
            ((tokens, dim), jnp.float32),
            ((dim, vocab), jnp.float32),
            ((tokens, k), jnp.int32),
            ((tokens, k), jnp.float32),
            ((tokens,), jnp.float32),
        )
    ]

    def total(hidden, head, *target):
        loss = losses.sparse_vocabulary_kl
        return loss(hidden, SparseTarget(*target), head=head, chunk=chunk).sum()

    program = jax.jit(jax.grad(total, (0, 1))).lower(*shapes).compile()
    logits = tokens * vocab * 4
    assert program.memory_analysis().temp_size_in_bytes < logits / 2


def test_the_gradient_of_a_head_of_16_bits_is_summed_in_32():
    """Of 4,096 equal parts, each below half a step of the sum in 8 bits of mantissa."""
    hidden = jnp.ones((4096, 1), jnp.bfloat16)
    target = SparseTarget(jnp.zeros((4096, 1), jnp.int32), jnp.zeros((4096, 1)))

    def total(head):
        return losses.sparse_vocabulary_kl(hidden, target, head=head, chunk=4).sum()

    found = jax.grad(total)(jnp.zeros((1, 2), jnp.bfloat16))
    np.testing.assert_allclose(np.float32(found), [[-2048, 2048]], rtol=0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chunk": 0}, "chunk must be at least 1 token, got 0"),
        ({"valid": VOCAB + 1}, "valid must be 1 to 50"),
        ({"cap": 0.0}, "cap must be above 0"),
        (
            {"head": jnp.ones((DIM + 1, VOCAB))},
            r"the head \(9, 50\): it must",
        ),
        (
            {"target": SparseTarget(jnp.zeros((3, 1)), jnp.zeros((3, 1)))},
            "the student has",
        ),
    ],
)
def test_what_does_not_fit_is_named(sides, changes, message):
    hidden, head, target = sides
    given = {"hidden": hidden, "target": target, "head": head} | changes
    with pytest.raises(ValueError, match=message):
        inspect.unwrap(losses.sparse_vocabulary_kl)(**given)
