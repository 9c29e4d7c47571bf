import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh

from benchmarks import _decoder, precision

MESH = Mesh(np.array(jax.devices()[:4]).reshape(4, 1), ("data", "model"))
FORM = _decoder.Form(2, 8, heads=2, groups=2, hidden=16, vocab=12)


@pytest.mark.parametrize(("kind", "name"), [(None, "f32"), ("bfloat16", "bf16")])
def test_the_decoder_computes_in_the_type_that_is_measured(kind, name):
    batch = {
        "inputs": jnp.zeros((4, 6), jnp.int32),
        "label": jnp.zeros((4, 6), jnp.int32),
        "token_mask": jnp.ones((4, 6)),
        "id": jnp.arange(4),
        "mask": jnp.ones(4),
    }
    learner = precision.learner_of(FORM, MESH, kind)
    with jax.numpy_rank_promotion("allow"):
        state = jax.eval_shape(learner.init, jax.random.key(0), batch)
        text = str(jax.make_jaxpr(learner.step)(state, batch))
    forward = re.findall(r":(\w+)\[4,6,(?:16|12)\] = dot_general", text)
    assert len(forward) >= 3 and set(forward) == {name}


def test_what_is_gathered_is_counted_apart_from_other_collectives():
    text = """
      %a = bf16[2,3]{1,0} all-gather(%x), dimensions={0}
      %b = f32[9] all-reduce(%y)
      %c = s32[5] all-gather(%z)
    """
    assert precision.gathered(text) == 12 + 20
    assert precision.types_of(text) == ["bf16"]
