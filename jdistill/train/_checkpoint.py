"""Checkpoints that survive a kill: atomic, asynchronous, checksummed leaf by leaf."""

import pathlib
import warnings
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from jdistill import tree
from jdistill.typing import Tree


class Checkpoints(NamedTuple):
    """Saved states of one run, newest last.

    * `save(step, state, score=None)`: returns at once; the writing goes on beside the
      training. With a score, the state is also kept as the best if none scored higher.
    * `restore(like) -> (step, state) | None`: the newest that is whole.
    * `best(like) -> (step, state) | None`: the one with the highest score.
    * `close()`: waits for what is being written.
    """

    save: Callable[..., None]
    restore: Callable[[Tree], tuple[int, Tree] | None]
    best: Callable[[Tree], tuple[int, Tree] | None]
    close: Callable[[], None]


def checkpoints(folder: str | pathlib.Path, *, keep: int = 2) -> Checkpoints:
    """Opens the checkpoints of one run.

    A checkpoint is written aside and renamed when it is whole, so a run killed at any
    moment leaves the ones before it. Each leaf has a checksum: one that was altered is
    named in a warning and the checkpoint before it is taken.

    Args:
        folder: where they are or will be; one run each.
        keep: how many of the newest to keep. At least 2, so that there is one to go
            back to.

    Returns:
        The functions that save and restore.

    Raises:
        ValueError: `keep` is below 2.

    Example:
        >>> import tempfile
        >>> store = checkpoints(tempfile.mkdtemp())
        >>> store.save(3, {'w': np.ones(2)})
        >>> store.restore({'w': np.zeros(2)})
        (3, {'w': array([1., 1.])})
    """
    if keep < 2:
        raise ValueError(f"keep must be at least 2, got {keep}")
    last = _manager(pathlib.Path(folder) / "last", keep)
    best = _manager(pathlib.Path(folder) / "best", 1)

    def save(step: int, state: Tree, score: float | None = None) -> None:
        leaves = {path: _host(leaf) for path, leaf in tree.flatten(state).items()}
        if score is not None and score > _score(best):
            _write(best, step, leaves, score)
        newest = last.latest_step()
        if newest is None or step > newest:
            _write(last, step, leaves, score)

    def close() -> None:
        for manager in (last, best):
            manager.wait_until_finished()
            manager.close()

    return Checkpoints(
        save=save,
        restore=lambda like: _newest(last, like),
        best=lambda like: _newest(best, like),
        close=close,
    )


def _manager(folder: pathlib.Path, keep: int) -> ocp.CheckpointManager:
    options = ocp.CheckpointManagerOptions(
        max_to_keep=keep, cleanup_tmp_directories=True
    )
    return ocp.CheckpointManager(folder.absolute(), options=options)


def _write(manager, step: int, leaves: dict[str, Any], score: float | None) -> None:
    note = {"score": score, "checksums": {p: _checksum(x) for p, x in leaves.items()}}
    arguments = ocp.args.Composite(
        state=ocp.args.StandardSave(leaves), note=ocp.args.JsonSave(note)
    )
    manager.save(step, args=arguments, force=True)


def _score(manager) -> float:
    step = manager.latest_step()
    if step is None:
        return -np.inf
    manager.wait_until_finished()
    restored = manager.restore(
        step, args=ocp.args.Composite(note=ocp.args.JsonRestore())
    )
    return restored.note["score"]


def _host(leaf: Any) -> Any:
    # A copy, because the training loop gives the buffer to the next step at once.
    if isinstance(leaf, jax.Array):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        if not leaf.is_fully_addressable:
            return leaf
    return np.array(leaf)


def _checksum(leaf: Any) -> int | None:
    # A leaf spread over several processes is whole on none of them.
    if isinstance(leaf, jax.Array):
        return None
    return zlib.crc32(np.ascontiguousarray(leaf).tobytes())


def _newest(manager, like: Tree) -> tuple[int, Tree] | None:
    manager.wait_until_finished()
    for step in sorted(manager.all_steps(), reverse=True):
        try:
            return step, _read(manager, step, like)
        except Exception as error:  # whatever a damaged file makes of the reader
            reason = str(error).splitlines()[0][:200]
            warnings.warn(
                f"checkpoint {step} in {manager.directory} is damaged ({reason}); "
                "going back to the one before it",
                stacklevel=2,
            )
            manager.delete(step)
    return None


def _read(manager, step: int, like: Tree) -> Tree:
    paths = tree.flatten(like)
    target = {path: _abstract(leaf) for path, leaf in paths.items()}
    restored = manager.restore(
        step,
        args=ocp.args.Composite(
            state=ocp.args.StandardRestore(target), note=ocp.args.JsonRestore()
        ),
    )
    for path, checksum in restored.note["checksums"].items():
        if checksum is not None and _checksum(restored.state[path]) != checksum:
            raise ValueError(f"{path!r} was altered")
    found = {path: _placed(restored.state[path], leaf) for path, leaf in paths.items()}
    return tree.unflatten(like, found)


def _abstract(leaf: Any) -> Any:
    if not isinstance(leaf, jax.Array):
        return np.asarray(leaf)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    if leaf.is_fully_addressable:
        return np.empty(leaf.shape, leaf.dtype)
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)


def _placed(found: Any, leaf: Any) -> Any:
    if not isinstance(leaf, jax.Array) or isinstance(found, jax.Array):
        return found
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        keys = jax.random.wrap_key_data(found, impl=jax.random.key_impl(leaf))
        return jax.device_put(keys, leaf.sharding)
    return jax.device_put(found, leaf.sharding)
