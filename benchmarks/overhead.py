"""What distilling and compressing add to a step, and how often a step compiles.

`python -m benchmarks.overhead`. 'ratio' is ours over theirs: 1 adds nothing.
"""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import _measure, kd_step
from jdistill import compress, losses, models, objective, ops, train
from jdistill.typing import Frozen, Outputs, View

EVERY = 100
TURN = 10
VOCAB, CLASSES = 2000, 10


def distillation(*, steps: int, rounds: int) -> dict:
    """The step of the pair of `kd_step`, against its three parts on their own."""
    batch = jax.tree.map(jnp.asarray, kd_step.examples(kd_step.BATCH_SIZE))
    student = models.mlp(widths=kd_step.STUDENT, classes=kd_step.CLASSES)
    teacher = models.mlp(widths=kd_step.TEACHER, classes=kd_step.CLASSES)
    frozen = kd_step.teacher_of(batch)
    kd, tx = objective.hinton(temperature=4.0, alpha=0.9), optax.adam(1e-3)
    learner = train.learner(student, kd, tx, teacher=teacher)
    turn = min(TURN, steps)
    parts = apart(student, teacher, kd, tx, batch, frozen, steps=turn)
    calls = {"step": stepping(learner, batch, frozen, steps=turn), **parts}
    taken = _measure.in_turns(calls, rounds=rounds, turns=steps // turn)
    sums = [_measure.total(taken[k][i] for k in parts) for i in range(rounds)]
    return _measure.cost("kd_step_vs_parts", taken["step"], sums, steps=steps)


def stepping(learner, batch, frozen, *, steps: int):
    """Many steps of a learner, one compiled step after the other."""
    step = jax.jit(learner.step, donate_argnums=0)
    state = [jax.jit(learner.init)(jax.random.key(0), batch, frozen)]

    def run():
        for _ in range(steps):
            state[0], _ = step(state[0], batch, frozen)
        return state[0].params

    return run


def apart(student, teacher, kd, tx, batch, frozen, *, steps: int) -> dict:
    """Many calls of teacher, gradient and optimiser, each compiled alone."""
    params, model_state = jax.jit(student.init)(jax.random.key(0), batch)

    def loss(params, soft):
        outputs, _ = student.apply(params, model_state, batch, train=True)
        views = {"student": View(outputs), "teacher": View(Outputs(soft))}
        return kd.compute(views, batch, aux={}, step=0, key=None)

    def forward(frozen: Frozen, batch):
        return teacher.apply(frozen.params, frozen.state, batch)[0].logits

    def move(carry, grads):
        params, opt_state = carry
        updates, opt_state = tx.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state

    forward, grad = jax.jit(forward), jax.jit(jax.grad(loss, has_aux=True))
    move = jax.jit(move, donate_argnums=0)
    soft = forward(frozen, batch)
    grads, _ = grad(params, soft)
    carry = [jax.tree.map(jnp.copy, (params, tx.init(params)))]

    def moving():
        for _ in range(steps):
            carry[0] = move(carry[0], grads)
        return carry[0]

    return {
        "teacher": lambda: [forward(frozen, batch) for _ in range(steps)],
        "gradient": lambda: [grad(params, soft) for _ in range(steps)],
        "optimiser": moving,
    }


def compression(
    *, steps: int, rounds: int, batch_size: int, length: int, dim: int, depth: int
) -> dict:
    """The transformer's step with pruning and int8 fake quantisation, and without."""
    batch = texts(batch_size, length)
    encoder = models.encoder_classifier(
        classes=CLASSES, vocab=VOCAB, steps=length, dim=dim, depth=depth
    )
    labels = objective.combine(ce=objective.on_labels(losses.cross_entropy))
    smaller = compress.chain(
        compress.magnitude(sparsity=0.8, every=EVERY), compress.fake_quant()
    )
    turn = min(TURN, steps)
    calls = {
        name: stepping(
            train.learner(encoder, labels, optax.adam(1e-3), compression=c),
            batch,
            None,
            steps=turn,
        )
        for name, c in {"plain": None, "compressed": smaller}.items()
    }
    taken = _measure.in_turns(calls, rounds=rounds, turns=steps // turn)
    ours, theirs = taken["compressed"], taken["plain"]
    return _measure.cost("compression_vs_plain", ours, theirs, steps=steps)


def texts(batch_size: int, length: int) -> dict:
    """Token ids of random texts without padding."""
    random = np.random.default_rng(0)
    return {
        "inputs": jnp.asarray(random.integers(0, VOCAB, (batch_size, length))),
        "token_mask": jnp.ones((batch_size, length)),
        "label": jnp.asarray(random.integers(0, CLASSES, batch_size)),
        "id": jnp.arange(batch_size),
    }


def compilations(*, steps: int) -> dict:
    """How often `run` compiles its step, with events and a remainder in the way."""
    heard = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())
    log = logging.getLogger("jax")
    propagates, log.propagate = log.propagate, False
    log.addHandler(handler)
    try:
        with jax.log_compiles():
            _one_stage(steps)
    finally:
        log.removeHandler(handler)
        log.propagate = propagates
    done = "Finished XLA compilation of jit(program)"
    return {"name": "step_compiles", "count": sum(done in x for x in heard)}


def _one_stage(steps: int) -> None:
    split = kd_step.split_of(kd_step.examples(1000))
    student = models.mlp(widths=(8,), classes=kd_step.CLASSES)
    labels = objective.combine(ce=objective.on_labels(losses.cross_entropy))
    pruned = compress.magnitude(sparsity=0.5, every=10)
    learner = train.learner(student, labels, optax.adam(1e-3), compression=pruned)
    every = {7: lambda state, metrics: None}
    train.run(learner, split, key=jax.random.key(0), num_steps=steps, every=every)


def tracing(
    *, rounds: int, batch_size: int, length: int, dim: int, depth: int
) -> list[dict]:
    """Finding the weights and observing the ranges of the transformer."""
    batch = texts(batch_size, length)
    encoder = models.encoder_classifier(
        classes=CLASSES, vocab=VOCAB, steps=length, dim=dim, depth=depth
    )
    params, _ = jax.jit(encoder.init)(jax.random.key(0), batch)

    def logits(params, batch):
        return encoder.apply(params, {}, batch)[0].logits

    plain, observed = jax.jit(logits), jax.jit(ops.observe(logits))
    calls = {
        # a new function each time, so that no trace is remembered
        "trace": lambda: jax.make_jaxpr(lambda *x: logits(*x))(params, batch) and 0,
        "weights": lambda: ops.weights(lambda *x: logits(*x), params, batch) and 0,
        "forward": lambda: plain(params, batch),
        "observe": lambda: observed(params, batch),
    }
    taken = _measure.in_turns(calls, rounds=rounds, turns=2)
    return [
        _measure.cost("weights_vs_trace", taken["weights"], taken["trace"], turns=2),
        _measure.cost(
            "observe_vs_forward", taken["observe"], taken["forward"], turns=2
        ),
    ]


def measure(
    *,
    rounds: int = 5,
    steps: int = 200,
    encoder_steps: int = EVERY,
    batch_size: int = 64,
    length: int = 128,
    dim: int = 128,
    depth: int = 2,
) -> list[dict]:
    """All figures of this page."""
    text = {"batch_size": batch_size, "length": length, "dim": dim, "depth": depth}
    rows = [
        distillation(steps=steps, rounds=rounds),
        compilations(steps=45),
        *tracing(rounds=rounds, **text),
        compression(steps=encoder_steps, rounds=rounds, **text),
    ]
    columns = _measure.where_and_with(_measure.cores())
    return [{**row, **columns} for row in rows]


if __name__ == "__main__":
    given = vars(
        _measure.arguments(rounds=5, steps=200, encoder_steps=EVERY, batch_size=64)
    )
    out = given.pop("out")
    _measure.write(measure(**given), out)
