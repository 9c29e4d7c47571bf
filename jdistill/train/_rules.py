"""Where arrays live: rules from paths to partitions."""

import itertools
import math
import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding

from jdistill import tree
from jdistill.typing import State, Tree

Rules = Sequence[tuple[str, PartitionSpec]]
"""`(regular expression, PartitionSpec)`; the first that matches a whole path wins."""


def shardings(like: Tree, mesh: Mesh, rules: Rules = ()) -> Tree:
    """The sharding of each leaf: that of the first rule that matches its path.

    Scalars, and leaves that no rule matches, are on every device whole.

    Args:
        like: a tree of arrays or shapes.
        mesh: the devices.
        rules: see `Rules`; the language of paths is that of `where=`.

    Returns:
        A tree of `NamedSharding`, of the form of `like`.

    Raises:
        ValueError: a rule matches nothing or names an axis that the mesh lacks; a
            partition has more axes than the array it matches, or devices that do not
            divide a dimension of it.

    Example:
        >>> from jdistill.train import data_mesh
        >>> one = data_mesh(jax.devices()[:1])
        >>> rules = [('w', PartitionSpec('data'))]
        >>> shardings({'w': np.zeros((2, 2))}, one, rules)['w'].spec
        P('data',)
    """
    _check(like, mesh, rules)

    def sharding(path, leaf):
        return NamedSharding(mesh, _strict(path, np.shape(leaf), mesh, rules))

    return tree.map_paths(sharding, like)


def state_shardings(state: State, mesh: Mesh, rules: Rules = ()) -> State:
    """The shardings of a state; what is kept of a parameter may have its own shape.

    Each parameter is placed as in `shardings`. What an optimiser, a compression or a
    follower keeps of it under its path takes the partition of the dimensions that it
    shares with the parameter: of a row statistic of Adafactor that of the rows.

    Example:
        >>> from jdistill.train import data_mesh
        >>> one = data_mesh(jax.devices()[:1])
        >>> state = State(0, {'w': np.zeros((2, 3))}, *[()] * 6, 0, 0)
        >>> state = state._replace(opt_state={'rows': {'w': np.zeros(2)}})
        >>> rules = [('.*w', PartitionSpec('data', None))]
        >>> state_shardings(state, one, rules).opt_state['rows']['w'].spec
        P('data',)
    """
    _check(state, mesh, rules)
    parameters = {p: np.shape(x) for p, x in tree.flatten(state.params).items()}
    own = set(tree.flatten(State(*[None] * len(state))._replace(params=state.params)))

    def sharding(path, leaf):
        shape = np.shape(leaf)
        owner = None if path in own else _owner(path, parameters)
        if owner is None or shape == owner:
            spec = _strict(path, shape, mesh, rules)
        else:
            spec = _shared(_spec(path, rules)[1], owner, shape)
        return NamedSharding(mesh, spec)

    return tree.map_paths(sharding, state)


def placed(values: Tree, mesh: Mesh | None, rules: Rules = ()) -> Tree:
    """Puts arrays on the default device, or on the devices of a mesh as rules say.

    Without a rule an array of a host or of other devices is put whole on every device,
    and one that is on the devices of the mesh already stays as it is. Each process
    sends its own devices no more than what they keep.

    Example:
        >>> type(placed({'x': np.ones(2)}, None)['x'].sharding).__name__
        'SingleDeviceSharding'
    """
    if mesh is None:
        return jax.tree.map(
            lambda x: x if isinstance(x, jax.Array) else jax.device_put(x), values
        )
    wanted = shardings(values, mesh, rules)

    def put(path, x, sharding):
        named = any(re.fullmatch(pattern, path) for pattern, _ in rules)
        return _put(x, sharding if named else _stays(x, mesh) or sharding)

    return tree.map_paths(put, values, wanted)


def _stays(x: Any, mesh: Mesh) -> Sharding | None:
    """Where an array is already, in terms of this mesh; None where it is elsewhere."""
    place = x.sharding if isinstance(x, jax.Array) else None
    if place is None or place.device_set != set(mesh.devices.flat):
        return None
    if isinstance(place, NamedSharding) and _same_axes(place.mesh, mesh):
        return NamedSharding(mesh, place.spec)  # the types of axes may differ
    return place


def _same_axes(one: Any, other: Mesh) -> bool:
    named = one.axis_names == other.axis_names
    return named and np.array_equal(one.devices, other.devices)


def _put(x: Any, sharding: Any) -> jax.Array:
    away = isinstance(x, jax.Array) and not x.is_fully_addressable
    if away or sharding.is_fully_addressable:
        return jax.device_put(x, sharding)
    if isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        bits = _put(jax.random.key_data(x), sharding)
        return jax.random.wrap_key_data(bits, impl=jax.random.key_impl(x))
    x = np.asarray(x)
    return jax.make_array_from_callback(x.shape, sharding, lambda index: x[index])


def _check(like: Tree, mesh: Mesh, rules: Rules) -> None:
    for pattern, spec in rules:
        tree.select(like, pattern)
        names = itertools.chain(*map(_names, spec))
        if unknown := [name for name in names if name not in mesh.axis_names]:
            raise ValueError(
                f"the rule for {pattern!r} names the axis {unknown[0]!r}; the mesh has "
                f"{[*mesh.axis_names]}"
            )


def _names(entry: Any) -> tuple[str, ...]:
    return () if entry is None else (entry,) if isinstance(entry, str) else entry


def _spec(path: str, rules: Rules) -> tuple[str, PartitionSpec]:
    found = ((r, spec) for r, spec in rules if re.fullmatch(r, path))
    return next(found, ("", PartitionSpec()))


def _strict(path: str, shape: tuple, mesh: Mesh, rules: Rules) -> PartitionSpec:
    if not shape:
        return PartitionSpec()
    pattern, spec = _spec(path, rules)
    if len(spec) > len(shape):
        raise ValueError(f"{spec} has more axes than {path!r} {shape}")
    for dimension, (size, entry) in enumerate(zip(shape, spec, strict=False)):
        devices = math.prod(mesh.shape[name] for name in _names(entry))
        if size % devices:
            raise ValueError(
                f"the rule for {pattern!r} splits dimension {dimension} of {path!r} "
                f"{shape} over {devices} devices of axis {entry!r}, which do not "
                f"divide {size}"
            )
    return spec


def _owner(path: str, parameters: dict[str, tuple]) -> tuple | None:
    """The shape of the parameter whose path this one ends with."""
    keys = path.split("/")
    ends = ("/".join(keys[first:]) for first in range(1, len(keys)))
    return next((parameters[end] for end in ends if end in parameters), None)


def _shared(spec: PartitionSpec, owner: tuple, shape: tuple) -> PartitionSpec:
    """The partition of the dimensions that a shape has of its parameter's."""
    entries = (*spec, *[None] * (len(owner) - len(spec)))
    if len(shape) == len(owner):
        pairs = zip(entries, owner, shape, strict=True)
        return PartitionSpec(*(e if a == b else None for e, a, b in pairs))
    extra = len(shape) - len(owner)
    if extra > 0:  # the last dimensions are the parameter's: a history of it
        same = shape[extra:] == owner
        return PartitionSpec(*[None] * extra, *entries) if same else PartitionSpec()
    ways = {
        tuple(entries[i] for i in kept)
        for kept in itertools.combinations(range(len(owner)), len(shape))
        if tuple(owner[i] for i in kept) == shape
    }
    # Of a square matrix it cannot be told whether rows or columns are left.
    return PartitionSpec(*ways.pop()) if len(ways) == 1 else PartitionSpec()
