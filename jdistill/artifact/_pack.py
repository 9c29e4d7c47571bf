"""A compressed network as one small file, and back."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jdistill import tree
from jdistill.artifact._file import Entry, read, write
from jdistill.artifact._forms import lift, lower
from jdistill.compress import Dense, Encoded, decode
from jdistill.typing import Tree


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


def pack(
    path: str | os.PathLike[str],
    encoded: Mapping[str, Encoded],
    state: Tree = (),
    *,
    description: Mapping[str, Any] | None = None,
    activations: Mapping[str, Any] | None = None,
) -> int:
    """Writes an encoding to one file, each tensor in its smallest form.

    A tensor is written dense, or as the entries that are not zero with a bitmap or an
    index of their places, whatever takes fewest bytes. Codes below 8 bits are packed.
    The file is in the safetensors format, without pickle, and appears in one piece.

    Args:
        path: of the file.
        encoded: `encode` of a compression: forms by path.
        state: the model's state (batch statistics), any pytree; stored as it is.
        description: anything that JSON can hold.
        activations: arrays by name, for instance the scales of activations.

    Returns:
        The bytes written.

    Raises:
        TypeError: something in `encoded` is no encoding, or the description is not
            JSON.

    Example:
        >>> import tempfile
        >>> from jdistill import compress
        >>> c, params = compress.fake_quant(where='w'), {'w': jnp.ones((8, 8))}
        >>> encoded = c.encode(params, *c.init(params))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     size = pack(folder + '/m.safetensors', encoded)
        ...     size == unpack(folder + '/m.safetensors').bytes
        True
    """
    dense = {name: Dense(np.asarray(x)) for name, x in tree.flatten(state).items()}
    extra = {name: Dense(np.asarray(x)) for name, x in (activations or {}).items()}
    sections = {"parameter": encoded, "state": dense, "activation": extra}
    entries = [
        Entry(section, name, *lower(form))
        for section, forms in sections.items()
        for name, form in forms.items()
    ]
    return write(path, entries, description or {})


def unpack(
    path: str | os.PathLike[str], *, like: Tree = None, state_like: Tree = None
) -> Packed:
    """Reads a file of `pack` and checks every tensor of it.

    Args:
        path: of the file.
        like: a tree of the form that the parameters shall have; by default they are
            nested dictionaries along their paths.
        state_like: the same for the state.

    Returns:
        Parameters and state bit-equal to those that were packed, and the rest.

    Raises:
        ValueError: the file is no jdistill artifact, of another version, truncated or
            altered, or does not hold what `like` asks for.

    Example:
        >>> import tempfile
        >>> from jdistill import compress
        >>> encoded = compress.identity().encode({'a': {'w': jnp.ones(2)}}, (), ())
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = pack(folder + '/m.safetensors', encoded)
        ...     unpack(folder + '/m.safetensors').params
        {'a': {'w': Array([1., 1.], dtype=float32)}}
    """
    contents = read(path)
    forms = {"parameter": {}, "state": {}, "activation": {}}
    for entry in contents.entries:
        forms[entry.section][entry.path] = lift(entry.head, iter(entry.arrays))
    params = {name: decode(form) for name, form in forms["parameter"].items()}
    state = {name: decode(form) for name, form in forms["state"].items()}
    activations = {name: decode(form) for name, form in forms["activation"].items()}
    return Packed(
        params=_shaped(params, like),
        state=_shaped(state, state_like),
        encoded=forms["parameter"],
        description=contents.description,
        activations=activations or None,
        bytes=contents.num_bytes,
    )


def table(path: str | os.PathLike[str]) -> list[Row]:
    """What each entry of a file takes; the bytes add up to the file's size.

    Args:
        path: of the file.

    Returns:
        A row for each parameter, each leaf of the state (`state:...`) and activation
        (`activation:...`), and one of the header, which holds the description.

    Raises:
        ValueError: as `unpack`.

    Example:
        >>> import tempfile
        >>> from jdistill import compress
        >>> c = compress.fake_quant(where='w')
        >>> params = {'w': jnp.ones((8, 8))}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = pack(folder + '/m.safetensors', c.encode(params, *c.init(params)))
        ...     table(folder + '/m.safetensors')[0]
        Row(path='w', form='dense', shape=(8, 8), density=1.0, bits=8, bytes=96)
    """
    contents = read(path)
    rows = [_row(entry) for entry in contents.entries]
    rest = contents.header_bytes
    return [*rows, Row("header", "header", (), 1.0, 8, rest)]


def _row(entry: Entry) -> Row:
    head = entry.head
    name = entry.path
    if entry.section != "parameter":
        name = f"{entry.section}:{name}"
    size = sum(array.nbytes for array in entry.arrays)
    if head["k"] in "nf":
        form = {"n": "number", "f": "factors"}[head["k"]]
        return Row(name, form, tuple(head.get("s", ())), 1.0, 32, size)
    form = "dense" if "p" not in head else "index" if head["p"] else "bitmap"
    shape = tuple(head["s"])
    dtype = np.dtype(getattr(jnp, head.get("t", "float32")))
    bits = head.get("b", 8 * dtype.itemsize)
    return Row(name, form, shape, head["z"] / max(1, int(np.prod(shape))), bits, size)


def _shaped(leaves: dict[str, Any], like: Tree) -> Tree:
    if like is not None:
        return tree.unflatten(like, leaves)
    if set(leaves) == {""}:
        return leaves[""]
    root: dict[str, Any] = {}
    for path, leaf in leaves.items():
        *folders, name = path.split("/")
        place = root
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = leaf
    return root
