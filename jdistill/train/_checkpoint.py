"""Checkpoints that survive a kill: atomic, asynchronous, checksummed leaf by leaf."""

import functools
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
    * `wait()`: until what is being written is whole.
    * `close()`: waits, and opens nothing more.
    """

    save: Callable[..., None]
    restore: Callable[[Tree], tuple[int, Tree] | None]
    best: Callable[[Tree], tuple[int, Tree] | None]
    wait: Callable[[], None]
    close: Callable[[], None]


def checkpoints(folder: str | pathlib.Path, *, keep: int = 2) -> Checkpoints:
    """Opens the checkpoints of one run.

    A checkpoint is written aside and renamed when it is whole, so a run killed at any
    moment leaves the ones before it. Each leaf has a checksum: one that was altered is
    named in a warning, the checkpoint is moved to the folder's `damaged`, and the one
    before it is taken. States of another form are refused, and nothing is moved.

    Args:
        folder: where they are or will be; one run each.
        keep: how many of the newest to keep. At least 2, so that there is one to go
            back to.

    Returns:
        The functions that save and restore.

    Raises:
        ValueError: `keep` is below 2; from `restore` and `best`: the checkpoint holds
            a state of other leaves, shapes or types than `like`.

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

    return Checkpoints(
        save=functools.partial(_save, last, best),
        restore=functools.partial(_newest, last),
        best=functools.partial(_newest, best),
        wait=functools.partial(_wait, last, best),
        close=functools.partial(_close, last, best),
    )


def _save(last, best, step: int, state: Tree, score: Any = None) -> None:
    leaves = {path: _host(leaf) for path, leaf in tree.flatten(state).items()}
    if score is not None and score > _score(best):
        _write(best, step, leaves, score)
    newest = last.latest_step()
    if newest is None or step > newest:
        _write(last, step, leaves, score)


def _wait(*managers) -> None:
    for manager in managers:
        manager.wait_until_finished()


def _close(*managers) -> None:
    _wait(*managers)
    for manager in managers:
        manager.close()


def _manager(folder: pathlib.Path, keep: int) -> ocp.CheckpointManager:
    options = ocp.CheckpointManagerOptions(
        max_to_keep=keep, cleanup_tmp_directories=True
    )
    return ocp.CheckpointManager(folder.absolute(), options=options)


def _write(manager, step: int, leaves: dict[str, Any], score: Any) -> None:
    note = {
        "score": None if score is None else float(score),
        "checksums": {path: _checksum(x) for path, x in leaves.items()},
        "forms": {path: _form(x) for path, x in leaves.items()},
    }
    arguments = ocp.args.Composite(
        state=ocp.args.StandardSave(leaves), note=ocp.args.JsonSave(note)
    )
    manager.save(step, args=arguments, force=True)


def _score(manager) -> float:
    manager.wait_until_finished()
    step = manager.latest_step()
    return -np.inf if step is None else _note(manager, step)["score"]


def _note(manager, step: int) -> dict[str, Any]:
    arguments = ocp.args.Composite(note=ocp.args.JsonRestore())
    return manager.restore(step, args=arguments).note


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


def _form(leaf: Any) -> str:
    return f"{leaf.dtype}{list(leaf.shape)}"


def _newest(manager, like: Tree) -> tuple[int, Tree] | None:
    manager.wait_until_finished()
    for step in sorted(manager.all_steps(), reverse=True):
        try:
            note = _note(manager, step)
            other = _difference(note["forms"], like)
            found = None if other else _read(manager, step, note, like)
        except Exception as error:  # whatever a damaged file makes of the reader
            _set_aside(manager, step, error)
            continue
        if other:
            raise ValueError(
                f"checkpoint {step} in {manager.directory} is of another state: {other}"
            )
        return step, found
    return None


def _difference(forms: dict[str, str], like: Tree) -> str:
    mine = {p: _form(_abstract(leaf)) for p, leaf in tree.flatten(like).items()}
    for path in [*mine, *forms]:
        there, here = forms.get(path, "nothing"), mine.get(path, "nothing")
        if there != here:
            return f"{path!r} is {there} there and {here} here"
    return ""


def _set_aside(manager, step: int, error: Exception) -> None:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    folder = pathlib.Path(manager.directory)
    damaged = folder.with_name("damaged")
    damaged.mkdir(exist_ok=True)
    number = sum(1 for _ in damaged.iterdir())
    (folder / str(step)).rename(damaged / f"{folder.name}-{step}-{number}")
    manager.reload()
    warnings.warn(
        f"checkpoint {step} in {folder} is damaged ({reason}); going back to the one "
        f"before it, and it is in {damaged}",
        stacklevel=4,
    )


def _read(manager, step: int, note: dict[str, Any], like: Tree) -> Tree:
    paths = tree.flatten(like)
    target = {path: _abstract(leaf) for path, leaf in paths.items()}
    arguments = ocp.args.Composite(state=ocp.args.StandardRestore(target))
    found = manager.restore(step, args=arguments).state
    for path, checksum in note["checksums"].items():
        if checksum is not None and _checksum(found[path]) != checksum:
            raise ValueError(f"{path!r} was altered")
    placed = {path: _placed(found[path], leaf) for path, leaf in paths.items()}
    return tree.unflatten(like, placed)


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
