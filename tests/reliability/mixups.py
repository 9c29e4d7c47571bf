"""Every thing in the place of every other: what takes a model is given a split...

Each public call that takes the nouns of the library is made with all of them in turn.
What does not belong must be refused in one line that names the argument.
"""

import functools
import importlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax

from jdistill import (
    artifact,
    compress,
    data,
    language,
    metrics,
    models,
    objective,
    ops,
    report,
    tokenizers,
    train,
)
from jdistill.typing import Frozen
from tests.reliability.bad_calls import KEY, things
from tests.reliability.bad_numbers import Call
from tests.tokenizers.made import byte_pairs, gguf

evaluate = importlib.import_module("jdistill.evaluate")  # a function hides it


class Taking(NamedTuple):
    """A call, its good arguments, and what each of those may be."""

    call: Callable[..., Any]
    good: Mapping[str, Any]
    kinds: Mapping[str, tuple[str, ...]]


@functools.cache
def nouns() -> dict[str, Any]:
    """One of each thing, by its name."""
    t = things()
    return {
        "model": t.model,
        "frozen": t.frozen,
        "split": t.split,
        "dataset": t.dataset,
        "learner": t.learner,
        "state": t.state,
        "params": t.frozen.params,
        "encoded": t.encoded,
        "objective": objective.hinton(temperature=2.0, alpha=0.5),
        "compression": compress.magnitude(sparsity=0.5),
        "batch": t.batch,
        "batches": [t.batch],
        "optimiser": optax.adam(1e-3),
        "module": nn.Dense(3),
        "metric": metrics.accuracy(),
        "factory": compress.fake_quant,
        "pair": (t.model, t.frozen),
        "word": "accuracy",
        "zero": 0,
        "none": None,
    }


BATCHES = ("batches", "split")


