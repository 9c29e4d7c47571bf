"""What a step of distillation adds at the size of a pod, compiled for one without it.

`python -m benchmarks.scale [--pair=1]` (needs libtpu: pip install -e '.[tpu]'; no TPU).
A decoder learns from labels and a larger teacher on 512 chips of TPU v5p, split over
data and model; 'ratio' is ours over a step written by hand. What is compared is the
compiled program: temporary bytes a chip, counted operations, bytes of collectives.
"""

import functools
import os
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from benchmarks import _decoder, _measure
from jdistill import losses, objective, train
from jdistill.typing import Frozen

TOPOLOGY, SHAPE = "v5p:8x8x8", (128, 4)
BATCH_SIZE, STEPS = 512, 2048
SMALL = (
    _decoder.Form(22, 2048, heads=32, groups=4, hidden=5632, vocab=32_000),
    _decoder.Form(36, 4096, heads=32, groups=8, hidden=14_336, vocab=32_000),
)
LARGE = (
    _decoder.Form(32, 4096, heads=32, groups=8, hidden=14_336, vocab=128_256),
    _decoder.Form(80, 8192, heads=64, groups=8, hidden=28_672, vocab=128_256),
)
COLLECTIVES = "all-gather|all-reduce|reduce-scatter|all-to-all|collective-permute"
BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "f32": 4}


def mesh_of(topology: str = TOPOLOGY, shape: tuple[int, int] = SHAPE) -> Mesh:
    """Chips that are described and not there."""
    from jax.experimental import topologies

    found = topologies.get_topology_desc(platform="tpu", topology_name=topology)
    return Mesh(np.array(found.devices).reshape(shape), ("data", "model"))


def shapes_of(tree, mesh: Mesh, rules) -> object:
    """Shapes with the shardings that the rules give them."""
    places = train.shardings(tree, mesh, rules)
    return jax.tree.map(
        lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), tree, places
    )


def batch_of(mesh: Mesh, batch_size: int, steps: int) -> dict:
    """The shapes of a batch of token sequences."""
    place = NamedSharding(mesh, PartitionSpec("data"))
    whole = {
        "inputs": ((batch_size, steps), jnp.int32),
        "label": ((batch_size, steps), jnp.int32),
        "token_mask": ((batch_size, steps), jnp.float32),
        "id": ((batch_size,), jnp.int32),
        "mask": ((batch_size,), jnp.float32),
    }
    return {k: jax.ShapeDtypeStruct(*form, sharding=place) for k, form in whole.items()}


def variables_of(form, mesh: Mesh, dtype) -> Frozen:
    """The shapes of a network's variables, split."""
    params = jax.eval_shape(functools.partial(_decoder.init, form=form, dtype=dtype))
    return Frozen(shapes_of(params, mesh, _decoder.RULES))


def learner_of(forms, mesh: Mesh, *, micro_batches: int = 1):
    """The recipe whose step is measured."""
    student, teacher = (_decoder.model(form, mesh) for form in forms)
    goal = objective.combine(
        ce=0.5 * objective.on_labels(losses.cross_entropy),
        kd=0.5 * objective.on_logits(losses.kl, temperature=1.0),
    )
    tx = optax.adamw(1e-4)
    return train.learner(
        student, goal, tx, teacher=teacher, micro_batches=micro_batches
    )


def ours(forms, mesh: Mesh, batch: dict, *, micro_batches: int = 1):
    """The step of a learner, compiled as `train.run` does."""
    learner = learner_of(forms, mesh, micro_batches=micro_batches)
    frozen = variables_of(forms[1], mesh, jnp.bfloat16)
    start = variables_of(forms[0], mesh, jnp.float32)
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(
        lambda k, b, f, s: learner.init(k, b, f, start=s), key, batch, frozen, start
    )
    state = shapes_of(state, mesh, _decoder.RULES)
    places = jax.tree.map(lambda x: x.sharding, state)
    step = jax.jit(learner.step, donate_argnums=0, out_shardings=(places, None))
    return step.lower(state, batch, frozen).compile()


