import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from jdistill import losses
from tests.losses.members import MEMBERS

BATCHES = [(6,), (2, 3)]
CLASSES = 5
CASES = [
    pytest.param(member, numbers, id=f"{name}{dict(numbers) or ''}")
    for name, member in MEMBERS.items()
    for numbers in member.numbers
]
each = pytest.mark.parametrize(("member", "numbers"), CASES)
PER_EXAMPLE = [case for case in CASES if case.values[0].inputs != "weights"]
each_of_a_batch = pytest.mark.parametrize(("member", "numbers"), PER_EXAMPLE)


def family(inputs):
    names = [name for name, member in MEMBERS.items() if inputs(member)]
    return pytest.mark.parametrize("member", [MEMBERS[n] for n in names], ids=names)


def arrays(member, batch, seed=0, scale=2.0):
    """float32 arguments of a family, the differentiated one first."""
    random = np.random.default_rng(seed)
    first = (scale * random.normal(size=(*batch, CLASSES))).astype(np.float32)
    if member.inputs == "weights":
        return (first,)
    if member.inputs == "labels":
        return first, random.integers(CLASSES, size=batch)
    return first, (scale * random.normal(size=first.shape)).astype(np.float32)


def apply(member, arguments, numbers):
    return member.loss(*map(jnp.asarray, arguments), **numbers)


def slope(member, arguments, numbers):
    first, *rest = map(jnp.asarray, arguments)
    return jax.grad(lambda x: member.loss(x, *rest, **numbers).sum())(first)


def test_the_table_has_every_loss():
    assert sorted(MEMBERS) == sorted(losses.__all__)
    assert all(MEMBERS[name].loss is getattr(losses, name) for name in MEMBERS)


@each
@pytest.mark.parametrize("batch", BATCHES)
def test_values_equal_the_float64_equation(member, numbers, batch):
    arguments = arrays(member, batch)
    wanted = member.reference(*arguments, **numbers)
    found = apply(member, arguments, numbers)
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6)
    assert found.shape == (() if member.inputs == "weights" else batch)


@pytest.mark.parametrize("name", MEMBERS)
def test_values_equal_those_worked_out_by_hand(name):
    for arguments, numbers, wanted in MEMBERS[name].golden:
        arguments = [np.float32(a) if a.dtype == float else a for a in arguments]
        found = apply(MEMBERS[name], arguments, numbers)
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


@family(lambda member: member.second is not None)
def test_values_equal_a_second_implementation(member):
    arguments = arrays(member, (6,))
    wanted = member.second(*arguments)
    np.testing.assert_allclose(
        apply(member, arguments, {}), wanted, rtol=2e-5, atol=2e-6
    )


@each
def test_gradients_equal_float64_finite_differences(member, numbers):
    first, *rest = arrays(member, (3,))
    found, step = slope(member, (first, *rest), numbers), 1e-5
    for index in np.ndindex(first.shape):
        moved = np.zeros(first.shape)
        moved[index] = step
        above = member.reference(np.float64(first) + moved, *rest, **numbers).sum()
        below = member.reference(np.float64(first) - moved, *rest, **numbers).sum()
        wanted = (above - below) / (2 * step)
        np.testing.assert_allclose(found[index], wanted, rtol=1e-3, atol=1e-5)


@each
def test_compiled_equals_eager(member, numbers):
    arguments = [jnp.asarray(a) for a in arrays(member, (6,))]
    compiled = jax.jit(functools.partial(member.loss, **numbers))(*arguments)
    np.testing.assert_allclose(compiled, member.loss(*arguments, **numbers), rtol=1e-5)


@each_of_a_batch
def test_vmap_equals_the_batch(member, numbers):
    arguments = [jnp.asarray(a) for a in arrays(member, (6,))]
    one_by_one = jax.vmap(functools.partial(member.loss, **numbers))(*arguments)
    whole = member.loss(*arguments, **numbers)
    np.testing.assert_allclose(one_by_one, whole, rtol=1e-5, atol=1e-6)


@each
def test_bfloat16_comes_out_as_float32_summed_in_float32(member, numbers):
    arguments = [
        jnp.asarray(a, jnp.bfloat16 if a.dtype == np.float32 else None)
        for a in arrays(member, (512,))
    ]
    found = member.loss(*arguments, **numbers)
    exact = [np.asarray(a, np.float32) if a.ndim > 1 else a for a in arguments]
    assert found.dtype == jnp.float32
    wanted = member.reference(*exact, **numbers)
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5)
    assert slope(member, arguments, numbers).dtype == jnp.bfloat16


