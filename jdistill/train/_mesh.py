"""Where arrays live: rules from parameter paths to partitions, over a mesh."""

import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jdistill import tree
from jdistill.typing import Batch, Tree

Rules = Sequence[tuple[str, PartitionSpec]]
"""`(regular expression, PartitionSpec)`; the first that matches a whole path wins."""


def data_mesh(devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh of one axis, 'data', over which each batch is split.

    Args:
        devices: which; all that JAX sees by default.

    Returns:
        A mesh for `run`.

    Example:
        >>> data_mesh(jax.devices()[:1]).axis_names
        ('data',)
    """
    devices = jax.devices() if devices is None else devices
    return Mesh(np.asarray(devices), ("data",))


def shardings(like: Tree, mesh: Mesh, rules: Rules = ()) -> Tree:
    """The sharding of each leaf: that of the first rule that matches its path.

    Leaves that no rule matches are on every device whole.

    Args:
        like: a tree of arrays or shapes.
        mesh: the devices.
        rules: see `Rules`; the language of paths is that of `where=`.

    Returns:
        A tree of `NamedSharding`, of the form of `like`.

    Raises:
        ValueError: a rule matches nothing, or its partition has more axes than the
            array it matches.

    Example:
        >>> one = data_mesh(jax.devices()[:1])
        >>> rules = [('w', PartitionSpec('data'))]
        >>> shardings({'w': np.zeros((2, 2))}, one, rules)['w'].spec
        P('data',)
    """
    for pattern, _ in rules:
        tree.select(like, pattern)

    def sharding(path, leaf):
        spec = next((s for r, s in rules if re.fullmatch(r, path)), PartitionSpec())
        if len(spec) > np.ndim(leaf):
            raise ValueError(f"{spec} has more axes than {path!r} {np.shape(leaf)}")
        return NamedSharding(mesh, spec)

    return tree.map_paths(sharding, like)


def everywhere(values: Tree, mesh: Mesh | None) -> Tree:
    """Puts host arrays on the default device, or whole on every device of a mesh.

    Example:
        >>> everywhere({'x': np.ones(2)}, data_mesh(jax.devices()[:1]))['x'].shape
        (2,)
    """
    place = None if mesh is None else NamedSharding(mesh, PartitionSpec())
    return jax.device_put(values, place)


def onto(values: Tree, mesh: Mesh | None) -> Tree:
    """Puts what is not on the devices of a mesh yet whole on each of them.

    Arrays that are there keep their sharding.

    Example:
        >>> one = data_mesh(jax.devices()[:1])
        >>> onto({'x': np.ones(2)}, one)['x'].sharding.mesh.axis_names
        ('data',)
    """
    if mesh is None:
        return values
    devices = set(mesh.devices.flat)
    return jax.tree.map(
        lambda x: (
            x
            if isinstance(x, jax.Array) and x.sharding.device_set == devices
            else everywhere(x, mesh)
        ),
        values,
    )


def split_batch(batch: Batch, mesh: Mesh, *, axis: int = 0) -> Batch:
    """Constrains each array of a batch to be split along `axis` over the mesh's first.

    Example:
        >>> one = data_mesh(jax.devices()[:1])
        >>> split_batch({'x': jax.numpy.ones(2)}, one)['x'].shape
        (2,)
    """
    spec = PartitionSpec(*[None] * axis, mesh.axis_names[0])
    place = NamedSharding(mesh, spec)
    return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, place), batch)


def from_host(batch: Batch, mesh: Mesh) -> Batch:
    """Puts this process's part of a batch on its devices as part of the global batch.

    Example:
        >>> one = data_mesh(jax.devices()[:1])
        >>> from_host({'x': np.ones(2, np.float32)}, one)['x'].shape
        (2,)
    """
    place = NamedSharding(mesh, PartitionSpec(mesh.axis_names[0]))
    return jax.tree.map(
        lambda x: jax.make_array_from_process_local_data(place, np.asarray(x)), batch
    )