def step_of(forms, mesh: Mesh, tx):
    """The same arithmetic without the library: gradient, AdamW, no test of anything."""
    small, large = forms

    def mean(values, mask):
        return jnp.sum(values * mask) / jnp.sum(mask)

    def loss(params, soft, batch):
        logits = _decoder.apply(params, batch["inputs"], form=small, mesh=mesh)
        log_q = jax.nn.log_softmax(logits.astype(jnp.float32))
        log_p = jax.nn.log_softmax(soft.astype(jnp.float32))
        label = batch["label"][..., None]
        hard = -jnp.take_along_axis(log_q, label, axis=-1)[..., 0]
        kl = jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)
        mask = batch["token_mask"] * batch["mask"][:, None]
        return 0.5 * mean(hard, mask) + 0.5 * mean(kl, mask)

    def step(state, batch, teacher):
        params, opt_state = state
        soft = _decoder.apply(teacher, batch["inputs"], form=large, mesh=mesh)
        value, grads = jax.value_and_grad(loss)(params, soft, batch)
        updates, opt_state = tx.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), value

    return step


def theirs(forms, mesh: Mesh, batch: dict):
    """The step written by hand, compiled."""
    tx = optax.adamw(1e-4)
    params = variables_of(forms[0], mesh, jnp.float32).params
    opt_state = shapes_of(jax.eval_shape(tx.init, params), mesh, _decoder.RULES)
    places = jax.tree.map(lambda x: x.sharding, (params, opt_state))
    step = step_of(forms, mesh, tx)
    step = jax.jit(step, donate_argnums=0, out_shardings=(places, None))
    teacher = variables_of(forms[1], mesh, jnp.bfloat16).params
    return step.lower((params, opt_state), batch, teacher).compile()


def figures(compiled) -> dict[str, float]:
    """What a compiled step needs, on one chip; the body of a loop counts once."""
    analysis = compiled.cost_analysis()
    analysis = analysis[0] if isinstance(analysis, list) else analysis
    return {
        "temporaries": compiled.memory_analysis().temp_size_in_bytes,
        "operations": analysis["flops"],
        "collectives": moved(compiled.as_text()),
    }


def moved(text: str) -> int:
    """The bytes of what collectives give, in a compiled program's text."""
    each = re.findall(rf"= (.*?) (?:{COLLECTIVES})(?:-start)?\(", text)
    arrays = [one for types in each for one in re.findall(r"(\w+)\[([\d,]*)\]", types)]
    return sum(
        BYTES.get(kind, 4) * int(np.prod([int(n) for n in sizes.split(",") if n]))
        for kind, sizes in arrays
    )


def row(name: str, ours: float, theirs: float, **more) -> dict:
    """One figure of two programs."""
    return {
        "name": name,
        "ratio": round(ours / theirs, 4),
        "ours": ours,
        "theirs": theirs,
        **more,
    }


def measure(
    *, pair: int = 0, batch_size: int = BATCH_SIZE, steps: int = STEPS
) -> list[dict]:
    """The figures of one pair of networks: 0 of 1.1 B and 8 B, 1 of 8 B and 70 B."""
    forms, mesh = (SMALL, LARGE)[pair], mesh_of()
    batch = batch_of(mesh, batch_size, steps)
    mine = figures(ours(forms, mesh, batch))
    plain = figures(theirs(forms, mesh, batch))
    columns = {
        "topology": TOPOLOGY,
        "mesh": dict(mesh.shape),
        "batch_size": batch_size,
        "steps": steps,
        "parameters": [_decoder.count(form) for form in forms],
        **_measure.where_and_with(_measure.cores()),
    }
    if pair:
        name = "temporaries"
        return [row(f"scale_{name}_8b_70b", mine[name], plain[name], **columns)]
    rows = [row(f"scale_{k}", mine[k], plain[k], **columns) for k in mine]
    parts = figures(ours(forms, mesh, batch, micro_batches=4))
    name = "temporaries"
    of_parts = row(f"scale_{name}_micro_batches", parts[name], mine[name], **columns)
    return [*rows, of_parts]


def main() -> None:
    """One pair, or a line that says why not."""
    given = _measure.arguments(pair=0, batch_size=BATCH_SIZE, steps=STEPS)
    sizes = {"batch_size": given.batch_size, "steps": given.steps}
    try:
        mesh_of()
    except Exception as error:
        said = str(error).splitlines()[0]
        print(f"benchmarks.scale needs libtpu (pip install -e '.[tpu]'): {said}")
        return
    _measure.write(measure(pair=given.pair, **sizes), given.out)


if __name__ == "__main__":
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    main()
