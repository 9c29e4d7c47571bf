import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from jdistill import losses
from tests.losses.members import MEMBERS

CASES = [
    pytest.param(member, numbers, id=f"{name}{dict(numbers) or ''}")
    for name, member in MEMBERS.items()
    for numbers in member.numbers
]
each = pytest.mark.parametrize(("member", "numbers"), CASES)
FIRST = [case for case in CASES if case.values[1] is case.values[0].numbers[0]]
each_once = pytest.mark.parametrize(("member", "numbers"), FIRST)
REFUSED = (ValueError, TypeError, TypeCheckError)


def each_where(holds, cases=CASES):
    cases = [case for case in cases if holds(case.values[0])]
    return pytest.mark.parametrize(("member", "numbers"), cases)


def family(holds):
    names = [name for name, member in MEMBERS.items() if holds(member)]
    return pytest.mark.parametrize("member", [MEMBERS[n] for n in names], ids=names)


def arrays(member, batch=(6,), seed=0, **scale):
    """float32 arguments of a family, and what comes from the batch."""
    return member.arrays(np.random.default_rng(seed), batch, **scale)


def floats(function, values):
    return jax.tree.map(
        lambda x: function(x) if jnp.issubdtype(x.dtype, jnp.floating) else x, values
    )


def compiled(member, numbers, *, gradient=True):
    """The loss, with the gradient of its sum unless it is not asked for.

    One program serves all tests of a case: compiling is what they take their time for.
    """

    def loss(arguments, context):
        return member.loss(*arguments, **context, **numbers)

    def both(arguments, context):
        first, *rest = arguments

        def total(first):
            values = loss((first, *rest), context)
            return values.sum(), values

        slope, values = jax.grad(total, has_aux=True)(first)
        return values, slope

    function = both if gradient else loss
    if not all(isinstance(x, (int, float, str, tuple)) for x in numbers.values()):
        return jax.jit(function)
    key = (member.loss, gradient, repr(sorted(numbers.items())))
    return COMPILED.setdefault(key, jax.jit(function))


COMPILED = {}


def given(arguments, context):
    return jax.tree.map(jnp.asarray, (tuple(arguments), dict(context)))


def alone(member, arguments, context, numbers):
    """The values by a program of their own, for shapes that no gradient is taken at."""
    return compiled(member, numbers, gradient=False)(*given(arguments, context))


def apply(member, arguments, context, numbers):
    return compiled(member, numbers)(*given(arguments, context))[0]


def slope(member, arguments, context, numbers):
    return compiled(member, numbers)(*given(arguments, context))[1]


def exact(member, arguments, context, numbers):
    """The reference, in float64."""
    arguments, context = floats(np.float64, (tuple(arguments), dict(context)))
    return member.reference(*arguments, **context, **numbers)


def rows_of(values, index):
    return jax.tree.map(lambda x: x[index], values)


def test_the_table_has_every_loss():
    assert sorted(MEMBERS) == sorted(losses.__all__)
    assert all(MEMBERS[name].loss is getattr(losses, name) for name in MEMBERS)


@each
@pytest.mark.parametrize("batch", [(6,), (2, 3)])
def test_values_equal_the_float64_equation(member, numbers, batch):
    if len(batch) > 1 and not member.any_batch:
        pytest.skip("it has one axis of examples")
    arguments, context = arrays(member, batch)
    wanted = exact(member, arguments, context, numbers)
    values = apply if batch == (6,) else alone
    found = values(member, arguments, context, numbers)
    np.testing.assert_allclose(found, wanted, rtol=5e-5, atol=5e-6)
    assert np.any(wanted)
    assert found.dtype == jnp.float32
    if member.per_example:
        assert found.shape[: len(batch)] == batch


@pytest.mark.parametrize("name", MEMBERS)
def test_values_equal_those_worked_out_by_hand(name):
    assert MEMBERS[name].golden
    for arguments, numbers, wanted in MEMBERS[name].golden:
        context = {
            k: v for k, v in numbers.items() if isinstance(v, (np.ndarray, dict))
        }
        numbers = {k: v for k, v in numbers.items() if k not in context}
        arguments = floats(np.float32, arguments)
        found = alone(MEMBERS[name], arguments, context, numbers)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@family(lambda member: member.second is not None)
