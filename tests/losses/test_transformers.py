import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses

RANDOM = np.random.default_rng(0)


def normal(*shape):
    return jnp.asarray(RANDOM.normal(size=shape), jnp.float32)


PAIR, OTHER = ((normal(2, 5, 2, 4), normal(2, 5, 2, 4)) for _ in range(2))
JOINED, WIDE = (tuple(normal(2, 5, w) for _ in range(3)) for w in (4, 8))


def test_scores_are_shifted_by_what_the_softmax_does_not_see():
    query, key = PAIR
    ones = jnp.ones_like(query[..., :1])
    shifted = jnp.concatenate([query, ones], -1), jnp.concatenate([key, ones], -1)
    still = jnp.concatenate([query, ones], -1), jnp.concatenate([key, 0 * ones], -1)
    np.testing.assert_allclose(losses.attention_kl(shifted, still), 0, atol=1e-6)
    assert np.all(losses.attention_scores(shifted, still) > 0.1)


def test_relations_of_queries_are_attention_of_queries_to_themselves():
    (query, _), (other, _) = PAIR, OTHER
    found = losses.minilm((query,), (other,), relation_heads=2)
    wanted = losses.attention_kl((query, query), (other, other))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_attention_heads_are_joined_before_relation_heads_are_split():
    apart = tuple(x.reshape(2, 5, 2, -1) for x in JOINED)
    minilm = jax.jit(losses.minilm, static_argnames="relation_heads")
    for heads in (1, 4):
        found = minilm(apart, WIDE, relation_heads=heads)
        assert np.array_equal(found, minilm(JOINED, WIDE, relation_heads=heads))


def test_relations_of_several_kinds_add_up():
    parts = [
        losses.minilm((ours,), (theirs,), relation_heads=2)
        for ours, theirs in zip(JOINED, WIDE, strict=True)
    ]
    found = losses.minilm(JOINED, WIDE, relation_heads=2)
    np.testing.assert_allclose(found, sum(parts), rtol=1e-6)


def test_the_divergence_runs_from_teacher_to_student():
    key = jnp.array([10.0, 0.0]).reshape(1, 2, 1, 1)
    sharp, even = (jnp.ones_like(key), key), (0 * key, key)
    assert losses.attention_kl(sharp, even)[0] > 3
    assert losses.attention_kl(even, sharp)[0] < 1


def test_a_hidden_state_has_one_value_for_each_token():
    student, teacher = JOINED[:2]
    found = losses.hidden_state(student, teacher)
    assert found.shape == (2, 5)
    np.testing.assert_allclose(
        found.mean(), jnp.mean((student - teacher) ** 2), rtol=1e-6
    )


@pytest.mark.parametrize("name", ["attention_scores", "attention_kl"])
def test_other_heads_are_refused_with_a_way_out(name):
    plain = inspect.unwrap(getattr(losses, name))
    more = tuple(x.reshape(2, 5, 4, 2) for x in OTHER)
    with pytest.raises(
        ValueError, match=r"\(2, 5, 2, 4\), teacher \(2, 5, 4, 2\).*heads.*minilm"
    ):
        plain(PAIR, more)
    with pytest.raises(ValueError, match=r"teacher's query has shape .*, its key"):
        plain(PAIR, (OTHER[0], more[1]))


def test_relation_heads_that_do_not_divide_a_width_are_named():
    for heads in (3, 0):
        with pytest.raises(ValueError, match=f"relation_heads.*{heads}"):
            losses.minilm(JOINED, WIDE, relation_heads=heads)
    with pytest.raises(ValueError, match=r"relation_heads=8 .* the width 4"):
        losses.minilm(JOINED, WIDE, relation_heads=8)


def test_tuples_of_different_length_and_empty_ones_are_refused():
    with pytest.raises(ValueError, match="student has 2 arrays and teacher 3"):
        losses.minilm(JOINED[:2], WIDE, relation_heads=2)
    with pytest.raises(ValueError, match="at least one"):
        losses.minilm((), (), relation_heads=2)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [("attention_scores", {}), ("attention_kl", {}), ("minilm", {"relation_heads": 2})],
)
def test_one_array_and_a_mask_of_other_steps_are_named(name, numbers):
    plain = inspect.unwrap(getattr(losses, name))
    with pytest.raises(ValueError, match=r"student is one array of shape \(2, 5, 2, 4"):
        plain(PAIR[0], OTHER, **numbers)
    with pytest.raises(ValueError, match=r"token_mask has shape \(2, 1\), the feat"):
        plain(PAIR, OTHER, token_mask=jnp.ones((2, 1)), **numbers)
