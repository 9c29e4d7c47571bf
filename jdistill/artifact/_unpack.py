"""A compressed network from its file, and what each of its tensors takes."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jdistill import tree
from jdistill.artifact._file import Contents, Entry, reading
from jdistill.artifact._forms import described
from jdistill.artifact._lift import Allow, lift
from jdistill.artifact._pack import lowered
from jdistill.checks import whole
from jdistill.compress import Dense, Encoded, decode
from jdistill.typing import Tree
from jdistill.words import check_path

FREE_BYTES = 2**23
"""What any file may unfold to, beside `UNFOLDED` times its own size."""
UNFOLDED = 128


class Packed(NamedTuple):
    """What `unpack` reads.

    * `params`, `state`: what the model was evaluated with, bit for bit.
    * `encoded`: the forms by path, as they stand in the file.
    * `description`: what the user said of it.
    * `activations`: arrays by name, None where none were given.
    * `bytes`: the size of the file.
    """

    params: Tree
    state: Tree
    encoded: Mapping[str, Encoded]
    description: Mapping[str, Any]
    activations: Mapping[str, Any] | None
    bytes: int

    def __repr__(self) -> str:
        size = f"{tree.count(self.params):,} parameters in {len(self.encoded)} arrays"
        return f"Packed({size}, {self.bytes:,} bytes, says {sorted(self.description)})"


class Row(NamedTuple):
    """One line of `table`: what an entry of the file takes.

    `form` is 'dense', 'bitmap', 'index', 'number' or 'factors'; `density` the share of
    entries that are not zero; `bits` those of one value; `bytes` of all its arrays.
    """

    path: str
    form: str
    shape: tuple[int, ...]
    density: float
    bits: int
    bytes: int


def unpack(
    path: str | os.PathLike[str],
    *,
    like: Tree = None,
    state_like: Tree = None,
    max_bytes: int | None = None,
) -> Packed:
    """Reads a file of `pack` and checks every tensor of it.

    What a file says is not believed: what it makes must fit the bytes that are there,
    and `max_bytes`.

    Args:
        path: of the file.
        like: a tree of the form that the parameters shall have; by default they are
            nested dictionaries along their paths.
        state_like: the same for the state.
        max_bytes: what all that is read may take in memory; by default 8 MiB and 128
            times the bytes of the file.

    Returns:
        Parameters and state bit-equal to those that were packed, and the rest. Arrays
        of 64-bit types are NumPy's where JAX has them switched off.

    Raises:
        ValueError: the file is no jdistill artifact, of another version, truncated or
            altered, takes more than `max_bytes`, or does not hold what `like` asks for.

    Example:
        >>> import tempfile
        >>> from jdistill.artifact import pack
        >>> from jdistill.typing import Frozen
        >>> frozen = Frozen({'a': {'w': jnp.ones(2)}})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = pack(folder + '/m.safetensors', frozen)
        ...     unpack(folder + '/m.safetensors').params
        {'a': {'w': Array([1., 1.], dtype=float32)}}
    """
    forms: dict[str, dict[str, Encoded]]
    values: dict[str, dict[str, Any]]
    forms, values = ({"parameter": {}, "state": {}, "activation": {}} for _ in "fv")
    with reading(path) as contents:
        allow = _allowance(contents, max_bytes)
        for entry in contents.entries:
            form = _lifted(path, entry, allow)
            if isinstance(form, Dense):
                form = Dense(_on_device(form.array))
            forms[entry.section][entry.path] = form
            values[entry.section][entry.path] = _value(form)
    return Packed(
        params=_shaped(path, values["parameter"], like),
        state=_shaped(path, values["state"], state_like),
        encoded=forms["parameter"],
        description=contents.description,
        activations=values["activation"] or None,
        bytes=contents.num_bytes,
    )


def table(
    source: str | os.PathLike[str] | Mapping[str, Encoded],
    *,
    max_bytes: int | None = None,
) -> list[Row]:
    """What each entry of a file takes; the bytes add up to the file's size.

    Args:
        source: the file's path, or forms by path before they are written.
        max_bytes: as for `unpack`.

    Returns:
        A row for each parameter, each leaf of the state (`state:...`) and activation
        (`activation:...`), and one of the header, which holds the description. Of
        forms, a row for each.

    Raises:
        ValueError: as `unpack`.

    Example:
        >>> import tempfile
        >>> from jdistill import compress
        >>> from jdistill.artifact import pack
        >>> c = compress.fake_quant(where='w')
        >>> params = {'w': jnp.ones((8, 8))}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = pack(folder + '/m.safetensors', c.encode(params, *c.init(params)))
        ...     table(folder + '/m.safetensors')[0]
        Row(path='w', form='dense', shape=(8, 8), density=1.0, bits=8, bytes=96)
    """
    if isinstance(source, Mapping):
        return [_row(lowered("parameter", p, form)) for p, form in source.items()]
    check_path(source=source)
    with reading(source) as contents:
        allow, rows = _allowance(contents, max_bytes), []
        for entry in contents.entries:
            _lifted(source, entry, allow)
            rows.append(_row(entry))
    return [*rows, Row("header", "header", (), 1.0, 8, contents.header_bytes)]


def _row(entry: Entry) -> Row:
    name = entry.path
    if entry.section != "parameter":
        name = f"{entry.section}:{name}"
    size = sum(array.nbytes for array in entry.arrays)
    return Row(name, *described(entry.head), size)


def _lifted(path: Any, entry: Entry, allow: Allow) -> Encoded:
    try:
        return lift(entry.head, iter(entry.arrays), allow)
    except ValueError as error:
        label = f"{entry.section} {entry.path!r}"
        raise ValueError(f"{path} is refused: {label}: {error}") from error


def _value(form: Encoded) -> Any:
    return form.array if isinstance(form, Dense) else decode(form)


def _on_device(array: np.ndarray) -> Any:
    """An array of JAX, but for the types that it would make narrower.

    It waits for the copy, which holds the array of NumPy until it is made.
    """
    if jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype:
        return array
    return jnp.array(array).block_until_ready()


def _allowance(contents: Contents, max_bytes: int | None) -> Allow:
    if max_bytes is not None:
        whole(max_bytes=max_bytes)
    limit = FREE_BYTES + UNFOLDED * contents.num_bytes
    limit = limit if max_bytes is None else max_bytes
    made = 0

    def allow(num_bytes: int) -> None:
        nonlocal made
        made += num_bytes
        if made > limit:
            raise ValueError(
                f"it would take the file to {made} bytes of memory; pass max_bytes= "
                f"above {limit} if you trust it"
            )

    return allow


def _shaped(path: Any, leaves: dict[str, Any], like: Tree) -> Tree:
    if like is not None:
        return tree.unflatten(like, leaves)
    if set(leaves) == {""}:
        return leaves[""]
    root: dict[str, Any] = {}
    for name, leaf in leaves.items():
        *folders, last = name.split("/")
        place = root
        for folder in folders:
            place = place.setdefault(folder, {}) if isinstance(place, dict) else None
        if not isinstance(place, dict) or last in place:
            raise ValueError(
                f"{path}: {name!r} lies inside of another leaf, or another inside of "
                "it; pass like="
            )
        place[last] = leaf
    return root
