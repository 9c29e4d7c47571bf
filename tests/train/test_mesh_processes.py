"""Several processes: each reads the examples that its devices hold."""

import json
import pathlib
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from jdistill import train
from jdistill.train import _mesh
from tests.train import processes


def start(address, index):
    command = [sys.executable, "-m", "tests.train.processes", address, "2", str(index)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=pathlib.Path(__file__).parents[2],
    )  # fmt: skip


def test_two_processes_with_a_model_axis_over_both_have_the_losses_of_one():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    both = [start(address, index) for index in range(2)]
    try:
        said = [one.communicate(timeout=120) for one in both]
    finally:
        for one in both:
            one.kill()
    assert [one.returncode for one in both] == [0, 0], said
    alone = processes.losses(jax.devices()[:4])
    np.testing.assert_allclose(alone["streamed"], alone["resident"], rtol=1e-5)
    for out, _ in said:
        found = json.loads(out.splitlines()[-1])
        for path in ("resident", "streamed"):
            np.testing.assert_allclose(found[path], alone["resident"], rtol=1e-5)


@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [2, 3], [0, 1, 6, 7]])
def test_a_batch_is_put_together_from_the_rows_of_a_process(rows, monkeypatch):
    layout = _mesh.layout_of(train.data_mesh(jax.devices()[:4]))
    made = {}

    def keep(shape, sharding, part):
        for index in sharding.devices_indices_map(shape).values():
            wanted = np.arange(8)[index[0]]
            if set(wanted) <= set(rows):
                made[tuple(wanted)] = part(index)[:, 0].tolist()

    monkeypatch.setattr(jax, "make_array_from_callback", keep)
    mine = np.arange(8.0)[rows][:, None]
    _mesh.from_host({"x": mine}, layout, np.array(rows), 8)
    assert made and all(list(a) == b for a, b in made.items())