def test_values_equal_a_second_implementation(member):
    arguments, context = arrays(member)
    wanted = member.second(*arguments, **context)
    found = apply(member, arguments, context, member.numbers[0])
    np.testing.assert_allclose(found, wanted, rtol=5e-5, atol=5e-6)


@each
def test_gradients_equal_float64_differences_in_random_directions(member, numbers):
    (first, *rest), context = arrays(member)
    found = slope(member, (first, *rest), context, numbers)
    random, step = np.random.default_rng(1), 1e-5
    for _ in range(6):
        way = jax.tree.map(lambda x: random.normal(size=x.shape), first)

        def total(length, way=way):
            moved = jax.tree.map(lambda x, w: np.float64(x) + length * w, first, way)
            return np.sum(exact(member, (moved, *rest), context, numbers))

        wanted = (total(step) - total(-step)) / (2 * step)
        along = jax.tree.map(lambda g, w: np.sum(np.float64(g) * w), found, way)
        size = np.sqrt(sum(np.sum(np.float64(g) ** 2) for g in jax.tree.leaves(found)))
        np.testing.assert_allclose(
            sum(jax.tree.leaves(along)), wanted, rtol=1e-3, atol=1e-4 * size + 1e-7
        )


@each_once
def test_compiled_equals_eager(member, numbers):
    arguments, context = jax.tree.map(jnp.asarray, arrays(member))
    eager = member.loss(*arguments, **context, **numbers)
    found = apply(member, arguments, context, numbers)
    np.testing.assert_allclose(found, eager, rtol=2e-5, atol=2e-6)


@each_where(lambda member: member.per_example, FIRST)
def test_no_examples_have_no_values(member, numbers):
    arguments, context = jax.tree.map(jnp.asarray, arrays(member))
    shared = {name: context[name] for name in member.shared}
    each = {name: context[name] for name in context if name not in shared}
    found = jax.eval_shape(
        lambda arguments, each: member.loss(*arguments, **each, **shared, **numbers),
        *rows_of((tuple(arguments), each), slice(0)),
    )
    assert found.shape[0] == 0


@each_where(lambda member: member.per_example and not member.relates, FIRST)
def test_vmap_equals_the_batch(member, numbers):
    arguments, context = jax.tree.map(jnp.asarray, arrays(member))
    shared = {name: context[name] for name in member.shared}
    each = {name: context[name] for name in context if name not in shared}
    one = jax.tree.map(lambda x: x[:, None], (arguments, each))
    if member.any_batch:
        one = arguments, each
    found = jax.jit(jax.vmap(lambda a, c: member.loss(*a, **c, **shared, **numbers)))(
        *one
    )
    whole = apply(member, arguments, context, numbers)
    np.testing.assert_allclose(found.reshape(whole.shape), whole, rtol=2e-5, atol=2e-6)


@each_once
def test_bfloat16_comes_out_as_float32_computed_in_float32(member, numbers):
    arguments, context = arrays(member)
    arguments = floats(lambda x: jnp.asarray(x, jnp.bfloat16), arguments)
    found = apply(member, arguments, context, numbers)
    rounded = floats(lambda x: np.asarray(x, np.float32), arguments)
    assert found.dtype == jnp.float32
    wanted = exact(member, rounded, context, numbers)
    np.testing.assert_allclose(found, wanted, rtol=5e-5, atol=5e-5)
    for leaf in jax.tree.leaves(slope(member, arguments, context, numbers)):
        assert leaf.dtype == jnp.bfloat16


@each
@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_value_and_gradient_are_finite_at_zeros_and_huge_inputs(member, numbers, scale):
    arguments, context = arrays(member)
    arguments = floats(lambda x: np.float32(scale) * np.sign(x), arguments)
    assert np.all(np.isfinite(apply(member, arguments, context, numbers)))
    for leaf in jax.tree.leaves(slope(member, arguments, context, numbers)):
        assert np.all(np.isfinite(leaf))


@each_where(lambda member: member.shift_invariant)
def test_a_constant_added_to_all_logits_changes_nothing(member, numbers):
    (first, *rest), context = arrays(member)
    moved = apply(member, (first + np.float32(3.0), *rest), context, numbers)
    still = apply(member, (first, *rest), context, numbers)
    np.testing.assert_allclose(moved, still, rtol=1e-4, atol=1e-5)