@each
@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_value_and_gradient_are_finite_at_zeros_and_huge_inputs(member, numbers, scale):
    arguments = [
        np.float32(scale) * np.sign(a) if a.dtype == np.float32 else a
        for a in arrays(member, (6,))
    ]
    assert np.all(np.isfinite(apply(member, arguments, numbers)))
    assert np.all(np.isfinite(slope(member, arguments, numbers)))


@each_of_a_batch
def test_a_constant_added_to_all_logits_changes_nothing(member, numbers):
    if not member.shift_invariant:
        pytest.skip("its equation has no softmax")
    first, *rest = arrays(member, (6,))
    moved = apply(member, (first + np.float32(3.0), *rest), numbers)
    still = apply(member, (first, *rest), numbers)
    np.testing.assert_allclose(moved, still, rtol=1e-4, atol=1e-5)


@each_of_a_batch
def test_each_value_depends_on_its_own_example_alone(member, numbers):
    first, *rest = arrays(member, (4,))
    other = first.copy()
    other[2] += np.arange(CLASSES)
    found = apply(member, (other, *rest), numbers)
    still = apply(member, (first, *rest), numbers)
    assert np.array_equal(np.asarray(found != still), [False, False, True, False])


@family(lambda member: member.inputs == "logits")
def test_a_student_equal_to_the_teacher_is_best(member):
    for numbers in member.numbers:
        student, teacher = arrays(member, (6,))
        best = apply(member, (teacher, teacher), numbers)
        if member.at_teacher == "zero":
            np.testing.assert_allclose(best, 0, atol=1e-5)
        assert np.all(best <= apply(member, (student, teacher), numbers))
        flat = slope(member, (teacher, teacher), numbers)
        np.testing.assert_allclose(flat, 0, atol=1e-5)


@family(lambda member: member.squared_temperature)
def test_the_gradient_keeps_its_size_over_temperatures(member):
    arguments = arrays(member, (64,), scale=1.0)
    sizes = [
        float(jnp.linalg.norm(slope(member, arguments, {"temperature": t})))
        for t in (1.0, 4.0, 20.0, 100.0)
    ]
    assert max(sizes) / min(sizes) < 1.35, sizes
    assert sizes[2] == pytest.approx(sizes[3], rel=0.02)


@family(lambda member: "temperature" in inspect.signature(member.loss).parameters)
def test_a_temperature_may_be_traced_and_a_wrong_one_is_named(member):
    arguments = [jnp.asarray(a) for a in arrays(member, (6,))]
    traced = jax.jit(lambda t: member.loss(*arguments, temperature=t))(4.0)
    np.testing.assert_allclose(
        traced, member.loss(*arguments, temperature=4), rtol=1e-5, atol=1e-6
    )
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match=f"temperature must be above 0.*{wrong}"):
            member.loss(*arguments, temperature=wrong)


@family(lambda member: member.inputs != "weights")
def test_shapes_that_do_not_fit_are_refused(member):
    first, second = map(jnp.asarray, arrays(member, (6,)))
    for wrong in (second[:1], second[:3], second[None]):
        with pytest.raises((ValueError, TypeError, TypeCheckError)):
            member.loss(first, wrong)


@family(lambda member: member.inputs == "logits")
def test_shapes_that_do_not_fit_are_refused_without_the_checks_of_tests(member):
    student, teacher = map(jnp.asarray, arrays(member, (6,)))
    for wrong in (teacher[:1], teacher[:, :1], teacher[:, :4]):
        with pytest.raises(ValueError, match=r"student has shape \(6, 5\), teacher"):
            inspect.unwrap(member.loss)(student, wrong)


@family(lambda member: member.inputs == "weights")
def test_a_penalty_is_zero_for_zeros_and_grows_with_the_size(member):
    (weights,) = arrays(member, (6,))
    assert apply(member, (0 * weights,), {}) == 0
    assert apply(member, (2 * weights,), {}) > apply(member, (weights,), {})
    assert not np.any(slope(member, (0 * weights,), {}))
