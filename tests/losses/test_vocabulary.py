import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as Spec

from jdistill import losses
from jdistill.losses import over_vocabulary
from jdistill.losses._vocabulary_arguments import given_of
from jdistill.losses._vocabulary_blocks import Plan
from jdistill.losses._vocabulary_gradient import differentiable
from jdistill.losses._vocabulary_rows import ROWS, row_of
from jdistill.typing import SparseTarget
from tests.losses.members import MEMBERS
from tests.losses.members._sparse import target_of

BATCH, DIMS, COLUMNS, VALID = (3, 7), (4, 6), 23, 20
CAPS = {"cap": 5.0, "teacher_cap": 8.0}
WORDS = {"chunk": 4, "valid": VALID, **CAPS}
FORMS = {
    "forward": {"form": "forward"},
    "recomputed": {"form": "recompute"},
    "blocked": {"form": "recompute", "block": 6},
}
TRIED = {"jsd": ["forward"], "total_variation": ["recomputed"]}
MOVED = r"= (.*?) (all-\w+|reduce-scatter|collective-\w+)\("
NUMBERS = {
    "jsd": {"beta": 0.3},
    "skewed_kl": {"alpha": 0.6},
    "label_smoothing": {"smoothing": 0.2},
}
some_forms = pytest.mark.parametrize("form", [FORMS["forward"], FORMS["blocked"]])
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def numbers_of(row):
    warm = {"temperature": 2.0} if row.taught or row.some else {}
    return warm | NUMBERS.get(row.loss.__name__, {})


def arrays(seed=0, batch=BATCH, columns=COLUMNS):
    """Hidden states and heads of both sides, labels, and weights, some of them 0."""
    random = np.random.default_rng(seed)

    def normal(*shape):
        return random.normal(size=shape).astype(np.float32)

    student, teacher = normal(*batch, DIMS[0]), normal(*batch, DIMS[1])
    heads = normal(DIMS[0], columns), normal(DIMS[1], columns)
    labels = jnp.asarray(random.integers(VALID, size=batch))
    weights = random.integers(3, size=batch).astype(np.float32)
    return (student, teacher, *heads), labels, weights


def logits(hidden, head, cap):
    z = np.float64(hidden) @ np.float64(head)
    return (cap * np.tanh(z / cap))[..., :VALID]


def target(seed=3, batch=BATCH, tail=True):
    """Some classes of each token, and a tail, or none and shares that add up to 1."""
    found = target_of(np.random.default_rng(seed), batch, VALID, 2.0)
    if tail:
        return found
    total = np.log(np.exp(found.log_p).sum(-1, keepdims=True))
    return SparseTarget(found.ids, found.log_p - total)


def others(row):
    """What a loss without a teacher's logits compares with, of each kind."""
    return [target(), target(tail=False)] if row.some else [arrays()[1]]


def dense(row, given, labels):
    student, teacher, head, teacher_head = given
    z = CAPS["cap"] * jnp.tanh(student @ head / CAPS["cap"])[..., :VALID]
    other = teacher @ teacher_head / CAPS["teacher_cap"]
    other = CAPS["teacher_cap"] * jnp.tanh(other)[..., :VALID]
    return row.loss(z, other if row.taught else labels, **numbers_of(row))


def called(values, row, given, labels, weights, **numbers):
    student, teacher, head, teacher_head = given
    if row.taught:
        heads = {"head": head, "teacher_head": teacher_head}
        return values(student, teacher, **heads, weights=weights, **numbers)
    return values(student, labels, head=head, weights=weights, **numbers)


def with_gradients(function, given):
    """Values, and gradients of a weighted sum of them, in one program."""

    def total(given):
        values, weights = function(given)
        return jnp.sum(jnp.where(weights == 0, 0.0, values * weights)), values

    (_, values), slopes = jax.jit(jax.value_and_grad(total, has_aux=True))(given)
    return values, slopes


