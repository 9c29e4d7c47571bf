"""Writing a cache of tokens: the shards that are missing, each whole or not there."""

import functools
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jdistill.data._cache import fingerprint
from jdistill.data._targets import Targets
from jdistill.data._token_about import (
    VERSION,
    About,
    claim,
    digest,
    form_in,
    path_of,
    shards_of,
)
from jdistill.data._token_keys import Keys, keys_of, runs_of
from jdistill.data._token_rows import form_of, to_columns
from jdistill.data._token_shard import read_shard, write_shard
from jdistill.typing import Apply, Batch, Frozen, Key, Model, SparseTarget, Split
from jdistill.words import check_path


def cache_tokens(
    folder: str | os.PathLike[str],
    split: Split,
    model: Model,
    frozen: Frozen,
    *,
    targets: Targets,
    tokenizer: str,
    bos: str,
    temperature: float = 1.0,
    valid: int | None = None,
    shard_size: int = 64,
    batch_size: int = 1,
    seed: int = 0,
    process: int = 0,
    processes: int = 1,
) -> int:
    """Computes what a cache of a teacher's tokens lacks, and writes it as it goes.

    A shard is a file of `shard_size` examples' rows, written whole or not at all. Those
    that are there and whole stay; one that is damaged is computed again. So a run that
    was killed goes on when it is started again, and several processes that are given
    `process` 0 to `processes - 1` write a part each. What is drawn at random depends on
    `seed` and an example's id alone: the same rows whoever computes them.

    Args:
        folder: of the cache, made where it is not there.
        split: windows of tokens with `inputs`, `document` and `offset`, each `[batch,
            steps]`, and `token_mask` and `segment` where it has them.
        model: the teacher; its logits of `batch_size` windows are there at once.
        frozen: its variables.
        targets: which classes are kept, such as `top_k(k=64)` or `random_sampled()`.
        tokenizer: its fingerprint.
        bos: how windows begin, such as 'window', 'document' or 'none'.
        temperature: that the distributions are taken at.
        valid: how many of the vocabulary's ids are real, where it is padded behind
            them; None for the model's `words`.
        shard_size: examples of a shard.
        batch_size: examples that the teacher computes at once.
        seed: of what is drawn at random.
        process: which of the processes this is.
        processes: how many there are.

    Returns:
        How many shards this call wrote.

    Raises:
        ValueError: the folder's cache is of something else; a batch has no keys; logits
            are not finite; a number is out of range.

    References:
        Anshumann et al., Sparse logit sampling: accelerating knowledge distillation in
        LLMs, ACL 2025 (arXiv:2503.16870).

    Example:
        >>> import tempfile
        >>> from jdistill.typing import Outputs
        >>> def apply(params, state, batch, **_):
        ...     return Outputs(jax.nn.one_hot(batch['inputs'], 8)), state
        >>> row = np.arange(4)[None]
        >>> whole = {'inputs': row, 'document': 0 * row, 'offset': row}
        >>> def take(ids):
        ...     rows = {name: x[np.asarray(ids)] for name, x in whole.items()}
        ...     return {**rows, 'id': np.asarray(ids)}
        >>> split, teacher = Split(1, take, None, ()), Model(None, apply)
        >>> from jdistill.data import top_k
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     cache_tokens(folder, split, teacher, Frozen({}), targets=top_k(k=2),
        ...                  tokenizer='bytes', bos='none')
        1
    """
    _check_numbers(process, processes, shard_size, batch_size, temperature)
    valid = model.words if valid is None else valid
    compute = _computing(model.apply, targets.take, float(temperature), valid)
    first = _arrays(split.take(np.zeros(1, np.int32)))
    keys_of(first)
    vocab, tail = _shapes(model, targets, frozen, first, valid)
    form = form_of(vocab=vocab, width=targets.width, draws=targets.draws, tail=tail)
    about = {
        "version": VERSION,
        "teacher": fingerprint(frozen),
        "tokenizer": tokenizer,
        "length": first["inputs"].shape[-1],
        "bos": bos,
        "temperature": float(temperature),
        "targets": dict(targets.info),
        "form": form._asdict(),
        "seed": seed,
        "size": split.size,
        "shard_size": shard_size,
    }
    check_path(folder=folder)
    folder = pathlib.Path(folder)
    claim(folder, about)
    reader = _Reader(split, compute, frozen, jax.random.key(seed), batch_size)
    own = range(process, shards_of(about), processes)
    lacking = [number for number in own if not _is_whole(folder, number, about)]
    for number in lacking:
        start = number * shard_size
        ids = np.arange(start, min(start + shard_size, split.size), dtype=np.int32)
        _write(folder, number, about, *reader.rows(ids))
    return len(lacking)


Compute = Callable[[Frozen, Batch, Key], SparseTarget]
"""The teacher's classes of a batch."""


