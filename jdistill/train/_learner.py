"""One training recipe as pure functions: teach, forward, gradient, compress, move."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from jdistill import compress, ops
from jdistill import views as seen
from jdistill.train._explain import explain
from jdistill.train._gradient import (
    Recipe,
    networks_of,
    student_view,
    trained_of,
)
from jdistill.train._step import optimised, step_of
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
        >>> state = jax.jit(recipe.init)(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(recipe.step)(state, batch)
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
        return step_of(recipe, state, batch, seen.by_name(frozen))

    def finish(state: State) -> Frozen:
        applied = recipe.compression.apply(
            state.params, state.learned, state.compression
        )
        return Frozen(applied, state.model_state)

    def encode(state: State):
        return recipe.compression.encode(state.params, state.learned, state.compression)

    def explained(state, batch, frozen=None) -> str:
        networks = networks_of(recipe, seen.by_name(frozen), state.followers)
        return explain(recipe, state, teach(batch, frozen), networks, optimised)

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
