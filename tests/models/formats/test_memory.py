"""Loading takes little more memory than the parameters do."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from jdistill import tree
from jdistill.models import DecoderConfig, decoder
from jdistill.models.formats._families import hf_rows
from jdistill.models.formats._hf_config import write_config
from jdistill.models.formats._rows import Source
from jdistill.models.formats._safetensors import write_folder

READ = """
import sys
import jax
from jdistill.models import from_hf

def now(kind):
    lines = open('/proc/self/status').read().splitlines()
    return next(int(x.split()[1]) * 1024 for x in lines if x.startswith(kind))

jax.block_until_ready(jax.numpy.ones(3))
before = now('VmRSS')
read = from_hf(sys.argv[1])
jax.block_until_ready(read.frozen)
size = sum(x.nbytes for x in jax.tree.leaves(read.frozen))
print((now('VmHWM') - before) / size)
"""


def zeros(config, dtype):
    """Arrays of a configuration's sizes, made one at a time."""
    like = jax.eval_shape(decoder(config).init, jax.random.key(0), {})[0]
    shapes = {path: x.shape for path, x in tree.flatten(like).items()}
    kinds = {}
    for row in hf_rows(config):
        stacked = "{layer}" in row.name
        shape = shapes[row.paths[0]][stacked:]
        shape = shape[::-1] if row.changes else shape
        for layer in range(config.depth if stacked else 1):
            name = row.name.replace("{layer}", str(layer))
            kinds[name] = jax.ShapeDtypeStruct(shape, np.dtype(dtype))
    return Source(kinds, lambda name: np.zeros(kinds[name].shape, dtype))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("vocab", [50_000, 200_000])
def test_the_peak_is_hardly_above_the_parameters(vocab, tmp_path):
    config = DecoderConfig(
        vocab=vocab, dim=384, depth=40, heads=6, kv_heads=6, head_dim=64,
        mlp_dim=1536, max_steps=64,
    )  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(write_config(config)))
    write_folder(zeros(config, np.float32), tmp_path, 10**12)
    command = [sys.executable, "-c", READ, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (tmp_path / "model.safetensors").unlink()
    assert 0.9 < float(done.stdout) < 1.3
