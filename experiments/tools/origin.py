"""Where a row comes from: the day, the code, the versions, the machine."""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import subprocess
from typing import Any

import jax

PACKAGES = ("jax", "jaxlib", "flax", "optax")


def origin() -> dict[str, Any]:
    """What every row records: `date`, `commit`, `versions`, `hardware`.

    Returns:
        `commit` is the git hash, with '-dirty' where the tree has changes, None outside
        a repository.

    Example:
        >>> sorted(origin())
        ['commit', 'date', 'hardware', 'versions']
    """
    device = jax.devices()[0]
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": _commit(),
        "versions": {"python": platform.python_version(), **versions},
        "hardware": {
            "platform": device.platform,
            "device": device.device_kind,
            "devices": jax.device_count(),
            "cpus": os.cpu_count(),
        },
    }


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    folder = pathlib.Path(__file__).parent
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.decode().strip()
