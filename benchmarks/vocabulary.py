"""What losses over a vocabulary take: memory on a chip, and time on this machine.

`python -m benchmarks.vocabulary` (for memory, libtpu: pip install -e '.[tpu]'; no TPU).
`kl` from bfloat16 hidden states `[8, 1024, dim]`, of a student with 2,048 and a teacher
with 4,096, over 128,256 words, with gradients at the student's hidden states and head.
'ratio' of 'vocabulary_memory' is the whole logits' temporary bytes over ours, and of
'vocabulary_time' the whole logits' seconds over ours. 'vocabulary_memory_split' is the
memory of a chip where four times the tokens are split over four rows of chips and the
words of both heads, padded to 131,072, over the four chips of each.
"""

import functools
import os

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from benchmarks import _measure, scale
from jdistill import losses

TOPOLOGY = "v5e:2x2"
SPLIT = {"topology": "v5e:4x4", "shape": (4, 4)}
BATCH, DIMS, WORDS, PADDED = (8, 1024), (2048, 4096), 128_256, 131_072
FORMS = {
    "forward": {"form": "forward", "chunk": 512},
    "recompute": {"form": "recompute", "chunk": 256},
    "blocked": {"form": "recompute", "chunk": 1024, "block": 8192},
}
SMALL = {"batch": (1, 1024), "dims": (256, 512), "words": 32_000}


def ours(hidden, head, teacher_hidden, teacher_head, **form):
    """The mean over tokens, in parts."""
    values = losses.over_vocabulary(losses.kl, **form)
    heads = {"head": head, "teacher_head": teacher_head}
    return values(hidden, teacher_hidden, **heads).mean()


def theirs(hidden, head, teacher_hidden, teacher_head):
    """The mean over tokens, of whole logits."""
    return losses.kl(hidden @ head, teacher_hidden @ teacher_head).mean()


def shapes(batch, dims, words) -> list[tuple[int, ...]]:
    """Of the arguments."""
    return [x for dim in dims for x in ((*batch, dim), (dim, words))]


def compiled(loss, *, place, batch=BATCH, words=WORDS):
    """Value and gradients for the student's hidden states and head, placed as they are.

    Args:
        loss: of the arguments.
        place: of hidden states, and of heads.
        batch: all tokens.
        words: all columns.
    """
    given = [
        jax.ShapeDtypeStruct(shape, jnp.bfloat16, sharding=one)
        for shape, one in zip(shapes(batch, DIMS, words), place * 2, strict=True)
    ]
    everywhere = NamedSharding(place[0].mesh, PartitionSpec())
    step = jax.value_and_grad(loss, (0, 1))
    return jax.jit(step, out_shardings=(everywhere, place)).lower(*given).compile()


def memory() -> list[dict]:
    """A row for each form, on one chip."""
    chips = scale.mesh_of(TOPOLOGY, (2, 2)).devices.reshape(-1)
    place = NamedSharding(Mesh(chips[:1], "x"), PartitionSpec())
    run = functools.partial(compiled, place=(place, place))
    columns = {"topology": TOPOLOGY, "shape": [*BATCH, WORDS]}
    return _rows("vocabulary_memory", run, ours, columns)


def memory_split() -> list[dict]:
    """A row for each form, on one chip of several that share tokens and words."""
    mesh = scale.mesh_of(**SPLIT)
    sizes = {"batch": (4 * BATCH[0], BATCH[1]), "words": PADDED}
    specs = PartitionSpec("data"), PartitionSpec(None, "model")
    place = tuple(NamedSharding(mesh, spec) for spec in specs)
    run = functools.partial(compiled, place=place, **sizes)
    mine = functools.partial(ours, mesh=mesh, tokens="data", vocabulary="model")
    columns = {"topology": SPLIT["topology"], "mesh": dict(mesh.shape)}
    columns["shape"] = [*sizes["batch"], PADDED]
    return _rows("vocabulary_memory_split", run, mine, columns)


def _rows(name, run, mine, columns) -> list[dict]:
    """Bytes of a chip for each of our forms, beside those of whole logits."""
    columns |= {"dims": DIMS, **_measure.where_and_with(_measure.cores())}
    whole, *each = [
        scale.figures(run(loss))
        for loss in (theirs, *(functools.partial(mine, **f) for f in FORMS.values()))
    ]
    return [
        {
            "name": name,
            "ratio": round(whole["temporaries"] / found["temporaries"], 4),
            "ours": found["temporaries"],
            "theirs": whole["temporaries"],
            "ours_collectives": found["collectives"],
            "theirs_collectives": whole["collectives"],
            "which": which,
            **form,
            **columns,
        }
        for (which, form), found in zip(FORMS.items(), each, strict=True)
    ]


def time(*, rounds: int) -> dict:
    """Value and gradients on this machine, in float32."""
    keys = jax.random.split(jax.random.key(0), 4)
    given = [
        jax.random.normal(key, shape) / shape[-1] ** 0.5
        for key, shape in zip(keys, shapes(**SMALL), strict=True)
    ]
    mine = functools.partial(ours, **FORMS["forward"])
    both = {
        name: functools.partial(jax.jit(jax.value_and_grad(loss, (0, 1))), *given)
        for name, loss in (("ours", mine), ("theirs", theirs))
    }
    taken = _measure.in_turns(both, rounds=rounds, turns=1)
    columns = SMALL | FORMS["forward"] | _measure.where_and_with(_measure.cores())
    row = _measure.speedup("vocabulary_time", taken["ours"], taken["theirs"])
    return row | columns


def main() -> None:
    """The figures; those of memory, or a line that says why not."""
    given = _measure.arguments(rounds=5)
    _measure.write([time(rounds=given.rounds)], given.out)
    try:
        scale.mesh_of(TOPOLOGY, (2, 2))
    except Exception as error:
        said = str(error).splitlines()[0]
        print(f"vocabulary_memory needs libtpu (pip install -e '.[tpu]'): {said}")
        return
    _measure.write(memory(), given.out)
    _measure.write(memory_split(), given.out)


if __name__ == "__main__":
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    main()
