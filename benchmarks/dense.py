"""What two dense logits of a whole vocabulary take in memory, compiled for a chip.

`python -m benchmarks.dense` (needs libtpu: pip install -e '.[tpu]'; no TPU).
Cross entropy and `kl` of bfloat16 logits `[8, 1024, vocab]`, value and gradient, as
terms of an objective; 'ratio' is ours over the same written by hand.
"""

import functools
import os

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from benchmarks import _measure, scale
from jdistill import losses, objective
from jdistill.typing import Outputs, View

TOPOLOGY, SHAPE = "v5e:2x2", (8, 1024, 128_256)
TEMPERATURE = 2.0


def ours(student, teacher, label, mask):
    """The loss of an objective."""
    goal = objective.combine(
        ce=0.5 * objective.on_labels(losses.cross_entropy),
        kd=0.5 * objective.on_logits(losses.kl, temperature=TEMPERATURE),
    )
    batch = {"label": label, "mask": jnp.ones(len(label)), "token_mask": mask}
    views = {"student": View(Outputs(student)), "teacher": View(Outputs(teacher))}
    aux = goal.init(jax.random.key(0), views, batch)
    counts = goal.count(batch)
    return goal.compute(views, batch, aux=aux, step=0, key=None, counts=counts)[0]


def theirs(student, teacher, label, mask):
    """The same loss without the library."""
    student, teacher = student.astype(jnp.float32), teacher.astype(jnp.float32)
    found = jnp.take_along_axis(jax.nn.log_softmax(student), label[..., None], axis=-1)
    log_q = jax.nn.log_softmax(student / TEMPERATURE)
    log_p = jax.nn.log_softmax(teacher / TEMPERATURE)
    kl = TEMPERATURE**2 * jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)
    return jnp.sum(mask * 0.5 * (kl - found[..., 0])) / jnp.sum(mask)


def compiled(loss, place, shape: tuple[int, ...]):
    """Value and gradient for the student's logits."""
    array = functools.partial(jax.ShapeDtypeStruct, sharding=place)
    logits, tokens = array(shape, jnp.bfloat16), shape[:-1]
    given = logits, logits, array(tokens, jnp.int32), array(tokens, jnp.float32)
    return jax.jit(jax.value_and_grad(loss)).lower(*given).compile()


def measure() -> list[dict]:
    """Temporary bytes beside arguments and results."""
    chips = scale.mesh_of(TOPOLOGY, (2, 2)).devices.reshape(-1)
    place = NamedSharding(Mesh(chips[:1], "x"), PartitionSpec())
    both = [compiled(loss, place, SHAPE) for loss in (ours, theirs)]
    sizes = [x.memory_analysis().temp_size_in_bytes for x in both]
    columns = {
        "topology": TOPOLOGY,
        "shape": SHAPE,
        **_measure.where_and_with(_measure.cores()),
    }
    return [scale.row("dense_logits_temporaries", *sizes, **columns)]


def main() -> None:
    """The figure, or a line that says why not."""
    given = _measure.arguments()
    try:
        scale.mesh_of(TOPOLOGY, (2, 2))
    except Exception as error:
        said = str(error).splitlines()[0]
        print(f"benchmarks.dense needs libtpu (pip install -e '.[tpu]'): {said}")
        return
    _measure.write(measure(), given.out)


if __name__ == "__main__":
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    main()