@pytest.mark.parametrize(
    ("row", "labels"),
    [(row, other) for row in ROWS for other in others(row)],
    ids=lambda x: x.loss.__name__ if hasattr(x, "loss") else type(x).__name__,
)
def test_values_and_gradients_are_those_of_the_whole_logits(row, labels):
    given, _, weights = arrays()
    numbers, name = numbers_of(row), row.loss.__name__
    whole, steep = with_gradients(lambda g: (dense(row, g, labels), weights), given)
    caps = CAPS["cap"], CAPS["teacher_cap"]
    both = [logits(x, w, c) for x, w, c in zip(given[:2], given[2:], caps, strict=True)]
    other = both[1] if row.taught else jax.tree.map(np.asarray, labels)
    exact = MEMBERS[name].reference(both[0], other, **numbers)
    for form in (
        FORMS
        if name in ("kl", "cross_entropy", "sparse_kl")
        else TRIED.get(name, ["blocked"])
    ):
        values = over_vocabulary(row.loss, **WORDS, **FORMS[form])

        def ours(g, values=values):
            return called(values, row, g, labels, weights, **numbers), weights

        found, slopes = with_gradients(ours, given)
        assert found.dtype == jnp.float32
        np.testing.assert_allclose(found, np.where(weights, exact, 0), 1e-6, 6e-6)
        np.testing.assert_allclose(found, np.where(weights, whole, 0), 1e-6, 6e-6)
        for mine, theirs in zip(slopes, steep, strict=True):
            size = np.abs(theirs).max() + 1e-6
            # rounding: what cancels in a teacher's gradient is a few times larger
            np.testing.assert_allclose(mine / size, theirs / size, atol=2e-6)


@some_forms
def test_tokens_of_weight_0_are_left_out_whatever_they_hold(form):
    given, _, weights = arrays()
    values = over_vocabulary(losses.kl, **WORDS, **form)
    spoilt = [np.where(weights[..., None], x, np.nan) for x in given[:2]]

    def ours(g):
        heads = {"head": g[2], "teacher_head": g[3]}
        return values(*g[:2], **heads, weights=weights), weights

    still, flat = with_gradients(ours, given)
    found, slopes = with_gradients(ours, (*spoilt, *given[2:]))
    np.testing.assert_array_equal(found, still)
    jax.tree.map(np.testing.assert_array_equal, slopes, flat)
    assert np.all(np.asarray(found)[weights == 0] == 0)


def test_only_chunks_with_tokens_that_count_are_visited():
    visited = []

    def look(chunk):
        visited.append(np.asarray(chunk))

    row = ROWS[2]
    given, _, _ = arrays(batch=(12,))
    weights = np.float32([0, 1, 0, 0, 2, 0, 0, 0, 0, 1, 0, 1])

    def watched(log_p, log_q):
        jax.debug.callback(look, jnp.exp(log_q[:, :1]))
        return row.terms(log_p, log_q)

    plan = Plan(row._replace(terms=watched), chunk=3)
    names = ("hidden", "teacher_hidden", "head", "teacher_head")
    arguments = dict(zip(names, given, strict=True)) | {"weights": weights}
    differentiable(plan, "forward", None)(given_of(plan, arguments))
    jax.effects_barrier()
    assert len(visited) == 2  # 4 tokens of 12, by threes


@some_forms
def test_any_weights_may_come_down_to_the_values(form):
    given, labels, _ = arrays()
    row = ROWS[2]
    uneven = np.random.default_rng(1).normal(size=BATCH).astype(np.float32)
    _, steep = with_gradients(lambda g: (dense(row, g, labels), uneven), given)
    values = over_vocabulary(losses.kl, **WORDS, **form)
    _, slopes = with_gradients(
        lambda g: (called(values, row, g, labels, None, temperature=2.0), uneven), given
    )
    for mine, theirs in zip(slopes, steep, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=3e-6)


def made(jaxpr):
    """The shapes of all that a program computes, loops and what they carry included."""
    for equation in jaxpr.eqns:
        yield from (variable.aval.shape for variable in equation.outvars)
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda x: hasattr(x, "eqns")
        ):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                yield from made(inner)


@each_form
def test_no_program_holds_all_logits_nor_a_gradient_for_the_teacher(form):
    tokens, dims, words = 96, (5, 7), 1000
    shapes = (tokens, dims[0]), (dims[0], words), (tokens, dims[1]), (dims[1], words)
    given = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    values = over_vocabulary(losses.kl, chunk=8, **form)

    def ours(student, head, teacher, teacher_head):
        return values(student, teacher, head=head, teacher_head=teacher_head).mean()

    def whole(student, head, teacher, teacher_head):
        return losses.kl(student @ head, teacher @ teacher_head).mean()

    def traced(loss, asked=(0, 1)):
        return jax.jit(jax.value_and_grad(loss, asked)).trace(*given)

    def largest(loss):
        text = traced(loss).lower().compile().as_text()
        sizes = re.findall(r"\w\[(\d[\d,]*)\]", text)
        return max(np.prod([int(n) for n in one.split(",")]) for one in sizes)

    assert largest(ours) <= 16 * 1024 < tokens * words <= largest(whole)
    assert shapes[1] in made(traced(ours).jaxpr.jaxpr)
    assert shapes[3] not in made(traced(ours).jaxpr.jaxpr)
    assert shapes[3] in made(traced(ours, (0, 1, 3)).jaxpr.jaxpr)


