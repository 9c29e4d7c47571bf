"""A student that learns on texts of its own."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jdistill import kinds
from jdistill.checks import above_zero, whole, zero_to_one
from jdistill.language._choose import Choose, sample
from jdistill.language._continued import continued
from jdistill.language._generate import generate
from jdistill.typing import (
    SOURCE,
    Batch,
    Frozen,
    Key,
    Learner,
    Model,
    State,
    Tree,
)

BUFFER = "own_texts"
_DRAW = sample()
_APART = 0x0BED  # a key apart from those that a step splits off


class _Policy(NamedTuple):
    model: Model
    share: float
    prompt: int
    choose: Choose
    stop: tuple[int, ...]
    every: int
    keep: int


def on_policy(
    learner: Learner,
    model: Model,
    *,
    share: float = 1.0,
    prompt: int = 1,
    choose: Choose = _DRAW,
    stop: Sequence[int] = (),
    every: int = 1,
    keep: int = 1,
) -> Learner:
    r"""The same recipe on batches of which a share is written by the student itself.

    .. math::
        L = (1 - \lambda)\, E_{x \sim \text{data}} D(p \| q)(x)
            + \lambda\, E_{x \sim q} D(p \| q)(x)

    The first `share` of the rows of each batch keep their first `prompt` tokens, and
    the student writes on after them (an encoder-decoder: about the source of the row);
    no gradient goes through what is drawn. Such rows
    have no labels, so terms over labels count the other rows only. With a term over
    `reverse_kl` and `share=1` this is the single-step form of MiniLLM; with `jsd` it
    is GKD, whose `lambda` is `share`; with a skewed divergence, `every` and `keep` it
    is DistiLLM with its replay buffer.

    Args:
        learner: the recipe; it may not bring outputs computed ahead.
        model: the student, `learner`'s own.
        share: of the rows of a batch, above 0 and at most 1; at least one row.
        prompt: how many tokens of a row are kept, from 1 (the first of a text).
        choose: how tokens are drawn; as it stands from the student's own distribution,
            which the equation needs.
        stop: ids that end a text, such as a tokenizer's `ends`.
        every: steps between two writings; in between, rows are drawn from those kept.
        keep: how many writings are kept, the oldest goes first.

    Returns:
        A recipe like any other; the texts kept are part of its state.

    Raises:
        ValueError: a number out of range; in use, a batch that is no longer than its
            prompts, or one with outputs that were computed ahead.

    References:
        Agarwal et al., On-policy distillation of language models, arXiv:2306.13649.
        Gu et al., MiniLLM, arXiv:2306.08543. Ko et al., DistiLLM, arXiv:2402.03898.

    Example:
        >>> import optax
        >>> from jdistill import losses, objective, train
        >>> from jdistill.models import DecoderConfig, decoder
        >>> model = decoder(DecoderConfig(vocab=9, dim=4, depth=1, heads=1, kv_heads=1,
        ...                               head_dim=4, mlp_dim=8, max_steps=16))
        >>> kd = objective.combine(kd=objective.on_logits(losses.reverse_kl))
        >>> plain = train.learner(model, kd, optax.adam(1e-3), teacher=model)
        >>> own = on_policy(plain, model, share=0.5)
        >>> batch = {'inputs': jnp.ones((2, 6), int), 'label': jnp.ones((2, 6), int),
        ...          'token_mask': jnp.ones((2, 6))}
        >>> teacher = Frozen(*model.init(jax.random.key(1), batch))
        >>> state = own.init(jax.random.key(0), batch, teacher)
        >>> state, metrics = own.step(state, batch, teacher)
        >>> int(state.step)
        1
    """
    kinds.learner(learner=learner)
    kinds.model(model=model)
    above_zero(share=share)
    zero_to_one(share=share)
    whole(prompt=prompt, every=every, keep=keep)
    policy = _Policy(model, share, prompt, choose, tuple(stop), every, keep)

    def init(key, batch, frozen=None, *, start: Frozen | None = None) -> State:
        state = learner.init(key, batch, frozen, start=start)
        return _with(state, _room(policy, batch))

    def step(state: State, batch: Batch, frozen=None):
        inner, texts = _apart(state)
        key = jax.random.fold_in(jax.random.fold_in(state.key, _APART), state.step)
        texts = _written(
            policy, learner.finish(inner, frozen), texts, batch, state.step, key
        )
        batch = _mixed(policy, texts, batch, state.step, jax.random.fold_in(key, 1))
        inner, metrics = learner.step(inner, batch, frozen)
        return _with(inner, texts), metrics

    def explain(state: State, batch: Batch, frozen=None) -> str:
        inner, texts = _apart(state)
        key = jax.random.fold_in(jax.random.fold_in(state.key, _APART), state.step)
        texts = _written(
            policy, learner.finish(inner, frozen), texts, batch, state.step, key
        )
        batch = _mixed(policy, texts, batch, state.step, jax.random.fold_in(key, 1))
        return learner.explain(inner, batch, frozen)

    return Learner(
        init,
        lambda batch, frozen=None: (
            batch
        ),  # what is written in the step is not known yet
        step,
        lambda state, frozen=None: learner.finish(_apart(state)[0], frozen),
        lambda state, frozen=None: learner.encode(_apart(state)[0], frozen),
        explain,
        f"{learner.name}, on texts of its own",
    )


def _with(state: State, texts: Tree) -> State:
    return state._replace(followers={**state.followers, BUFFER: texts})


def _apart(state: State) -> tuple[State, Tree]:
    others = {name: x for name, x in state.followers.items() if name != BUFFER}
    return state._replace(followers=others), state.followers[BUFFER]


def _rows(policy: _Policy, batch: Batch) -> int:
    return max(1, round(policy.share * batch["inputs"].shape[0]))


def _room(policy: _Policy, batch: Batch) -> Tree:
    """Texts of `keep` writings, empty."""
    width = batch["inputs"].shape[1]
    if width <= policy.prompt:
        raise ValueError(
            f"prompts of {policy.prompt} tokens leave nothing to write in rows of "
            f"{width}"
        )
    shape = (policy.keep, _rows(policy, batch), width)
    zeros, ids = jnp.zeros(shape), jnp.zeros(shape, jnp.int32)
    texts = {"inputs": ids, "label": ids, "token_mask": zeros}
    for name in SOURCE:  # what a text was written about is kept with it
        if name in batch:
            one = jnp.asarray(batch[name])
            texts[name] = jnp.zeros((*shape[:2], *one.shape[1:]), one.dtype)
    return texts


def _written(policy, student: Frozen, texts, batch, step, key: Key) -> Tree:
    """The texts kept, with new ones in place of the oldest when it is time."""
    if batch.get("outputs"):
        raise ValueError(
            "outputs were computed ahead, of rows that the student will write anew: "
            "leave them out of the batch"
        )
    rows = _rows(policy, batch)
    prompts = {name: batch[name][:rows] for name in SOURCE if name in batch}
    prompts["inputs"] = jnp.asarray(batch["inputs"])[:rows, : policy.prompt]
    width = batch["inputs"].shape[1] + 1 - policy.prompt

    def write(texts: Tree) -> Tree:
        written = generate(
            policy.model,
            student,
            prompts,
            key=key,
            steps=width,
            choose=policy.choose,
            stop=policy.stop,
        )
        new = continued(prompts, written)
        slot = (step // policy.every) % policy.keep
        return {name: texts[name].at[slot].set(new[name]) for name in texts}

    if policy.every == 1:
        return write(texts)
    return jax.lax.cond(step % policy.every == 0, write, lambda texts: texts, texts)


def _mixed(policy: _Policy, texts: Tree, batch: Batch, step, key: Key) -> Batch:
    """The batch, its first rows in place of those kept."""
    rows = _rows(policy, batch)
    filled = jnp.minimum(step // policy.every + 1, policy.keep)
    # each row from a writing of its own, the same place in it
    slots = jax.random.randint(key, (rows,), 0, filled)
    own = {name: x[slots, jnp.arange(rows)] for name, x in texts.items()}
    own["label_mask"] = jnp.zeros_like(own["token_mask"])
    steps = jnp.arange(own["inputs"].shape[1], dtype=jnp.int32)[None]
    own["position"] = jnp.broadcast_to(steps, own["inputs"].shape)
    own["segment"] = (own["token_mask"] > 0).astype(jnp.int32)
    mixed = dict(batch)
    if "label_mask" not in batch:
        mixed["label_mask"] = jnp.ones(batch["inputs"].shape)
    for name, value in own.items():
        if name in mixed:
            rest = jnp.asarray(mixed[name])
            mixed[name] = rest.at[:rows].set(value.astype(rest.dtype))
    return mixed
