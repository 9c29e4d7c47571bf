"""Checkpoints that survive a kill: atomic, asynchronous, checksummed leaf by leaf."""

import contextlib
import functools
import os
import pathlib
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from jdistill import tree
from jdistill.checks import whole
from jdistill.train._calm import calm
from jdistill.train._files import arrays, raise_passing
from jdistill.train._leaves import abstract, agrees, checksum, form, host, placed
from jdistill.train._lock import lock
from jdistill.train._note import (
    Damaged,
    Note,
    difference,
    facts,
    read,
    score_of,
    written,
)
from jdistill.typing import Tree
from jdistill.words import check_path

VERSION, PROGRAM = "run.jax", "run.step"


class Checkpoints(NamedTuple):
    """Saved states of one run, newest last.

    * `save(step, state, score=None)`: returns at once; the writing goes on beside the
      training. The one with the highest score stays, whatever comes after it.
    * `restore(like) -> (step, state) | None`: the newest that is whole.
    * `best(like) -> (step, state) | None`: the one with the highest score.
    * `wait()`: until what is being written is whole.
    * `close()`: waits, and opens nothing more.
    * `recipe`: what is noted with each state, texts by path.
    * `of(more) -> Checkpoints`: the same store for a run with more in its recipe.
    """

    save: Callable[..., None]
    restore: Callable[[Tree], tuple[int, Tree] | None]
    best: Callable[[Tree], tuple[int, Tree] | None]
    wait: Callable[[], None]
    close: Callable[[], None]
    recipe: Mapping[str, str]
    of: Callable[[Mapping[str, Any]], "Checkpoints"]


class _Store(NamedTuple):
    folder: pathlib.Path
    writer: ocp.AsyncCheckpointer
    release: Callable[[], None]
    keep: int
    notes: dict[int, Note]
    recipe: dict[str, str]


def checkpoints(
    folder: str | os.PathLike,
    *,
    keep: int = 2,
    recipe: Mapping[str, Any] | str | None = None,
) -> Checkpoints:
    """Opens the checkpoints of one run.

    A checkpoint is written aside and renamed when it is whole, state and score
    together, so a run killed at any moment leaves the ones before it. Each leaf has a
    checksum, and so has the note that holds them: what was altered is named in a
    warning, the checkpoint is moved to the folder's `damaged`, and the one before it
    is taken. Only what is damaged for certain is moved: where the file system fails or
    memory is short, that is the error. States of another form or recipe are refused,
    and nothing is moved.

    Args:
        folder: where they are or will be; one run each, one process at a time.
        keep: how many of the newest to keep. At least 2, so that there is one to go
            back to.
        recipe: what the run is made of, such as its configuration: it is noted with
            each state, and a state of another recipe is refused.

    Returns:
        The functions that save and restore.

    Raises:
        ValueError: `keep` is below 2; another process has the folder; from `restore`
            and `best`: the checkpoint is of another recipe, or holds a state of other
            leaves, shapes or types than `like`; none is whole any more.
        OSError: the file system fails; what is there stays as it is.

    Example:
        >>> import tempfile
        >>> store = checkpoints(tempfile.mkdtemp(), recipe={'rate': 0.1})
        >>> store.save(3, {'w': np.ones(2)})
        >>> store.restore({'w': np.zeros(2)})
        (3, {'w': array([1., 1.])})
    """
    whole(keep=keep, least=2)
    check_path(folder=folder)
    folder = pathlib.Path(folder).absolute()
    first = jax.process_index() == 0
    release = lock(folder) if first else lambda: None
    # Uncompressed: weights and moments hardly shrink (to 92 %), and zstd takes more of
    # the processor than all the rest of a save.
    handler = ocp.PyTreeCheckpointHandler(use_compression=False)
    writer = ocp.AsyncCheckpointer(
        ocp.CompositeCheckpointHandler(state=handler, note=ocp.JsonCheckpointHandler())
    )
    store = _Store(
        folder, writer, release, keep, {}, {} if recipe is None else facts(recipe)
    )
    try:
        _look(store, first)
    except BaseException:  # whoever comes next may have the folder
        writer.close()
        release()
        raise
    return _opened(store)


def _look(store: _Store, first: bool) -> None:
    """Reads the notes of what is there, after deleting what is none."""
    if first:
        _clear(store.folder)
    for step in _steps(store.folder):
        try:
            store.notes[step] = read(_place(store, step) / "note" / "metadata")
        except Damaged as error:
            _set_aside(store, step, error)


def _opened(store: _Store) -> Checkpoints:
    def of(more: Mapping[str, Any]) -> Checkpoints:
        return _opened(store._replace(recipe={**store.recipe, **facts(more, "run")}))

    return Checkpoints(
        save=functools.partial(_save, store),
        restore=functools.partial(_newest, store),
        best=functools.partial(_best, store),
        wait=functools.partial(_wait, store),
        close=functools.partial(_close, store),
        recipe=store.recipe,
        of=of,
    )


def _clear(folder: pathlib.Path) -> None:
    """Deletes what a kill left of a save or of a deletion."""
    (folder / "steps").mkdir(exist_ok=True)
    for path in (folder / "steps").iterdir():
        if not path.name.isdigit():
            shutil.rmtree(path)


