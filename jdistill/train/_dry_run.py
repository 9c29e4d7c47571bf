"""A step with shapes alone: what cannot run is told before anything is computed."""

import jax
import jax.numpy as jnp

from jdistill import kinds
from jdistill import views as seen
from jdistill.train._dispatch import compiled_init, traced
from jdistill.train._learner import Variables
from jdistill.typing import Batch, Frozen, Learner, State


def dry_run(
    learner: Learner,
    batch: Batch,
    *,
    frozen: Variables = None,
    start: Frozen | None = None,
) -> State:
    """Takes the first step with shapes alone; nothing is computed or allocated.

    Mistakes that a first step would show, in the model, the batch, the terms or the
    compression, are shown at once, whatever the networks' size, and the memory that the
    state will take can be counted. `run` goes on with the same traces: where its
    batches have these shapes, it does not trace the step again (but for steps that ask
    other networks themselves: of a stream, or with convolutions on a CPU).

    Args:
        learner: the recipe.
        batch: of the size that `run` will have; arrays, or their shapes and dtypes.
        frozen: variables of other networks, or their shapes, as `run` takes them.
        start: variables to start from, or their shapes.

    Returns:
        The state after the step, as shapes and dtypes (`jax.ShapeDtypeStruct`).

    Raises:
        TypeError: the learner is none.
        ValueError: as the first step of `run` would raise.

    Example:
        >>> import optax
        >>> import numpy as np
        >>> from jdistill import data, losses, models, objective, tree
        >>> hard = objective.combine(ce=objective.on_labels(losses.cross_entropy))
        >>> huge = models.mlp(widths=(100_000, 100_000), classes=10)
        >>> from jdistill.train import learner
        >>> batch = data.digits().train.take(np.arange(32))
        >>> state = dry_run(learner(huge, hard, optax.adam(1e-3)), batch)
        >>> f'{tree.num_bytes(state.params) / 1e9:.0f} GB of parameters'
        '40 GB of parameters'
    """
    kinds.learner(learner=learner)
    named = None if frozen is None else seen.by_name(frozen)
    kinds.batch(batch=batch)
    shapes = _shapes(batch)
    init, step = compiled_init(learner.init), traced(learner.step)
    state = jax.eval_shape(init, jax.random.key(0), shapes, named, start=start)
    taught = jax.eval_shape(learner.teach, shapes, named)
    return jax.eval_shape(step, state, taught, named)[0]


def _shapes(batch: Batch) -> Batch:
    """The shapes of a batch on the device, with its mask."""
    found = jax.eval_shape(lambda batch: jax.tree.map(jnp.asarray, batch), batch)
    mask = jax.ShapeDtypeStruct(found["id"].shape, jnp.float32)
    return {"mask": mask, **found}