@pytest.mark.parametrize("split", [(2, 2), (1, 4)])
@pytest.mark.parametrize("loss", [losses.jsd, losses.sparse_kl])
def test_devices_that_share_tokens_and_words_find_the_same(split, loss):
    given, _, weights = arrays(batch=(4, 6), columns=24)
    row, some = row_of(loss), target(batch=(4, 6))
    mesh = Mesh(np.array(jax.devices()[:4]).reshape(split), ("data", "model"))
    places = [Spec("data")] * 2 + [Spec(None, "model")] * 2
    put = tuple(
        jax.device_put(x, NamedSharding(mesh, place))
        for x, place in zip(given, places, strict=True)
    )

    def program(**options):
        values = over_vocabulary(loss, **WORDS, **options)

        def total(g):
            found = called(values, row, g, some, weights, temperature=2.0)
            return jnp.sum(weights * found), found

        return jax.jit(jax.value_and_grad(total, has_aux=True))

    one = program()(given)
    for form in ("forward", "blocked") if split == (2, 2) else ("forward",):
        axes = {"tokens": "data" if split[0] > 1 else None, "vocabulary": "model"}
        run = program(**FORMS[form], mesh=mesh, **axes).lower(put).compile()
        for mine, theirs in zip(
            jax.tree.leaves(run(put)), jax.tree.leaves(one), strict=True
        ):
            np.testing.assert_allclose(mine, theirs, atol=2e-6)
        moved = re.findall(MOVED, run.as_text())
        assert {kind for _, kind in moved} == {"all-reduce"}
        sizes = [s for shape, _ in moved for s in re.findall(r"\[([\d,]+)\]", shape)]
        heads = [s for s in sizes if s.split(",")[0] in ("4", "6") and "," in s]
        assert bool(heads) == (split[0] > 1)  # else no word's column moves


@some_forms
def test_a_step_under_shard_map_adds_up_gradients_once(form):
    mesh = Mesh(np.array(jax.devices()[:2]), ("data",))
    values = over_vocabulary(losses.cross_entropy, chunk=2, **form)
    given, labels, _ = arrays(batch=(6,))
    weights = jnp.array([1.0, 0.0, 0.0, 2.0, 1.0, 0.0])

    def total(head, hidden, labels, weights):
        found = values(hidden, labels, head=head, weights=weights)
        return jnp.sum(weights * found)

    def step(*given):
        return jax.grad(lambda *g: jax.lax.psum(total(*g), "data"))(*given)

    places = (Spec(), *[Spec("data")] * 3)
    run = jax.shard_map(step, mesh=mesh, in_specs=places, out_specs=Spec())
    arguments = given[2], given[0], labels, weights
    found, wanted = jax.jit(run)(*arguments), jax.grad(total)(*arguments)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@some_forms
def test_what_is_not_finite_gives_nan_in_its_own_row(form):
    given, _, _ = arrays()
    values = over_vocabulary(losses.total_variation, **WORDS, **form)
    for side in (0, 1):
        spoilt = [np.copy(x) for x in given]
        spoilt[side][1, 2, 0] = np.nan
        found = jax.jit(values)(*spoilt[:2], head=spoilt[2], teacher_head=spoilt[3])
        assert np.argwhere(np.isnan(found)).tolist() == [[1, 2]]


def test_a_label_that_is_no_word_gives_nan_where_it_counts():
    given, _, _ = arrays(batch=(4,))
    labels = jnp.array([-1, VALID, 3, VALID])
    values = over_vocabulary(losses.cross_entropy, **WORDS)
    weights = np.float32([1, 1, 1, 0])
    found = values(given[0], labels, head=given[2], weights=weights)
    assert np.isnan(found).tolist() == [True, True, False, False]
    assert found[3] == 0

    def total(hidden):
        return (weights * values(hidden, labels, head=given[2], weights=weights)).sum()

    rows = np.isnan(jax.grad(total)(given[0])).any(-1)
    assert rows.tolist() == [True, True, False, False]


