"""What a run is made of, as far as its arguments tell."""

import re
import zlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jdistill import programs, tree
from jdistill.train._leaves import checksum, host
from jdistill.typing import Batch, Frozen, Key, Learner, Split, State, Step, Tree


def recipe(
    learner: Learner,
    split: Split,
    batch: Batch,
    state: State,
    *,
    key: Key,
    frozen: Frozen | Mapping[str, Frozen] | None,
    batch_size: int,
    seed: int,
    named: bool,
) -> dict[str, Any]:
    """What must be the same where a run goes on.

    Args:
        learner: the recipe as functions.
        split: the examples.
        batch: those of step 0.
        state: a state of the run.
        key: what the run began with.
        frozen: the variables of networks that are not trained.
        batch_size: examples a step.
        seed: of their order.
        named: whether the user named the recipe. An unnamed one is the program
            of a step, which takes about a tenth of compiling it.

    Returns:
        Values by name, for `Checkpoints.of`.

    Example:
        >>> recipe.__name__
        'recipe'
    """
    found = {
        "seed": seed,
        "batch_size": batch_size,
        "key": host(key).ravel().tolist(),
        "examples": split.size,
        "data": _bytes({k: x for k, x in batch.items() if k != "outputs"}),
        "teacher": _bytes(frozen),
    }
    if not named:
        found |= {
            "jax": jax.__version__,
            "step": _program(learner, state, batch, frozen),
        }
    return found


def _bytes(values: Tree) -> int:
    """One number for all leaves; those that other processes hold are left out."""
    leaves = tree.flatten(values)
    here = {p: x for p, x in leaves.items() if getattr(x, "is_fully_addressable", True)}
    sums = [(path, checksum(np.asarray(x))) for path, x in here.items()]
    return zlib.crc32(repr(sums).encode())


def _program(learner: Learner, *arguments: Any) -> int:
    shapes, form = jax.tree.flatten(jax.tree.map(_shape, arguments))
    return _text(learner.step, tuple(shapes), form)


@programs.kept
def _text(step: Step, shapes: tuple, form: Any) -> int:
    text = str(jax.make_jaxpr(step)(*jax.tree.unflatten(form, shapes)))
    return zlib.crc32(re.sub(r"0x[0-9a-f]+", "", text).encode())


def _shape(leaf: Any) -> Any:
    return jax.ShapeDtypeStruct(np.shape(leaf), leaf.dtype)
