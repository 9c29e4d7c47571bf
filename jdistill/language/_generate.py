"""Texts from a model, token by token, in one program."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jdistill import kinds
from jdistill.checks import check_key, known, whole
from jdistill.language._choose import Choose, sample
from jdistill.language._sizes import refuse_outside
from jdistill.typing import (
    SOURCE,
    Array,
    Batch,
    Decoding,
    Frozen,
    Key,
    Model,
    Tree,
)

_DRAW = sample()


class Generated(NamedTuple):
    """What a model wrote after its prompts.

    * `tokens`: `[batch, steps]`, `pad` behind the end of each text.
    * `lengths`: `[batch]`, tokens written, the one that stopped it among them.
    * `log_probs`: `[batch, steps]`, those of the tokens under the model at temperature
      1, whatever they were chosen by; 0 behind the end.
    """

    tokens: Array
    lengths: Array
    log_probs: Array


class _Loop(NamedTuple):
    step: Array
    cache: Tree
    logits: Array
    done: Array
    written: Generated


def generate(
    model: Model,
    frozen: Frozen,
    prompts: Batch,
    *,
    key: Key,
    steps: int,
    choose: Choose = _DRAW,
    stop: Sequence[int] = (),
    pad: int = 0,
) -> Generated:
    """Writes on after prompts of any lengths, all rows in one loop.

    A pure function to be jitted: `jax.jit(generate, static_argnames=...)`, or inside a
    training step. With `model.decoding` each token is read once; any other model with
    logits for each token works too, and reads the whole text for each token.

    Args:
        model: a model of tokens; ids past its `words` are never written.
        frozen: its variables.
        prompts: `inputs` ids `[batch, prompt]`, and `token_mask` where they are of
            different lengths (padding behind them); for an encoder-decoder also
            `source` and `source_mask`, and `inputs` holds the id that a text begins
            with.
        key: what is drawn; each row and step has its own.
        steps: the most tokens to write.
        choose: `choose(logits, key) -> id`: `sample(...)` or `greedy`.
        stop: ids that end a text, such as a tokenizer's `ends`.
        pad: what stands behind the end of a text.

    Returns:
        `Generated(tokens, lengths, log_probs)`. The loop ends when all texts have.

    Raises:
        ValueError: `steps` or a prompt is empty; there is no room for as many tokens,
            or the model does not know an id, outside a compiled program.

    Example:
        >>> from jdistill.models import DecoderConfig, decoder
        >>> model = decoder(DecoderConfig(vocab=9, dim=4, depth=1, heads=1, kv_heads=1,
        ...                               head_dim=4, mlp_dim=8, max_steps=16))
        >>> batch = {'inputs': jnp.array([[1, 2, 3]])}
        >>> frozen = Frozen(*model.init(jax.random.key(0), batch))
        >>> generate(model, frozen, batch, key=jax.random.key(1), steps=5).tokens.shape
        (1, 5)
    """
    kinds.model(model=model)
    kinds.variables(frozen=frozen)
    kinds.batch(prompts=prompts)
    check_key(key)
    if "inputs" not in prompts:
        raise ValueError(f"prompts has no 'inputs'; there are {sorted(prompts)}")
    tokens = jnp.asarray(prompts["inputs"])
    whole_numbers = jnp.issubdtype(tokens.dtype, jnp.integer)
    if tokens.ndim != 2 or not tokens.shape[1] or not whole_numbers:
        there = f"{tokens.dtype}{list(tokens.shape)}"
        raise ValueError(f"prompts must be ids [batch, prompt], got {there}")
    whole(steps=steps)
    if known(tokens):
        refuse_outside(model, frozen, [prompts])
    rows, width = tokens.shape
    count = _count(prompts, tokens)
    go_on = model.decoding or reading_all(model)
    cache = go_on.start(frozen.params, frozen.state, prompts, width + steps)

    def read(cache: Tree, tokens: Array, count: Array) -> tuple[Array, Tree]:
        logits, cache = go_on.step(frozen.params, frozen.state, cache, tokens, count)
        return logits[:, : model.words], cache  # what pads a vocabulary is no word

    logits, cache = read(cache, tokens, count)
    keys = jax.vmap(lambda row: jax.random.fold_in(key, row))(jnp.arange(rows))

    def write(loop: _Loop) -> _Loop:
        now = jax.vmap(lambda k: jax.random.fold_in(k, loop.step))(keys)
        token = jnp.where(loop.done, pad, jax.vmap(choose)(loop.logits, now))
        written = _written(loop, token)
        ends = (token[:, None] == jnp.asarray([*stop, -1])[None]).any(1)
        done = loop.done | ends
        # what has ended reads nothing more
        logits, cache = read(loop.cache, token[:, None], jnp.where(done, 0, 1))
        return _Loop(loop.step + 1, cache, logits, done, written)

    first = _Loop(
        jnp.zeros((), jnp.int32),
        cache,
        logits,
        jnp.zeros(rows, bool),
        _nothing(rows, steps, pad, logits.dtype),
    )
    more = lambda loop: (loop.step < steps) & ~loop.done.all()  # noqa: E731
    return jax.lax.while_loop(more, write, first).written


def reading_all(model: Model) -> Decoding:
    """How any model of tokens goes on: it reads the whole text for each token.

    Args:
        model: a model with logits `[batch, steps, vocab]`.

    Returns:
        `start` and `step`; the cache holds the tokens.

    Example:
        >>> from jdistill.models import from_function
        >>> model = from_function(lambda params, x: jax.nn.one_hot(x + 1, 4))
        >>> go_on = reading_all(model)
        >>> cache = go_on.start({}, {}, {'inputs': jnp.array([[1]])}, 3)
        >>> go_on.step({}, {}, cache, jnp.array([[1]]), jnp.array([1]))[0]
        Array([[0., 0., 1., 0.]], dtype=float32)
    """

    def start(params, state, batch: Batch, length: int, *, dtype: Any = None) -> Tree:
        del params, state, dtype
        rows = jnp.shape(batch["inputs"])[0]
        return {
            "tokens": jnp.zeros((rows, length), jnp.int32),
            "length": jnp.zeros((rows,), jnp.int32),
            "about": {name: batch[name] for name in SOURCE if name in batch},
        }

    def step(params, state, cache, tokens, count) -> tuple[Array, Tree]:
        rows = jnp.arange(tokens.shape[0])[:, None]
        offsets = jnp.arange(tokens.shape[1], dtype=jnp.int32)[None]
        places = cache["length"][:, None] + offsets
        places = jnp.where(offsets < count[:, None], places, cache["tokens"].shape[1])
        read = cache["tokens"].at[rows, places].set(tokens, mode="drop")
        length = cache["length"] + count
        order = jnp.arange(read.shape[1], dtype=jnp.int32)[None]
        mask = (order < length[:, None]).astype(jnp.float32)
        batch = {"inputs": read, "token_mask": mask, **cache["about"]}
        logits = model.apply(params, state, batch, train=False)[0].logits
        last = jnp.maximum(length - 1, 0)[:, None, None]
        logits = jnp.take_along_axis(logits, last, axis=1)[:, 0]
        return logits, {**cache, "tokens": read, "length": length}

    return Decoding(start, step)


def _count(prompts: Batch, tokens: Array) -> Array:
    mask = prompts.get("token_mask")
    if mask is None:
        return jnp.full(tokens.shape[:1], tokens.shape[1], jnp.int32)
    count = (jnp.asarray(mask) > 0).sum(1, dtype=jnp.int32)
    if known(count) and (count == 0).any():
        raise ValueError(
            f"the prompt in row {int(count.argmin())} has no token; begin it with the "
            "tokenizer's first one"
        )
    return count


def _nothing(rows: int, steps: int, pad: int, dtype: Any) -> Generated:
    return Generated(
        jnp.full((rows, steps), pad, jnp.int32),
        jnp.zeros(rows, jnp.int32),
        jnp.zeros((rows, steps), dtype),
    )


def _written(loop: _Loop, token: Array) -> Generated:
    log_probs = jax.nn.log_softmax(loop.logits)
    own = jnp.take_along_axis(log_probs, token[:, None], axis=1)[:, 0]
    return Generated(
        loop.written.tokens.at[:, loop.step].set(token),
        loop.written.lengths + ~loop.done,
        loop.written.log_probs.at[:, loop.step].set(jnp.where(loop.done, 0.0, own)),
    )
