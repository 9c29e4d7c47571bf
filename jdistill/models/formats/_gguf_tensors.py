"""The tensors of a GGUF file from parameters and from their codes."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jdistill import tree
from jdistill.models.formats._gguf_blocks import EXACT, Lost, Steps, blocks_of, smallest
from jdistill.models.formats._gguf_codes import has_codes, shape_of, steps_of
from jdistill.models.formats._gguf_kinds import KINDS
from jdistill.models.formats._gguf_write import Planned
from jdistill.models.formats._rows import Row, write_rows

FLOATS: Mapping[str, Any] = {"F32": np.float32, "F16": np.float16, "BF16": jnp.bfloat16}


class Written(NamedTuple):
    """A tensor: how it is stored, and what makes its bytes."""

    planned: Planned
    make: Callable[[], np.ndarray]


def with_codes(encoded: Mapping[str, Any], leaves: Mapping[str, Any]) -> dict:
    """Those encodings that are codes and step sizes."""
    if unknown := sorted(encoded.keys() - leaves.keys()):
        raise ValueError(f"encoded names no parameter with {unknown[0]!r}")
    found = {path: form for path, form in encoded.items() if has_codes(form)}
    for path, form in found.items():
        if shape_of(form) != np.shape(leaves[path]):
            raise ValueError(
                f"the codes of {path!r} are {shape_of(form)}, the parameter "
                f"{np.shape(leaves[path])}"
            )
    return found


def asked_kinds(leaves: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, str]:
    """The kind that was asked for, by path."""
    found = {}
    valid = (*FLOATS, *EXACT)
    for where, kind in kinds.items():
        if kind not in valid:
            raise ValueError(f"a kind must be one of {valid}, got {kind!r}")
        found |= dict.fromkeys(tree.select(dict(leaves), where), kind)
    return found


def tensors_of(
    row: Row,
    leaves: Mapping[str, Any],
    encoded: Mapping[str, Any],
    asked: Mapping[str, str],
    floats: str,
) -> Iterator[tuple[str, Written]]:
    """The tensors that a row stands for, layer by layer."""
    stacked = "{layer}" in row.name
    layers = range(len(leaves[row.paths[0]])) if stacked else [None]
    kind = _one_kind(row, asked)
    coded = all(path in encoded for path in row.paths) and kind not in FLOATS
    for layer in layers:
        single = row._replace(name=row.name.replace("{layer}", str(layer)))
        if coded:
            forms = {path: encoded[path] for path in row.paths}
            yield single.name, _blocks(single, forms, layer, kind)
            continue
        if kind in EXACT:
            raise ValueError(
                f"{row.paths[0]!r} has no codes to be stored as {kind}: encode it, by "
                "compress.fake_quant(group_size=32, scale_dtype='float16') say"
            )
        yield single.name, _rounded(single, leaves, layer, kind or floats)


def _one_kind(row: Row, asked: Mapping[str, str]) -> str | None:
    found = {asked.get(path) for path in row.paths}
    if len(found) > 1:
        raise ValueError(f"{', '.join(row.paths)} are one tensor, of one kind")
    return found.pop()


def _blocks(
    row: Row, forms: Mapping[str, Any], layer: int | None, kind: str | None
) -> Written:
    try:
        values = _steps(row, forms, layer)
        name, data = (kind, blocks_of(kind, values)) if kind else smallest(values)
    except Lost as fault:
        raise ValueError(_unfit(row, forms, layer, kind, fault)) from fault
    return Written(Planned(values.steps.shape, KINDS[name]), lambda: data)


def _steps(row: Row, forms: Mapping[str, Any], layer: int | None) -> Steps:
    """The steps and step sizes of a tensor, in its order."""
    parts = {path: steps_of(form, layer) for path, form in forms.items()}
    both = (
        write_rows([row], {path: part[i] for path, part in parts.items()}).get(row.name)
        for i in (0, 1)
    )
    return Steps(*both)


def _unfit(row: Row, forms: Any, layer: int | None, kind: Any, fault: Lost) -> str:
    advice = (
        "compress.fake_quant(group_size=32, scale_dtype='float16') makes codes that "
        "fit; kinds={...: 'F32'} stores the values"
    )
    if kind is not None:
        with contextlib.suppress(Lost):
            advice = f"{smallest(_steps(row, forms, layer))[0]} holds them"
    return (
        f"{', '.join(row.paths)} cannot be stored as {kind or 'blocks'} and stay the "
        f"same numbers: {fault} ({row.name!r}); {advice}"
    )


def _rounded(
    row: Row, leaves: Mapping[str, Any], layer: int | None, kind: str
) -> Written:
    def own(path: str) -> np.ndarray:
        return np.asarray(leaves[path] if layer is None else leaves[path][layer])

    paths = {path: np.empty(np.shape(own(path)), np.int8) for path in row.paths}
    shape = write_rows([row], paths).names[row.name].shape
    kind = kind if len(shape) > 1 else "F32"

    def make() -> np.ndarray:
        parts = {path: own(path).astype(np.float32) for path in row.paths}
        return write_rows([row], parts).get(row.name)

    return plain(row.name, shape, kind, make)


def plain(
    name: str, shape: tuple[int, ...], kind: str, make: Callable[[], np.ndarray]
) -> Written:
    def rounded() -> np.ndarray:
        values = make()
        with np.errstate(over="ignore"):
            found = values.astype(FLOATS[kind])
        if not np.isfinite(found).all() and np.isfinite(values).all():
            raise ValueError(
                f"{name!r} holds numbers that {kind} cannot: use BF16 or F32"
            )
        return found

    return Written(Planned(shape, KINDS[kind]), rounded)
