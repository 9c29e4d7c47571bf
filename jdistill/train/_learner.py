"""One training recipe as pure functions: teach, forward, gradient, compress, move."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from jdistill import compress, ops
from jdistill import views as seen
from jdistill.train._explain import explain
from jdistill.train._finite import all_finite, finite_of
from jdistill.train._gradient import (
    Forward,
    Gradient,
    Networks,
    Recipe,
    accumulate,
    gather,
    networks_of,
    pmean,
    psum,
    step_key,
    student_view,
    trained_of,
    with_trained,
)
from jdistill.typing import (
    Array,
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
    Tree,
)
from jdistill.views import STUDENT, TEACHER

Variables = Frozen | Mapping[str, Frozen] | None
"""Of networks that are not trained, by name; one `Frozen` is the teacher's."""


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
        micro_batches: how many parts a batch is worked off in, to save memory. The
            gradient stays that of the whole batch, as counts are summed first; only
            losses between rows (such as `rkd_distance`) see but their own part.

    Returns:
        The recipe; `run` trains with it, or call its functions yourself.

    Raises:
        ValueError: `micro_batches` is below 1, or a network has two models or a name
            that is taken; on the first step: a batch that it does not divide, classes
            of teacher and student that differ, a network that is not there.

    Example:
        >>> from jdistill import losses, models, objective
        >>> student = models.mlp(widths=(8,), classes=3)
        >>> hard = objective.on_labels(losses.cross_entropy)
        >>> recipe = learner(student, objective.combine(ce=hard), optax.adam(1e-2))
        >>> batch = {'inputs': jnp.ones((4, 5)), 'label': jnp.zeros(4, int)}
        >>> state = recipe.init(jax.random.key(0), batch)
        >>> state, metrics = recipe.step(state, batch)
        >>> int(state.step)
        1
    """
    if micro_batches < 1:
        raise ValueError(f"micro_batches must be at least 1, got {micro_batches}")
    compression = compress.identity() if compression is None else compression
    recipe = Recipe(
        model=model,
        objective=objective,
        optimiser=compress.optimise(_with_aux(compression), tx),
        others=_others(teacher, others),
        augment=augment,
        compression=compression,
        axis_name=axis_name,
        micro_batches=micro_batches,
    )

    def teach(batch: Batch, frozen: Variables = None) -> Batch:
        return _teach(recipe, batch, seen.by_name(frozen))

    def init(key, batch, frozen=None, *, start: Frozen | None = None) -> State:
        return _init(recipe, key, batch, seen.by_name(frozen), start)

    def step(state, batch, frozen=None):
        return _step(recipe, state, batch, seen.by_name(frozen))

    def finish(state: State) -> Frozen:
        applied = recipe.compression.apply(
            state.params, state.learned, state.compression
        )
        return Frozen(applied, state.model_state)

    def encode(state: State):
        return recipe.compression.encode(state.params, state.learned, state.compression)

    def explained(state, batch, frozen=None) -> str:
        networks = networks_of(recipe, seen.by_name(frozen), state.followers)
        return explain(recipe, state, teach(batch, frozen), networks, _optimised)

    return Learner(init, teach, step, finish, encode, explained)


def _teach(recipe: Recipe, batch: Batch, frozen: Mapping[str, Frozen]) -> Batch:
    if recipe.augment is not None:  # what is altered in the step cannot be known yet
        return batch
    networks = networks_of(recipe, frozen, None)
    return seen.join(batch, networks, recipe.objective.needs)


def _others(
    teacher: Model | None, others: Mapping[str, Model | Follower] | None
) -> dict[str, Model | Follower]:
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
    model, compression = recipe.model, recipe.compression
    model_key, compression_key, aux_key, key = jax.random.split(key, 4)
    params, model_state = model.init(model_key, batch) if start is None else start
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
        name: other.init(Frozen(params, model_state))
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
    return State(
        step=jnp.int32(0),
        params=params,
        learned=learned,
        model_state=model_state,
        opt_state=recipe.optimiser.init(params, (learned, trained_of(aux)), state),
        compression=state,
        aux=aux,
        followers=followers,
        key=key,
        bad=jnp.int32(-1),
    )


def _step(recipe: Recipe, state: State, batch: Batch, frozen: Mapping[str, Frozen]):
    compression = recipe.compression
    key = step_key(recipe, state)
    applied = compression.apply(state.params, state.learned, state.compression)
    networks = networks_of(recipe, frozen, state.followers)
    grads, forward = accumulate(recipe, state, applied, batch, networks, key)
    grads, metrics = psum(recipe, (grads, forward.metrics))
    forward = forward._replace(model_state=pmean(recipe, forward.model_state))
    # Known before anything moves: old and new need not be in memory side by side.
    good = (state.bad < 0) & all_finite(
        (metrics["loss"][0], grads, forward.model_state)
    )
    moved, whole = _move(recipe, state, batch, networks, grads, forward)
    kept = _chosen(good, moved, state)
    # What is small or of no use beside spoilt parameters waits for their test too.
    kept = kept._replace(
        compression=_chosen(whole, kept.compression, state.compression),
        opt_state=jax.tree.map(
            lambda new, old: jnp.where(whole, new, old) if jnp.ndim(new) == 0 else new,
            kept.opt_state,
            state.opt_state,
        ),
    )
    bad = jnp.where((state.bad < 0) & ~(good & whole), state.step, state.bad)
    # The counter goes on, so that it is the same in every lane of a sweep; so is the
    # key, which no step changes.
    return kept._replace(step=state.step + 1, key=state.key, bad=bad), metrics


def _chosen(flag: Array, new: Tree, old: Tree) -> Tree:
    return jax.tree.map(
        lambda new, old: old if new is old else jnp.where(flag, new, old), new, old
    )


def _optimised(recipe: Recipe, state: State, grads: Gradient):
    """The optimiser's step and the compression's, as they come."""
    still = jax.tree.map(jnp.zeros_like, state.learned)  # moved through `applied`
    return recipe.optimiser.update(
        grads.applied,
        state.params,
        (state.learned, trained_of(state.aux)),
        state.compression,
        state.opt_state,
        step=state.step + 1,
        direct=(grads.raw, (still, grads.trained)),
        key=jax.random.fold_in(state.key, -1 - state.step),
    )


def _move(
    recipe: Recipe,
    state: State,
    batch: Batch,
    networks: Networks,
    grads: Gradient,
    forward: Forward,
) -> tuple[State, Array]:
    """The state after a step, and whether the optimiser spoilt none of it."""
    params, learned, compressed, opt_state = _optimised(recipe, state, grads)
    before = (state.params, (state.learned, trained_of(state.aux)))
    (params, (learned, trained)), whole = finite_of((params, learned), before)
    kept, batch = gather(recipe, (forward.kept, batch))
    # Memories keep what was compared: what the projections were, not what they become.
    views = seen.views_of(networks, kept, recipe.objective.remembers)
    aux = recipe.objective.update(state.aux, views, batch, step=state.step)
    student = Frozen(params, forward.model_state)
    moved = state._replace(
        params=params,
        learned=learned,
        model_state=forward.model_state,
        opt_state=opt_state,
        compression=compressed,
        aux=with_trained(aux, trained),
        followers={
            name: other.update(state.followers[name], student, step=state.step + 1)
            for name, other in recipe.others.items()
            if isinstance(other, Follower)
        },
    )
    return moved, whole


def _with_aux(compression: Compression) -> Compression:
    """The compression with what the terms train as a second part of `learned`."""

    def update(params, learned, state, **context):
        params, own, state = compression.update(params, learned[0], state, **context)
        return params, (own, learned[1]), state

    return compression._replace(
        update=update,
        apply=lambda params, both, state: compression.apply(params, both[0], state),
        trainable=lambda p, both, state: compression.trainable(p, both[0], state),
    )
