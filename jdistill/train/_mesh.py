"""Meshes, and over which of their axes a batch is split."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jdistill import kinds
from jdistill.typing import Batch

BATCH_AXES = ("replica", "data", "fsdp")
"""Names of mesh axes over which a batch is split if the caller names none."""


class Layout(NamedTuple):
    """Devices, and the axes of them over which the examples of a batch are split."""

    mesh: Mesh
    batch_axes: tuple[str, ...]

    @property
    def parts(self) -> int:
        """How many parts a batch has."""
        return int(np.prod([self.mesh.shape[axis] for axis in self.batch_axes]))

    def batch(self, axis: int = 0) -> NamedSharding:
        """The sharding of arrays whose examples stand along `axis`."""
        spec = PartitionSpec(*[None] * axis, self.batch_axes)
        return NamedSharding(self.mesh, spec)

    def whole(self) -> NamedSharding:
        """The sharding of what is on every device."""
        return NamedSharding(self.mesh, PartitionSpec())


def data_mesh(devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh of one axis, 'data', over which each batch is split.

    Args:
        devices: which; all that JAX sees by default.

    Returns:
        A mesh for `run`.

    Raises:
        TypeError: what is given are no devices, such as their number.

    Example:
        >>> data_mesh(jax.devices()[:1]).axis_names
        ('data',)
    """
    devices = jax.devices() if devices is None else devices
    several = list(devices) if isinstance(devices, Iterable) else []
    if not several or not all(isinstance(device, jax.Device) for device in several):
        said = f"some of the {jax.device_count()} of jax.devices()"
        raise TypeError(f"devices must be {said}, got {kinds.got(devices)}")
    return Mesh(np.asarray(devices), ("data",))


def layout_of(mesh: Mesh, batch_axes: str | Sequence[str] | None = None) -> Layout:
    """The layout of a run.

    Axes are made Auto: those of `jax.make_mesh` are Explicit, and then each gather in a
    model would have to say where its result lives.

    Example:
        >>> mesh = jax.make_mesh((1, 1), ('data', 'model'), devices=jax.devices()[:1])
        >>> layout_of(mesh).batch_axes
        ('data',)
    """
    if batch_axes is None:
        known = tuple(name for name in mesh.axis_names if name in BATCH_AXES)
        batch_axes = known or mesh.axis_names[:1]
    chosen = (batch_axes,) if isinstance(batch_axes, str) else tuple(batch_axes)
    unknown = [name for name in chosen if name not in mesh.axis_names]
    if unknown or len(set(chosen)) != len(chosen):
        raise ValueError(
            f"batch_axes={chosen} are not different axes of the mesh, which has "
            f"{[*mesh.axis_names]}"
        )
    types = (AxisType.Auto,) * len(mesh.axis_names)
    return Layout(Mesh(mesh.devices, mesh.axis_names, axis_types=types), chosen)


def split_batch(batch: Batch, layout: Layout, *, axis: int = 0) -> Batch:
    """Constrains each array of a batch to be split along `axis`.

    Example:
        >>> one = layout_of(data_mesh(jax.devices()[:1]))
        >>> split_batch({'x': jax.numpy.ones(2)}, one)['x'].shape
        (2,)
    """
    return jax.lax.with_sharding_constraint(batch, layout.batch(axis))


def rows_of(layout: Layout, size: int) -> np.ndarray:
    """Which examples of a batch the devices of this process hold, in order.

    Processes whose devices differ only along other axes hold the same examples.

    Example:
        >>> rows_of(layout_of(data_mesh(jax.devices()[:1])), 3)
        array([0, 1, 2])
    """
    parts = layout.batch().addressable_devices_indices_map((size,)).values()
    return np.unique(np.concatenate([np.arange(size)[index] for index in parts]))


def from_host(batch: Batch, layout: Layout, rows: np.ndarray, size: int) -> Batch:
    """A batch of `size` examples, split over the mesh, from those of this process.

    Args:
        batch: host arrays of the examples `rows`.
        layout: where they go.
        rows: as `rows_of` gives them.
        size: examples of the whole batch.

    Returns:
        Arrays of the whole batch.

    Example:
        >>> one = layout_of(data_mesh(jax.devices()[:1]))
        >>> from_host({'x': np.ones(2)}, one, rows_of(one, 2), 2)['x'].shape
        (2,)
    """

    def put(x):
        x = np.asarray(x)

        def part(index):
            start, stop, _ = index[0].indices(size)
            first = np.searchsorted(rows, start)
            return x[first : first + stop - start]

        shape = (size, *x.shape[1:])
        return jax.make_array_from_callback(shape, layout.batch(), part)

    return jax.tree.map(put, batch)
