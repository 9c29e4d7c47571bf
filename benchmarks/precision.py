"""What `learner(compute_dtype='bfloat16')` saves, compiled for four chips of TPU v5e.

`python -m benchmarks.precision` (needs libtpu: pip install -e '.[tpu]'; no TPU).
A decoder that computes in the type of its parameters learns under pruning and int8
rounding, its float32 weights split over all chips. 'ratio' is the step with bfloat16
over the step without: temporary bytes of a chip, and bytes that are gathered; the body
of a loop counts once.
"""

import os
import re
from typing import Any

import jax
import jax.numpy as jnp
import optax

from benchmarks import _decoder, _measure, scale
from jdistill import compress, losses, objective, train

TOPOLOGY, SHAPE = "v5e:2x2", (4, 1)
FORM = _decoder.Form(8, 1024, heads=8, groups=8, hidden=4096, vocab=8192)
BATCH_SIZE, STEPS = 8, 512
WEIGHTS = "layers/(query|key|value|out|gate|up|down)"


def learner_of(form, mesh, compute_dtype: str | None):
    """A compressed student without a type of its own."""
    both = compress.chain(
        compress.magnitude(sparsity=0.5, every=100, where=WEIGHTS),
        compress.fake_quant(where=WEIGHTS),
    )
    return train.learner(
        _decoder.model(form, mesh, dtype=None),
        objective.combine(ce=objective.on_labels(losses.cross_entropy)),
        optax.adamw(1e-4),
        compression=both,
        compute_dtype=compute_dtype,
    )


def compiled(form, mesh, batch: dict, compute_dtype: str | None) -> Any:
    """The step as `train.run` compiles it."""
    learner = learner_of(form, mesh, compute_dtype)
    start = scale.variables_of(form, mesh, jnp.float32)
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(
        lambda k, b, s: learner.init(k, b, start=s), key, batch, start
    )
    state = scale.shapes_of(state, mesh, _decoder.RULES)
    places = jax.tree.map(lambda x: x.sharding, state)
    step = jax.jit(learner.step, donate_argnums=0, out_shardings=(places, None))
    return step.lower(state, batch).compile()


def gathered(text: str) -> int:
    """The bytes of what is gathered, in a compiled program's text."""
    lines = [line for line in text.splitlines() if " all-gather" in line]
    return scale.moved("\n".join(lines))


def types_of(text: str) -> list[str]:
    """The types of floating-point numbers that are gathered."""
    lines = [line for line in text.splitlines() if " all-gather" in line]
    return sorted(
        {kind for line in lines for kind in re.findall(r"\b(b?f\d+)\[", line)}
    )


def measure(*, batch_size: int = BATCH_SIZE, steps: int = STEPS) -> list[dict]:
    """Both figures."""
    mesh = scale.mesh_of(TOPOLOGY, SHAPE)
    batch = scale.batch_of(mesh, batch_size, steps)
    half, whole = (compiled(FORM, mesh, batch, kind) for kind in ("bfloat16", None))
    columns = {
        "topology": TOPOLOGY,
        "mesh": dict(mesh.shape),
        "batch_size": batch_size,
        "steps": steps,
        "parameters": _decoder.count(FORM),
        "gathered_types": [types_of(x.as_text()) for x in (half, whole)],
        **_measure.where_and_with(_measure.cores()),
    }
    bytes_of = [x.memory_analysis().temp_size_in_bytes for x in (half, whole)]
    moved = [gathered(x.as_text()) for x in (half, whole)]
    return [
        scale.row("precision_temporaries", *bytes_of, **columns),
        scale.row("precision_gathered", *moved, **columns),
    ]


def main() -> None:
    """The figures, or a line that says why not."""
    given = _measure.arguments(batch_size=BATCH_SIZE, steps=STEPS)
    try:
        scale.mesh_of(TOPOLOGY, SHAPE)
    except Exception as error:
        said = str(error).splitlines()[0]
        print(f"benchmarks.precision needs libtpu (pip install -e '.[tpu]'): {said}")
        return
    _measure.write(measure(batch_size=given.batch_size, steps=given.steps), given.out)


if __name__ == "__main__":
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    main()