@some_forms
def test_a_class_that_is_no_word_and_a_share_that_is_none_give_nan(form):
    given, _, _ = arrays(batch=(4,))
    some = target(batch=(4,))
    ids, log_p = np.copy(some.ids), np.copy(some.log_p)
    ids[0, 1], ids[3, 0], log_p[2, 1] = VALID, VALID, np.nan
    wrong = some._replace(ids=ids, log_p=log_p)
    values = over_vocabulary(losses.sparse_kl, **WORDS, **form)
    found = values(given[0], wrong, head=given[2], weights=np.float32([1, 1, 1, 0]))
    assert np.isnan(found).tolist() == [True, False, True, False]
    assert found[3] == 0


@some_forms
@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.01])
def test_the_rest_of_a_sure_student_is_as_exact_as_with_whole_logits(form, temperature):
    """At 0.1 the others have less than any float32, and still push each other."""
    one = SparseTarget(np.array([[0]]), np.log([[0.75]]), np.log([0.25]))
    hidden, head = jnp.ones((1, 1)), jnp.array([[12.0, 1.0, 0.5, -1.0]])
    values = over_vocabulary(losses.sparse_kl, **form)

    def ours(w):
        return values(hidden, one, head=w, temperature=temperature)[0]

    def whole(w):
        return losses.sparse_kl(hidden @ w, one, temperature=temperature)[0]

    found, wanted = (jax.value_and_grad(f)(head) for f in (ours, whole))
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-9)


@some_forms
def test_a_target_of_all_words_has_no_rest(form):
    hidden, head = jnp.ones((1, 1)), jnp.array([[3.0, 1.0, 0.5, -1.0]])
    some = SparseTarget(np.arange(4)[None], np.log(np.full((1, 4), 0.25)))
    values = over_vocabulary(losses.sparse_kl, **form)
    run = jax.value_and_grad(lambda w, t: values(hidden, t, head=w)[0])
    plain = run(head, some)
    empty = run(head, some._replace(log_tail=np.array([-np.inf])))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-5), empty, plain)
    assert run(head, some._replace(log_tail=np.log([0.1])))[0] == np.inf


@each_form
def test_no_program_holds_all_logits_of_some_classes(form):
    tokens, dim, words, k = 96, 5, 1000, 3
    shapes = [(tokens, dim), (dim, words), (tokens, k), (tokens, k), (tokens,)]
    kinds = [jnp.float32] * 2 + [jnp.int32] + [jnp.float32] * 2
    given = map(jax.ShapeDtypeStruct, shapes, kinds)
    values = over_vocabulary(losses.sparse_kl, chunk=8, **form)

    def total(hidden, head, *some):
        return values(hidden, SparseTarget(*some), head=head).mean()

    text = jax.jit(jax.grad(total, (0, 1))).lower(*given).compile().as_text()
    sizes = re.findall(r"\w\[(\d[\d,]*)\]", text)
    largest = max(np.prod([int(n) for n in one.split(",")]) for one in sizes)
    assert largest <= 16 * 1024 < tokens * words


def test_some_classes_have_no_gradient_and_fit_their_tokens():
    given, _, _ = arrays()
    values, some = over_vocabulary(losses.sparse_kl), target()

    def shares(log_p):
        return values(given[0], some._replace(log_p=log_p), head=given[2]).sum()

    with pytest.raises(TypeError, match="has no gradient in its target"):
        jax.grad(shares)(some.log_p)
    with pytest.raises(
        ValueError, match=r"the student has shape \(3, 7, 4\), the targ"
    ):
        values(given[0], target(batch=(3, 6)), head=given[2])
    with pytest.raises(TypeError, match="SparseTarget"):
        values(given[0], given[1], head=given[2])
    with pytest.raises(TypeError, match="target must be given, got None"):
        values(given[0], None, head=given[2])
    with pytest.raises(ValueError, match=r"names no class: .* shape \(3, 7, 0\)"):
        values(given[0], jax.tree.map(lambda x: x[..., :0], some), head=given[2])
    wrong = some._replace(ids=some.log_p)
    with pytest.raises(TypeError, match="ids must be integers, got float32"):
        values(given[0], wrong, head=given[2])


def test_no_tokens_have_no_values_and_gradients_of_0():
    given, _, _ = arrays(batch=(0,))
    labels = jnp.zeros(0, jnp.int32)
    for loss, other in ((losses.cross_entropy, labels), (losses.kl, given[1])):
        values = over_vocabulary(loss)
        more = {"teacher_head": given[3]} if loss is losses.kl else {}

        def total(head, values=values, other=other, more=more):
            found = values(given[0], other, head=head, **more)
            assert found.shape == (0,)
            return found.sum()

        assert not np.any(jax.grad(total)(given[2]))


