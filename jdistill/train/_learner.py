"""One training recipe as pure functions: teach, forward, gradient, compress, move."""

import jax
import jax.numpy as jnp
import optax

from jdistill import compress, ops
from jdistill.train._explain import explain
from jdistill.train._gradient import (
    Forward,
    Gradient,
    Recipe,
    accumulate,
    gather,
    pmean,
    psum,
    step_key,
    teacher_outputs,
    trained_of,
    with_trained,
)
from jdistill.typing import (
    Array,
    Batch,
    Compression,
    Frozen,
    Key,
    Learner,
    Model,
    Objective,
    State,
    Tree,
)


def learner(
    model: Model,
    objective: Objective,
    tx: optax.GradientTransformation,
    *,
    teacher: Model | None = None,
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
        teacher: a model whose outputs the objective compares with; its variables are
            the `frozen` of every step, never closed over.
        compression: what the model's parameters go through before it sees them.
        axis_name: the axis of `jax.pmap` or `jax.shard_map` over which the batch is
            split; None where there is one program (`jax.jit`, on any mesh).
        micro_batches: how many parts a batch is worked off in, to save memory. The
            gradient stays that of the whole batch, as counts are summed first; only
            losses between rows (such as `rkd_distance`) see but their own part.

    Returns:
        The recipe; `run` trains with it, or call its functions yourself.

    Raises:
        ValueError: `micro_batches` is below 1; on the first step: a batch that it does
            not divide, classes of teacher and student that differ.

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
        teacher=teacher,
        compression=compression,
        axis_name=axis_name,
        micro_batches=micro_batches,
    )

    def teach(batch: Batch, frozen: Frozen | None = None) -> Batch:
        return _teach(recipe, batch, frozen)

    def init(key, batch, frozen=None, *, start: Frozen | None = None) -> State:
        return _init(recipe, key, teach(batch, frozen), start)

    def step(state, batch, frozen=None):
        return _step(recipe, state, teach(batch, frozen))

    def finish(state: State) -> Frozen:
        applied = recipe.compression.apply(
            state.params, state.learned, state.compression
        )
        return Frozen(applied, state.model_state)

    def encode(state: State):
        return recipe.compression.encode(state.params, state.learned, state.compression)

    def explained(state, batch, frozen=None) -> str:
        return explain(recipe, state, teach(batch, frozen), _move)

    return Learner(init, teach, step, finish, encode, explained)


def _teach(recipe: Recipe, batch: Batch, frozen: Frozen | None) -> Batch:
    if recipe.teacher is None or "teacher_logits" in batch:
        return batch
    if frozen is None:
        raise ValueError("this learner has a teacher: pass its variables as frozen=")
    outputs, _ = recipe.teacher.apply(frozen.params, frozen.state, batch, train=False)
    joined = {"teacher_logits": outputs.logits}
    if outputs.features:
        joined["teacher_features"] = dict(outputs.features)
    return {**batch, **jax.lax.stop_gradient(joined)}


def _init(recipe: Recipe, key: Key, batch: Batch, start: Frozen | None) -> State:
    model, compression = recipe.model, recipe.compression
    model_key, compression_key, aux_key, key = jax.random.split(key, 4)
    params, model_state = model.init(model_key, batch) if start is None else start
    products = None
    if compression.kinds:

        def logits(params, batch):
            return model.apply(params, model_state, batch, train=False)[0].logits

        products = ops.uses(logits, params, batch)
    learned, state = compression.init(params, key=compression_key, products=products)
    params, learned, state = compression.update(
        params, learned, state, step=jnp.int32(0), key=compression_key
    )
    applied = compression.apply(params, learned, state)
    outputs, _ = model.apply(applied, model_state, batch, train=False)
    aux = recipe.objective.init(aux_key, outputs, teacher_outputs(batch), batch)
    return State(
        step=jnp.int32(0),
        params=params,
        learned=learned,
        model_state=model_state,
        opt_state=recipe.optimiser.init(params, (learned, trained_of(aux))),
        compression=state,
        aux=aux,
        key=key,
        bad=jnp.int32(-1),
    )


def _step(recipe: Recipe, state: State, batch: Batch):
    compression = recipe.compression
    key = step_key(recipe, state)
    applied = compression.apply(state.params, state.learned, state.compression)
    grads, forward = accumulate(recipe, state, applied, batch, key)
    grads, metrics = psum(recipe, (grads, forward.metrics))
    moved = _move(recipe, state, batch, grads, forward)
    # Also what moved, so that no step leaves a state behind that the next one rejects.
    moves = (moved.params, moved.learned, moved.model_state, trained_of(moved.aux))
    good = (state.bad < 0) & _all_finite((metrics["loss"][0], grads, moves))
    kept = jax.tree.map(lambda new, old: jnp.where(good, new, old), moved, state)
    bad = jnp.where((state.bad < 0) & ~good, state.step, state.bad)
    # The counter goes on, so that it is the same in every lane of a sweep; so is the
    # key, which no step changes.
    return kept._replace(step=state.step + 1, key=state.key, bad=bad), metrics


def _move(
    recipe: Recipe, state: State, batch: Batch, grads: Gradient, forward: Forward
) -> State:
    trained = trained_of(state.aux)
    still = jax.tree.map(jnp.zeros_like, state.learned)  # moved through `applied`
    params, (learned, trained), compressed, opt_state = recipe.optimiser.update(
        grads.applied,
        state.params,
        (state.learned, trained),
        state.compression,
        state.opt_state,
        step=state.step + 1,
        direct=(grads.raw, (still, grads.trained)),
        key=jax.random.fold_in(state.key, -1 - state.step),
    )
    student, batch = gather(recipe, (forward.student, batch))
    # Memories keep what was compared: what the projections were, not what they become.
    aux = recipe.objective.update(
        state.aux, student, teacher_outputs(batch), batch, step=state.step
    )
    return state._replace(
        params=params,
        learned=learned,
        model_state=pmean(recipe, forward.model_state),
        opt_state=opt_state,
        compression=compressed,
        aux=with_trained(aux, trained),
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


def _all_finite(values: Tree) -> Array:
    each = jnp.stack([_finite(x) for x in jax.tree.leaves(values)])
    # Without the barrier XLA takes the stack apart and repeats all tests for every leaf
    # of the state: compiling the step of a residual network took half as long again.
    return jnp.all(jax.lax.optimization_barrier(each))


def _finite(x: Array) -> Array:
    # A product with zeros is 0, or NaN where x is not finite: on a CPU a matrix product
    # reads weights several times faster than a test of each number does.
    if x.ndim == 0:
        return jnp.isfinite(x)
    axis = 0 if x.shape[0] >= x.shape[-1] else x.ndim - 1
    # behind a barrier no compiler can see that they are zeros
    zeros = jax.lax.optimization_barrier(jnp.zeros(x.shape[axis], x.dtype))
    return jnp.all(jnp.isfinite(jnp.tensordot(zeros, x, axes=(0, axis))))