@each_where(lambda member: member.per_example and not member.relates)
def test_each_value_depends_on_its_own_example_alone(member, numbers):
    (first, *rest), context = arrays(member)
    other = jax.tree.map(np.copy, first)
    for leaf in jax.tree.leaves(other):
        leaf[2] = -leaf[2][..., ::-1] - 0.5
    found = apply(member, (other, *rest), context, numbers)
    still = apply(member, (first, *rest), context, numbers)
    changed = np.asarray(found != still).reshape(6, -1).any(1)
    assert np.array_equal(changed, [False, False, True, False, False, False])


@each_where(lambda member: member.relates)
def test_a_relation_sees_the_other_rows_in_any_order(member, numbers):
    (first, *rest), context = arrays(member)
    still = apply(member, (first, *rest), context, numbers)
    other = jax.tree.map(np.copy, first)
    for leaf in jax.tree.leaves(other):
        leaf[2] = -leaf[2][..., ::-1] - 0.5
    found = apply(member, (other, *rest), context, numbers)
    assert np.any(np.asarray(found != still)[[0, 1, 3, 4, 5]])
    order = np.array([3, 1, 5, 0, 2, 4])
    arguments, context = rows_of(((first, *rest), context), order)
    found = apply(member, arguments, context, numbers)
    np.testing.assert_allclose(found, still[order], rtol=1e-4, atol=1e-6)


@each_where(lambda member: member.relates)
def test_padded_rows_change_neither_values_nor_gradients(member, numbers):
    arguments, context = arrays(member, (4,))
    still = apply(member, arguments, context, numbers)
    flat = slope(member, arguments, context, numbers)
    junk, more = arrays(member, (6,), seed=1)
    for leaf in jax.tree.leaves(junk):
        leaf[5] = np.nan
    padded = jax.tree.map(
        lambda x, y: np.concatenate([x, y[4:]]), (arguments, context), (junk, more)
    )
    mask = np.array([1, 1, 1, 1, 0, 0], np.float32)
    context = {**padded[1], "mask": mask}
    found = apply(member, padded[0], context, numbers)
    np.testing.assert_allclose(found[:4], still, rtol=1e-4, atol=1e-6)
    assert not np.any(found[4:])
    steep = slope(member, padded[0], context, numbers)
    for new, old in zip(jax.tree.leaves(steep), jax.tree.leaves(flat), strict=True):
        np.testing.assert_allclose(new[:4], old, rtol=1e-3, atol=1e-5)
        assert not np.any(new[4:])


@each_where(lambda member: member.relates)
@pytest.mark.parametrize("real", [0, 1, 2])
def test_few_or_no_real_rows_give_finite_numbers(member, numbers, real):
    arguments, context = arrays(member)
    mask = np.float32(np.arange(6) < real)
    found = apply(member, arguments, {**context, "mask": mask}, numbers)
    steep = slope(member, arguments, {**context, "mask": mask}, numbers)
    assert np.all(np.isfinite(found))
    for leaf in jax.tree.leaves(steep):
        assert np.all(np.isfinite(leaf))
        assert real or not np.any(leaf)
    assert real or not np.any(found)


@each_where(lambda member: member.masks_tokens)
def test_padded_tokens_change_neither_values_nor_gradients(member, numbers):
    arguments, context = arrays(member)
    (batch, steps), real = jax.tree.leaves(arguments)[0].shape[:2], 3
    cropped = jax.tree.map(lambda x: x[:, :real], arguments)
    still = apply(member, cropped, context, numbers)
    flat = slope(member, cropped, context, numbers)
    mask = np.float32(np.arange(steps) < real) * np.ones((batch, 1), np.float32)
    context = {**context, "token_mask": mask}
    for leaf in jax.tree.leaves(arguments):
        leaf[:, real + 1 :] = np.nan
    found = apply(member, arguments, context, numbers)
    np.testing.assert_allclose(found, still, rtol=1e-4, atol=1e-6)
    steep = slope(member, arguments, context, numbers)
    for new, old in zip(jax.tree.leaves(steep), jax.tree.leaves(flat), strict=True):
        np.testing.assert_allclose(new[:, :real], old, rtol=1e-3, atol=1e-5)
        assert not np.any(new[:, real:])


