"""One training recipe as pure functions: teach, forward, gradient, compress, move."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from jdistill import compress, kinds, models, ops
from jdistill import views as seen
from jdistill.checks import check_key, whole
from jdistill.train._base import begun, fixing, without
from jdistill.train._explain import explain
from jdistill.train._gradient import (
    Recipe,
    networks_of,
    student_view,
    trained_of,
)
from jdistill.train._searches import refuse_searches
from jdistill.train._step import optimised, optimiser_of, step_of, with_base
from jdistill.typing import (
    Augment,
    Batch,
    Compression,
    Follower,
    Frozen,
    Key,
    Learner,
    Model,
    Objective,
    State,
    Variables,
)
from jdistill.views import STUDENT, TEACHER


def learner(
    model: Model,
    objective: Objective,
    tx: optax.GradientTransformation,
    *,
    teacher: Model | None = None,
    others: Mapping[str, Model | Follower] | None = None,
    augment: Augment | None = None,
    compression: Compression | None = None,
    axis_name: str | None = None,
    compute_dtype: str | None = None,
    micro_batches: int = 1,
) -> Learner:
    r"""How a model learns from labels, a teacher or both, compressed as it goes.

    One step, with raw parameters :math:`\theta`, learned leaves :math:`\phi` and the
    compression :math:`a`:

    .. math::
        \hat\theta = a(\theta, \phi), \quad
        g = \nabla_{\hat\theta} \sum_i w_i \frac{\sum_n l_{in}}{N_i}, \quad
        (\theta, \phi) \leftarrow tx\left((\partial a)^\top g\right)

    after which the compression updates its masks and ranges, seeing `g`.

    Args:
        model: the student, or whatever learns.
        objective: made by `objective.combine`.
        tx: any optax optimiser. It sees the parameters; where the compression or the
            terms train something too, `{'params': ..., 'learned': ...}`.
        teacher: a model whose outputs the objective compares with, the short form of
            `others={'teacher': model}`; its variables are the `frozen` of every step,
            never closed over. Only what the terms read of it is computed, and nothing
            of that which the batch holds already (`data.cached`).
        others: networks that the terms read, by name: models with `frozen` variables,
            and followers such as `follow_mean`, whose variables are part of the state.
        augment: alters each batch inside the step, such as `data.shift`; all networks
            see the same altered batch, so nothing is computed ahead, and a batch that
            brings outputs of its own is refused.
        compression: what the model's parameters go through before it sees them.
        axis_name: the axis of `jax.pmap` or `jax.shard_map` over which the batch is
            split; None where there is one program (`jax.jit`, on any mesh).
        compute_dtype: the type of forward and backward pass, such as 'bfloat16', where
            parameters are kept in another one (`models.compute_in`). Parameters,
            moments, gradients, losses and metrics stay in float32, and what the
            compression makes of the parameters is cast last, before weights that are
            split over devices are gathered. Other networks keep their own type.
        micro_batches: how many parts a batch is worked off in, to save memory. The
            gradient stays that of the whole batch, as counts are summed first; only
            losses between rows (such as `rkd_distance`) see but their own part.

    Returns:
        The recipe; `run` trains with it, or call its functions yourself.

    Raises:
        TypeError: something was mistaken for another, or an optimiser needs the loss
            at each of its steps.
        ValueError: `micro_batches` is below 1, `compute_dtype` is no type of floats, a
            network has two models or a name that is taken; on the first step: a batch
            that it does not divide, classes of teacher and student that differ, a
            network that is not there.

    Example:
        >>> from jdistill import losses, models, objective
        >>> student = models.mlp(widths=(8,), classes=3)
        >>> hard = objective.on_labels(losses.cross_entropy)
        >>> recipe = learner(student, objective.combine(ce=hard), optax.adam(1e-2))
        >>> batch = {'inputs': jnp.ones((4, 5)), 'label': jnp.zeros(4, int)}
        >>> state = jax.jit(recipe.init)(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(recipe.step)(state, batch)
        >>> int(state.step)
        1
    """
    _check(model, objective, tx, teacher, augment, micro_batches)
    compression = compress.identity() if compression is None else compression
    kinds.compression(compression=compression)
    recipe = Recipe(
        model=_computing(model, compute_dtype),
        objective=objective,
        tx=tx,
        others=_others(teacher, others),
        augment=augment,
        compression=compression,
        axis_name=axis_name,
        micro_batches=micro_batches,
    )

    def teach(batch: Batch, frozen: Variables = None) -> Batch:
        return _teach(recipe, batch, seen.by_name(frozen))

    def init(key, batch, frozen=None, *, start: Frozen | None = None) -> State:
        check_key(key)
        kinds.batch(batch=batch)
        kinds.variables(**({} if start is None else {"start": start}))
        return _init(recipe, key, batch, seen.by_name(frozen), start)

    def step(state, batch, frozen=None):
        kinds.instance(State, "what run or step gave", {"state": state})
        kinds.batch(batch=batch)
        return step_of(recipe, state, batch, seen.by_name(frozen))

    def finish(state: State, frozen: Variables = None) -> Frozen:
        kinds.instance(State, "what run or step gave", {"state": state})
        at = _compressed(recipe, state, seen.by_name(frozen))
        return Frozen(recipe.compression.apply(*at), state.model_state)

    def encode(state: State, frozen: Variables = None) -> Frozen:
        kinds.instance(State, "what run or step gave", {"state": state})
        at = _compressed(recipe, state, seen.by_name(frozen))
        return Frozen(recipe.compression.encode(*at), state.model_state)

    def explained(state, batch, frozen=None) -> str:
        named = seen.by_name(frozen)
        networks = networks_of(recipe, named, state.followers)
        based, state, _ = with_base(recipe, state, named)
        return explain(based, state, teach(batch, frozen), networks, optimised)

    return Learner(init, teach, step, finish, encode, explained, _said(recipe))


def _said(recipe: Recipe) -> str:
    """The recipe in a line."""
    beside = f", beside {', '.join(recipe.others)}" if recipe.others else ""
    kinds_of = ", ".join(recipe.compression.kinds)
    smaller = f", compressed: {kinds_of}" if kinds_of else ""
    terms = " + ".join(recipe.objective.terms)
    return f"{recipe.model!r} on {terms or 'an objective'}{beside}{smaller}"


def _check(model, objective, tx, teacher, augment, micro_batches) -> None:
    kinds.model(model=model)
    kinds.objective(objective=objective)
    kinds.optimiser(tx=tx)
    refuse_searches(tx)
    if teacher is not None:
        kinds.model(teacher=teacher)
    if augment is not None:
        kinds.function(augment=augment)
    whole(micro_batches=micro_batches)


def _teach(recipe: Recipe, batch: Batch, frozen: Mapping[str, Frozen]) -> Batch:
    if recipe.augment is not None:  # what is altered in the step cannot be known yet
        return batch
    networks = networks_of(recipe, frozen, None)
    return seen.join(batch, networks, recipe.objective.needs)


def _computing(model: Model, dtype: str | None) -> Model:
    return model if dtype is None else models.compute_in(model, dtype)


def _compressed(recipe: Recipe, state: State, frozen: Mapping[str, Frozen]):
    """What the functions of the compression take."""
    _, state, _ = with_base(recipe, state, frozen)
    return state.params, state.learned, state.compression


def _others(
    teacher: Model | None, others: Mapping[str, Model | Follower] | None
) -> dict[str, Model | Follower]:
    kinds.mapping(others={} if others is None else others)
    found = dict(others or {})
    if STUDENT in found:
        raise ValueError("others: 'student' is the model that learns: another name")
    if teacher is not None and TEACHER in found:
        raise ValueError("others has a 'teacher' beside teacher=: give one of them")
    for name, other in found.items():
        if not isinstance(other, Model | Follower):
            raise TypeError(
                f"others[{name!r}] is neither a Model nor a Follower but a "
                f"{type(other).__name__}"
            )
    return found if teacher is None else {TEACHER: teacher, **found}


def _init(
    recipe: Recipe,
    key: Key,
    batch: Batch,
    frozen: Mapping[str, Frozen],
    start: Frozen | None,
) -> State:
    model, base = recipe.model, frozen.get(STUDENT)
    compression = fixing(recipe.compression, base)
    model_key, compression_key, aux_key, key = jax.random.split(key, 4)
    params, model_state = model.init(model_key, batch) if start is None else start
    params = begun(params, base)
    if base is not None and jax.tree.leaves(base.state):
        model_state = jax.tree.map(jnp.copy, base.state)
    products = None
    if compression.kinds:

        def forward(params, batch):
            found = model.apply(params, model_state, batch, train=False)[0]
            return found if found.logits is None else found.logits

        products = ops.uses(forward, params, batch)
    learned, state = compression.init(params, key=compression_key, products=products)
    params, learned, state = compression.update(
        params, learned, state, step=jnp.int32(0), key=compression_key
    )
    followers = {
        name: other.init(Frozen(without(params, base), model_state))
        for name, other in recipe.others.items()
        if isinstance(other, Follower)
    }
    applied = compression.apply(params, learned, state)
    outputs, _ = model.apply(applied, model_state, batch, train=False)
    networks = networks_of(recipe, frozen, followers)
    batch = seen.join(batch, networks, recipe.objective.needs)
    views = seen.views_of(networks, batch.get("outputs", {}), recipe.objective.needs)
    views[STUDENT] = student_view(recipe, outputs, applied, params)
    aux = recipe.objective.init(aux_key, views, batch)
    optimiser = optimiser_of(recipe._replace(compression=compression))
    return State(
        step=jnp.int32(0),
        params=without(params, base),
        learned=learned,
        model_state=model_state,
        opt_state=optimiser.init(params, (learned, trained_of(aux)), state),
        compression=state,
        aux=aux,
        followers=followers,
        key=key,
        bad=jnp.int32(-1),
    )