@some_forms
def test_gradients_of_heads_are_added_up_in_float32(form):
    tokens = 1024
    hidden, head = jnp.ones((tokens, 1), jnp.bfloat16), jnp.zeros((1, 4))
    values = over_vocabulary(losses.cross_entropy, chunk=1, **form)
    labels = jnp.zeros(tokens, jnp.int32)
    slope = jax.jit(jax.grad(lambda w: values(hidden, labels, head=w).sum()))(head)
    # in bfloat16 a sum of quarters ends at 64
    np.testing.assert_array_equal(slope, [[-768.0, 256.0, 256.0, 256.0]])


def test_numbers_may_be_traced_and_swept():
    given, labels, _ = arrays(batch=(5,))
    values = over_vocabulary(losses.kl, **WORDS)
    warm = jnp.array([1.0, 4.0])

    def at(temperature):
        return called(values, ROWS[2], given, labels, None, temperature=temperature)

    found = jax.jit(jax.vmap(at))(warm)
    each = [at(float(t)) for t in warm]
    np.testing.assert_allclose(found, each, rtol=1e-5, atol=1e-6)
    with pytest.raises(TypeError, match="no gradient in its temperature"):
        jax.grad(lambda t: at(t).sum())(2.0)


def test_heads_of_different_width_need_the_number_of_words():
    given, labels, _ = arrays()
    student, teacher, head, teacher_head = given
    narrow = (student, teacher, head[:, :21], teacher_head)
    values = over_vocabulary(losses.kl, valid=VALID)
    found = called(values, ROWS[2], narrow, labels, None)
    np.testing.assert_allclose(found, called(values, ROWS[2], given, labels, None))
    with pytest.raises(
        ValueError, match=r"head has 21 columns, teacher_head 23: .*valid="
    ):
        called(over_vocabulary(losses.kl), ROWS[2], narrow, labels, None)


@pytest.mark.parametrize(
    ("loss", "options", "message"),
    [
        (losses.dkd, {}, "dkd does not go over a vocabulary; valid: cross_entropy, "),
        (losses.kl, {"form": "dense"}, "form must be one of forward, recompute, got"),
        (losses.kl, {"block": 8}, "block= needs form='recompute'"),
        (losses.kl, {"chunk": 0}, "chunk must be above 0, got 0"),
        (losses.kl, {"cap": -1.0}, "cap must be above 0, got -1"),
    ],
)
def test_options_that_are_wrong_are_named(loss, options, message):
    with pytest.raises(ValueError, match=message):
        over_vocabulary(loss, **options)


def test_arrays_and_numbers_that_do_not_fit_are_named():
    (student, teacher, head, teacher_head), labels, _ = arrays()
    values = over_vocabulary(losses.jsd)
    heads = {"head": head, "teacher_head": teacher_head}
    with pytest.raises(ValueError, match="beta must be above 0 and below 1, got 1"):
        values(student, teacher, **heads, beta=1.0)
    with pytest.raises(ValueError, match=r"teacher_hidden \(2, 7, 6\): their tokens"):
        values(student, teacher[:2], **heads)
    with pytest.raises(ValueError, match=r"head \(6, 23\): a head is \[dim, vocab\]"):
        values(student, teacher, head=teacher_head, teacher_head=teacher_head)
    with pytest.raises(ValueError, match="valid is 24, but a head has 23 columns"):
        over_vocabulary(losses.jsd, valid=24)(student, teacher, **heads)
    with pytest.raises(TypeError, match="alpha"):
        values(student, teacher, **heads, alpha=1.0)
    with pytest.raises(TypeError, match="labels must be integers"):
        over_vocabulary(losses.cross_entropy)(student, labels * 0.5, head=head)


def test_a_mesh_that_does_not_fit_is_named():
    given, labels, _ = arrays()
    mesh = Mesh(np.array(jax.devices()[:2]), ("data",))
    with pytest.raises(
        ValueError, match=r"vocabulary: .* no axis 'model'; it has data"
    ):
        over_vocabulary(losses.kl, mesh=mesh, vocabulary="model")
    values = over_vocabulary(losses.kl, mesh=mesh)
    with pytest.raises(ValueError, match="21 tokens cannot be split evenly over the 2"):
        called(values, ROWS[2], given, labels, None)