@each_where(lambda member: member.masks_tokens)
def test_an_example_without_real_tokens_gives_zero_and_no_gradient(member, numbers):
    arguments, context = arrays(member, (3,))
    shape = jax.tree.leaves(arguments)[0].shape[:2]
    mask = np.ones(shape, np.float32) * np.array([[1.0], [0.0], [1.0]], np.float32)
    context = {**context, "token_mask": mask}
    found = apply(member, arguments, context, numbers)
    assert np.array_equal(found != 0, [True, False, True])
    for leaf in jax.tree.leaves(slope(member, arguments, context, numbers)):
        assert np.all(np.isfinite(leaf))
        assert not np.any(leaf[1])


@each_where(lambda member: member.at_teacher is not None)
def test_a_student_equal_to_the_teacher_is_best(member, numbers):
    (student, teacher), context = arrays(member)
    best = apply(member, (teacher, teacher), context, numbers)
    if member.at_teacher == "zero":
        np.testing.assert_allclose(best, 0, atol=1e-5)
    worse = apply(member, (student, teacher), context, numbers)
    assert np.all(best <= worse)
    for leaf in jax.tree.leaves(slope(member, (teacher, teacher), context, numbers)):
        np.testing.assert_allclose(leaf, 0, atol=2e-5)


@family(lambda member: member.squared_temperature)
def test_the_gradient_keeps_its_size_over_temperatures(member):
    arguments, context = arrays(member, (64,), scale=1.0)
    sizes = [
        float(jnp.linalg.norm(slope(member, arguments, context, {"temperature": t})))
        for t in (1.0, 4.0, 20.0, 100.0)
    ]
    assert max(sizes) / min(sizes) < 1.5, sizes  # 1e4 without the factor
    assert sizes[2] == pytest.approx(sizes[3], rel=0.02)


@family(lambda member: member.squared_temperature and member.at_teacher == "zero")
def test_a_student_near_the_teacher_is_far_above_rounding_at_a_high_temperature(member):
    (student, teacher), context = arrays(member)
    near, numbers = teacher + np.float32(0.05) * student, {"temperature": 20.0}
    found = apply(member, (near, teacher), context, numbers)
    wanted = exact(member, (near, teacher), context, numbers)
    np.testing.assert_allclose(found, wanted, rtol=0.01)  # rounding times 400 is 0.1
    # compiled, the two softmaxes may differ by a rounding: its square remains
    same = apply(member, (teacher, teacher), context, numbers)
    np.testing.assert_allclose(same, 0, atol=1e-9)


@family(lambda member: "temperature" in inspect.signature(member.loss).parameters)
def test_a_temperature_may_be_traced_and_a_wrong_one_is_named(member):
    arguments, context = arrays(member)

    def at(temperature):
        numbers = {**member.numbers[0], "temperature": temperature}
        return alone(member, arguments, context, numbers)

    np.testing.assert_allclose(jax.jit(at)(4.0), at(4), rtol=2e-5, atol=2e-6)
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"temperature must be above 0.*{wrong}"):
            at(wrong)


@family(lambda member: member.per_example)
def test_shapes_that_do_not_fit_are_refused(member):
    arguments, context = arrays(member)
    if len(arguments) == 1:
        pytest.skip("it has one argument")
    first, second = arguments
    for rows in (slice(1), slice(3), None):
        wrong = rows_of(second, rows)
        with pytest.raises(REFUSED):
            alone(member, (first, wrong), context, member.numbers[0])


@family(lambda member: member.per_example and member.at_teacher is not None)
def test_shapes_that_do_not_fit_are_refused_without_the_checks_of_tests(member):
    (first, second), context = jax.tree.map(jnp.asarray, arrays(member))
    for rows in (slice(1), slice(3), None):
        wrong = first, rows_of(second, rows)
        with pytest.raises(ValueError, match=r"student has shape .*, teacher"):
            inspect.unwrap(member.loss)(*wrong, **context, **member.numbers[0])


@family(lambda member: not member.per_example)
def test_a_penalty_is_zero_for_zeros_and_grows_with_the_size(member):
    (weights,), _ = arrays(member)
    assert apply(member, (0 * weights,), {}, {}) == 0
    assert apply(member, (2 * weights,), {}, {}) > apply(member, (weights,), {}, {})
    assert not np.any(slope(member, (0 * weights,), {}, {}))
