"""One of several processes that train together: `processes.py ADDRESS COUNT INDEX`."""

import json
import sys

import jax
from jax.sharding import Mesh, PartitionSpec

from jdistill import train
from tests.train.examples import SOFT, adam, frozen, net, split


def losses(devices):
    """Losses of runs in which each model axis spans two processes of two devices."""
    mesh = Mesh(
        [[devices[i] for i in row] for row in ((0, 2), (1, 3))], ("data", "model")
    )
    teacher, columns = net(widths=(8,)), PartitionSpec(None, "model")
    recipe = adam(net(widths=(8,)), SOFT, teacher=teacher)
    streamed, found = split()._replace(arrays=None), {}
    for name, part in {"resident": split(), "streamed": streamed}.items():
        means = found[name] = []
        train.run(
            recipe, part, key=jax.random.key(1), num_steps=4, batch_size=8, mesh=mesh,
            frozen=jax.device_get(frozen(teacher)),
            rules=[(".*Dense_0/kernel", columns)],
            frozen_rules=[("teacher/params/Dense_0/kernel", columns)],
            every={1: lambda s, m, means=means: means.append(float(m["loss"]))},
        )  # fmt: skip
    return found


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", 2)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(sys.argv[1], *map(int, sys.argv[2:]))
    sys.stdout.write(json.dumps(losses(jax.devices())) + "\n")