def calls() -> dict[str, Taking]:
    """The public calls that take nouns, by name."""
    t = things()
    goal, tx = nouns()["objective"], optax.adam(1e-3)
    prune = nouns()["compression"]
    network = {"model": t.model, "frozen": t.frozen}
    of_network = {"model": ("model",), "frozen": ("frozen",)}
    reads = {**network, "batches": [t.batch]}
    of_reads = {**of_network, "batches": BATCHES}
    given = {"key": KEY, "num_steps": 1, "batch_size": 4}
    place = f"{tempfile.mkdtemp()}/file"
    adam = compress.as_optax(prune, tx, products=_products(t))
    logits = np.zeros((t.split.size, 3), np.float32)
    prompts = {"inputs": jnp.array([[1, 2, 3]])}
    texts = _of_texts(prompts)
    own = {"params": t.frozen.params, "opt_state": adam.init(t.frozen.params)}
    return {
        "evaluate": Taking(
            evaluate.evaluate,
            {**reads, "metrics": {"accuracy": metrics.accuracy()}, "teacher": None},
            {**of_reads, "metrics": ("none",), "teacher": ("none", "pair")},
        ),
        "predict": Taking(evaluate.predict, reads, of_reads),
        "outputs_of": Taking(evaluate.outputs_of, reads, of_reads),
        "compress_now": Taking(
            train.compress_now,
            {**reads, "compression": prune, "key": KEY},
            {**of_reads, "compression": ("compression",), "key": ("none",)},
        ),
        "observe_int8": Taking(models.observe_int8, reads, of_reads),
        "row": Taking(
            report.row,
            {**network, "stage": "any", "split": t.split, "packed": None},
            {**of_network, "stage": ("word",), "split": ("split",),
             "packed": ("none",)},
        ),
        "learner": Taking(
            train.learner,
            {"model": t.model, "objective": goal, "tx": tx, "teacher": None,
             "compression": None, "others": None, "augment": None},
            {"model": ("model",), "objective": ("objective",),
             "teacher": ("none", "model"),
             "tx": ("optimiser",),
             "compression": ("none", "compression"), "others": ("none",),
             "augment": ("none", "factory", "module")},
        ),
        "run": Taking(
            train.run,
            {"learner": t.learner, "split": t.split, **given, "frozen": None,
             "start": None, "every": None, "checkpoints": None, "mesh": None,
             "progress": None},
            {"learner": ("learner",), "split": ("split",), "key": (),
             "frozen": ("none", "frozen"), "start": ("none", "frozen"),
             "every": ("none",), "checkpoints": ("none",), "mesh": ("none",),
             "progress": ("none",)},
        ),
        "init": Taking(
            t.learner.init,
            {"key": KEY, "batch": t.batch, "frozen": None, "start": None},
            {"key": (), "batch": ("batch",), "frozen": ("none", "frozen"),
             "start": ("none", "frozen")},
        ),
        "step": Taking(
            t.learner.step,
            {"state": t.state, "batch": t.batch, "frozen": None},
            {"state": ("state",), "batch": ("batch",), "frozen": ("none", "frozen")},
        ),
        "finish": Taking(t.learner.finish, {"state": t.state}, {"state": ("state",)}),
        "encode": Taking(t.learner.encode, {"state": t.state}, {"state": ("state",)}),
        "pack": Taking(
            artifact.pack,
            {"path": place, "encoded": t.encoded},
            {"encoded": ("encoded", "frozen")},
        ),
        "eval_batches": Taking(
            functools.partial(data.eval_batches, batch_size=4),
            {"split": t.split},
            {"split": ("split",)},
        ),
        "as_optax": Taking(
            compress.as_optax,
            {"compression": prune, "tx": tx, "key": None},
            {"compression": ("compression",), "key": ("none",),
             "tx": ("optimiser",)},
        ),
        "applied": Taking(
            compress.applied,
            {"compression": prune, **own},
            {"compression": ("compression",), "opt_state": ()},
        ),
        "encoded": Taking(
            compress.encoded,
            {"compression": prune, **own},
            {"compression": ("compression",), "opt_state": ()},
        ),
        "compute_in": Taking(
            lambda model: models.compute_in(model, "bfloat16"),
            {"model": t.model},
            {"model": ("model",)},
        ),
        "lora": Taking(
            functools.partial(models.lora, rank=2),
            {"model": t.model},
            {"model": ("model",)},
        ),
        "reading": Taking(
            lambda model: models.reading(model, "teacher"),
            {"model": t.model},
            {"model": ("model",)},
        ),
        "tap": Taking(
            functools.partial(models.tap, weights={"hidden": "Dense_0/kernel"}),
            {"model": t.model},
            {"model": ("model",)},
        ),
        "peers": Taking(
            models.peers,
            {"one": t.model, "two": t.model},
            {"one": ("model",), "two": ("model",)},
        ),
        "begin_with": Taking(
            functools.partial(models.begin_with, layers={"Dense_0": "Dense_0"}),
            {"student": t.frozen, "teacher": t.frozen},
            {"student": ("frozen",), "teacher": ("frozen",)},
        ),
        "optimize": Taking(
            compress.optimize,
            {"compression": prune, "tx": tx},
            {"compression": ("compression",), "tx": ("optimiser",)},
        ),
        "cache": Taking(
            functools.partial(data.cache, outputs=logits, variables={}),
            {"split": t.split},
            {"split": ("split",)},
        ),
        "mixed": Taking(
            functools.partial(data.mixed, share=0.5),
            {"labeled": t.split, "unlabeled": t.split},
            {"labeled": ("split",), "unlabeled": ("split",)},
        ),
        "beside": Taking(
            data.beside,
            {"own": data.hashed_ngrams(), "teacher": data.hashed_ngrams()},
            {name: ("factory", "module") for name in ("own", "teacher")},
        ),
        "data.encoded": Taking(
            data.encoded,
            {"tokenizer": tokenizers.from_gguf(gguf(byte_pairs()))},
            {"tokenizer": ()},
        ),
        "generate": Taking(
            functools.partial(language.generate, steps=2),
            {**texts, "prompts": prompts, "key": KEY},
            {**of_network, "prompts": (), "key": ()},
        ),
        "block_influence": Taking(
            language.block_influence, {**texts, "batches": [prompts]}, of_reads
        ),
        "on_policy": Taking(
            language.on_policy,
            {"learner": t.learner, "model": t.model},
            {"learner": ("learner",), "model": ("model",)},
        ),
        "simulate_int8": Taking(
            models.simulate_int8, {"model": t.model}, {"model": ("model",)}
        ),
        "execute_int8": Taking(
            models.execute_int8, {"model": t.model}, {"model": ("model",)}
        ),
    }  # fmt: skip


def _of_texts(prompts: Any) -> dict[str, Any]:
    """A network of texts and its variables."""
    sizes = {"vocab": 9, "dim": 4, "depth": 1, "heads": 1, "kv_heads": 1}
    sizes |= {"head_dim": 4, "mlp_dim": 8, "max_steps": 16}
    config = models.DecoderConfig(**sizes)
    model = models.decoder(config, taps=("embed", "layers"))
    return {"model": model, "frozen": Frozen(*model.init(KEY, prompts))}


def _products(t: Any) -> Any:
    return ops.uses(lambda p: t.model.apply(p, {}, t.batch)[0].logits, t.frozen.params)


def every() -> Iterator[Call]:
    """Each call with each thing that one of its arguments cannot be."""
    for name, taking in calls().items():
        for argument, right in taking.kinds.items():
            for noun, thing in nouns().items():
                if noun not in right:
                    given = {**taking.good, argument: thing}
                    call = functools.partial(taking.call, **given)
                    yield Call(f"{name}({argument}={noun})", call, (argument,))


def good() -> Iterator[Call]:
    """Each call as it should be, without which the others would say nothing."""
    for name, taking in calls().items():
        yield Call(name, functools.partial(taking.call, **taking.good), ())