class _Reader(NamedTuple):
    """The teacher over the windows of a split, a batch of one size at a time."""

    split: Split
    compute: Compute
    frozen: Frozen
    key: Any
    batch_size: int

    def rows(self, ids: np.ndarray) -> tuple[Keys, SparseTarget]:
        """The keys and the classes of all real tokens of some windows."""
        starts = range(0, len(ids), self.batch_size)
        parts = [self._rows(ids[at : at + self.batch_size]) for at in starts]
        keys, targets = zip(*parts, strict=True)
        return _joined(keys), _joined(targets)

    def _rows(self, ids: np.ndarray) -> tuple[Keys, SparseTarget]:
        fill = np.full(self.batch_size - len(ids), ids[-1])  # one shape, one program
        batch = _arrays(self.split.take(np.concatenate([ids, fill])))
        found = jax.device_get(self.compute(self.frozen, batch, self.key))
        keys = keys_of({name: x[: len(ids)] for name, x in batch.items()})
        rows, steps = keys.place.T
        target = jax.tree.map(lambda x: x[rows, steps], found)
        _refuse_bad(target, ids[rows], steps)
        return keys, target


def _joined(parts: Any) -> Any:
    return jax.tree.map(lambda *x: np.concatenate(x), *parts)


def _arrays(batch: Batch) -> dict[str, np.ndarray]:
    return {name: np.asarray(x) for name, x in batch.items() if name != "outputs"}


@functools.lru_cache(maxsize=16)
def _computing(
    apply: Apply,
    take: Callable[[Any, Key], SparseTarget],
    temperature: float,
    valid: int | None,
) -> Compute:
    def compute(frozen, batch, key):
        z = _logits(apply, frozen, batch, valid).astype(jnp.float32) / temperature
        keys = jax.vmap(lambda number: jax.random.fold_in(key, number))(batch["id"])
        return jax.vmap(take)(z, keys)

    return jax.jit(compute)


def _logits(apply: Apply, frozen: Frozen, batch: Batch, valid: int | None):
    logits = apply(frozen.params, frozen.state, batch, train=False)[0].logits
    shape = np.shape(batch["inputs"])
    if logits is None or logits.ndim != 3 or logits.shape[:2] != shape:
        found = "none" if logits is None else logits.shape
        raise ValueError(
            f"a teacher of tokens gives logits [*{shape}, vocab], {found=}"
        )
    if valid is not None and not 0 < valid <= logits.shape[-1]:
        raise ValueError(f"valid must be 1 to {logits.shape[-1]}, got {valid}")
    return logits[..., :valid]


def _shapes(model: Model, targets: Targets, frozen, batch, valid) -> tuple[int, bool]:
    """The size of the vocabulary, and whether rows have a tail."""

    def both(frozen, batch):
        logits = _logits(model.apply, frozen, batch, valid)
        return logits, targets.take(logits, jax.random.key(0))

    logits, target = jax.eval_shape(both, frozen, batch)
    return logits.shape[-1], target.log_tail is not None


def _is_whole(folder: pathlib.Path, number: int, about: About) -> bool:
    path = path_of(folder, number)
    if not path.exists():
        return False
    try:
        return read_shard(path).note["about"] == digest(about)
    except ValueError:
        return False


def _write(
    folder: pathlib.Path, number: int, about: About, keys: Keys, target: SparseTarget
) -> None:
    runs = runs_of(keys)
    columns = {
        **to_columns(target, form_in(about)),
        "context": keys.context,
        "document": runs.document.astype(np.int32),
        "first": runs.first.astype(np.int32),
        "count": runs.count.astype(np.int32),
    }
    note = {"about": digest(about), "rows": len(keys.context), **_mass(target)}
    write_shard(path_of(folder, number), columns, note)


def _mass(target: SparseTarget) -> Mapping[str, float]:
    """Sums over the rows: what the classes kept have, and what its logarithm lacks."""
    if target.log_tail is None:
        return {}
    mass = np.exp(target.log_p.astype(np.float64)).sum(-1).clip(max=1)
    return {"mass": float(mass.sum()), "floor": float(-np.log(mass).sum())}


def _refuse_bad(target: SparseTarget, ids: np.ndarray, steps: np.ndarray) -> None:
    bad = np.isnan(target.log_p).any(-1) | (target.ids < 0).all(-1)
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(
            f"the teacher's logits are NaN or infinite: example {ids[at]}, "
            f"step {steps[at]}"
        )


def _check_numbers(process, processes, shard_size, batch_size, temperature) -> None:
    if not 0 <= process < processes:
        raise ValueError(
            f"process must be 0 to processes - 1, got {process} of {processes}"
        )
    if shard_size < 1 or batch_size < 1:
        raise ValueError(
            f"shard_size and batch_size must be at least 1, got {shard_size} and "
            f"{batch_size}"
        )
    if not 0 < temperature < float("inf"):
        raise ValueError(f"temperature must be above 0 and finite, got {temperature}")