def _steps(folder: pathlib.Path) -> list[int]:
    names = [path.name for path in (folder / "steps").iterdir()]
    return sorted(int(name) for name in names if name.isdigit())


def _place(store: _Store, step: int) -> pathlib.Path:
    return store.folder / "steps" / str(step)


def _save(store: _Store, step: int, state: Tree, score: Any = None) -> None:
    leaves = {path: host(leaf) for path, leaf in tree.flatten(state).items()}
    _wait(store)
    if store.notes and step <= max(store.notes):
        return
    note = Note(
        score=score_of(score),
        recipe=store.recipe,
        forms={path: form(leaf) for path, leaf in leaves.items()},
        checksums={path: checksum(leaf) for path, leaf in leaves.items()},
    )
    # The reader of arrays knows none that are empty: their form is all there is.
    full = {path: leaf for path, leaf in leaves.items() if leaf.size}
    items: dict[str, Any] = {"note": ocp.args.JsonSave(written(note))}
    if full:
        items["state"] = ocp.args.PyTreeSave(full)
    store.notes[step] = note
    with _writing(store), calm():
        store.writer.save(_place(store, step), args=ocp.args.Composite(**items))


def _wait(store: _Store) -> None:
    """Until all is whole; then, and not before, older ones may go."""
    with _writing(store), calm():
        store.writer.wait_until_finished()
    kept = {*sorted(store.notes)[-store.keep :], *_ranked(store)[:1]}
    for step in [step for step in store.notes if step not in kept]:
        del store.notes[step]
        if jax.process_index() == 0:
            # Renamed first, so that a kill leaves nothing that looks like one.
            gone = _place(store, step).with_name(f"{step}.gone")
            _place(store, step).rename(gone)
            shutil.rmtree(gone)


def _close(store: _Store) -> None:
    try:
        _wait(store)
    finally:
        store.writer.close()
        store.release()


def _ranked(store: _Store) -> list[int]:
    """The steps that have a score, best first, the earlier of equal ones first."""
    scores = {step: n.score for step, n in store.notes.items() if n.score is not None}
    return sorted(scores, key=lambda step: (-scores[step], step))


@contextlib.contextmanager
def _writing(store: _Store) -> Iterator[None]:
    """Forgets what was not written, and says what the file system said, and where."""
    try:
        yield
    except Exception as error:
        for step in [step for step in store.notes if not _place(store, step).exists()]:
            del store.notes[step]
        raise_passing(error, store.folder)
        raise


def _newest(store: _Store, like: Tree) -> tuple[int, Tree] | None:
    _wait(store)
    return _first_whole(store, sorted(store.notes, reverse=True), like)


def _best(store: _Store, like: Tree) -> tuple[int, Tree] | None:
    _wait(store)
    return _first_whole(store, _ranked(store), like)


def _first_whole(store: _Store, order: list[int], like: Tree):
    for step in order:
        _check_same(store, step, like)
        try:
            return step, _read(store, step, like)
        except Damaged as error:
            _set_aside(store, step, error)
    damaged = store.folder / "damaged"
    if not store.notes and damaged.is_dir() and any(damaged.iterdir()):
        raise ValueError(
            f"no checkpoint in {store.folder} is whole; those that were there are in "
            f"{damaged}: delete that folder to start anew"
        )
    return None


def _check_same(store: _Store, step: int, like: Tree) -> None:
    note, place = store.notes[step], f"checkpoint {step} in {store.folder}"
    mine = dict(store.recipe)
    if mine.get(VERSION) != note.recipe.get(VERSION):
        for path in (VERSION, PROGRAM):  # other versions write a program otherwise
            mine.pop(path, None)
    noted = {path: text for path, text in note.recipe.items() if path in mine}
    if other := difference(noted, mine):
        raise ValueError(f"{place} is of another run: {other}")
    forms = {p: form(abstract(leaf)) for p, leaf in tree.flatten(like).items()}
    if other := difference(note.forms, forms):
        raise ValueError(f"{place} is of another state: {other}")


def _set_aside(store: _Store, step: int, error: Exception) -> None:
    damaged = store.folder / "damaged"
    damaged.mkdir(exist_ok=True)
    number = sum(1 for _ in damaged.iterdir())
    _place(store, step).rename(damaged / f"{step}-{number}")
    store.notes.pop(step, None)
    warnings.warn(
        f"checkpoint {step} in {store.folder} is damaged ({error}); going back to the "
        f"one before it, and it is in {damaged}",
        stacklevel=4,
    )


def _read(store: _Store, step: int, like: Tree) -> Tree:
    note, paths = store.notes[step], tree.flatten(like)
    target = {path: abstract(leaf) for path, leaf in paths.items()}
    full = {path: leaf for path, leaf in target.items() if np.prod(leaf.shape)}
    found = {**target, **(arrays(_place(store, step), store.writer, full))}
    for path, noted in note.checksums.items():
        if not agrees(found[path], noted):
            raise Damaged(f"{path!r} was altered")
    whole = {path: placed(found[path], leaf) for path, leaf in paths.items()}
    return tree.unflatten(like, whole)
