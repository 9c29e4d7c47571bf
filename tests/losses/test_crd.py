import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import losses
from tests.losses.members._relations import embeddings, random_directions

(STUDENT, TEACHER), CONTEXT = jax.tree.map(
    jnp.asarray, embeddings(np.random.default_rng(0), (4,))
)
MEMORY = CONTEXT["memory"]


def crd(memory=MEMORY, ids=CONTEXT["ids"], **numbers):
    return losses.crd(STUDENT, TEACHER, memory=memory, ids=ids, **numbers)


def test_entries_of_the_rows_own_example_are_no_negatives():
    moved = MEMORY | {"teacher": MEMORY["teacher"].at[1].set(-1.0)}  # of example 2
    found, still = (crd(memory, temperature=1.0) for memory in (moved, MEMORY))
    assert np.array_equal(found != still, [True, True, False, True])


def test_entries_that_hold_nothing_are_no_negatives():
    moved = MEMORY | {"student": MEMORY["student"].at[5].set(9.0)}
    assert np.array_equal(crd(moved), crd())
    written = MEMORY | {"filled": jnp.ones(9)}
    assert np.all(crd(written) != crd())


def test_an_empty_memory_gives_0_and_no_gradient():
    empty = MEMORY | {"filled": jnp.zeros(9)}

    def total(rows):
        return losses.crd(rows, TEACHER, memory=empty, ids=CONTEXT["ids"]).sum()

    value, slope = jax.value_and_grad(total)(STUDENT)
    assert value == 0 and not np.any(slope)


def test_padded_rows_get_0_and_no_gradient():
    mask = jnp.array([1.0, 0.0, 1.0, 0.0])

    def total(rows):
        values = losses.crd(rows, TEACHER, **CONTEXT, mask=mask)
        return values.sum(), values

    padded = jnp.where(mask[:, None] > 0, STUDENT, jnp.nan)
    slope, values = jax.grad(total, has_aux=True)(padded)
    assert np.array_equal(values, crd() * mask)
    assert np.array_equal(np.any(slope, axis=1), mask)


def test_pairs_that_agree_are_better_than_pairs_that_do_not():
    wide = jnp.eye(16)
    memory = {"student": wide[8:], "teacher": wide[8:], "filled": jnp.ones(8)}
    context = {"memory": memory | {"ids": jnp.arange(8, 16)}, "ids": jnp.arange(8)}
    agree = losses.crd(wide[:8], wide[:8], **context)
    not_agree = losses.crd(wide[:8], wide[7::-1], **context)
    assert np.all(agree < not_agree)


@pytest.mark.parametrize(("dim", "temperature"), [(6, 0.07), (128, 0.07), (16, 0.5)])
def test_the_default_constant_is_the_mean_over_random_directions(dim, temperature):
    rows = jnp.eye(4, dim)
    memory = {"student": rows, "teacher": rows, "filled": jnp.ones(4)}
    context = {"memory": memory | {"ids": jnp.arange(4)}, "ids": jnp.arange(4)}
    mean = np.exp(random_directions(dim, temperature))
    found = losses.crd(rows, rows, **context, temperature=temperature)
    wanted = losses.crd(
        rows, rows, **context, temperature=temperature, normalizer=float(mean)
    )
    np.testing.assert_allclose(found, wanted, rtol=0.1)


def test_the_default_constant_is_what_the_published_code_measures():
    # RepDistiller's ContrastMemory at width 128 on random rows: 2.2019 and 2.2151.
    assert np.exp(random_directions(128, 0.07)) == pytest.approx(2.2085, rel=4e-3)


def test_a_memory_that_does_not_fit_is_named():
    plain = inspect.unwrap(losses.crd)
    short = {name: MEMORY[name] for name in ("student", "teacher", "ids")}
    with pytest.raises(ValueError, match="memory has no 'filled'; there are"):
        plain(STUDENT, TEACHER, memory=short, ids=CONTEXT["ids"])
    narrow = MEMORY | {"teacher": MEMORY["teacher"][:, :5]}
    with pytest.raises(ValueError, match=r"memory\['teacher'\] has width 5, .* 6"):
        plain(STUDENT, TEACHER, memory=narrow, ids=CONTEXT["ids"])
    with pytest.raises(ValueError, match=r"student has shape .*, teacher"):
        plain(STUDENT, TEACHER[:, :5], memory=MEMORY, ids=CONTEXT["ids"])
    with pytest.raises(ValueError, match=r"normalizer must be above 0, got 0\.0"):
        crd(normalizer=0.0)
