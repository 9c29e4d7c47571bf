"""From a prompt to a text."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

from jdistill import kinds
from jdistill.checks import MOST, whole, whole_list
from jdistill.language._choose import Choose, greedy
from jdistill.language._generate import generate
from jdistill.language._sizes import positions_of, refuse_outside, start_of
from jdistill.typing import Frozen, Model, Tokenizer
from jdistill.words import check_texts

OF_TEXTS = "a Tokenizer (tokenizers.from_hf...)"
_ROUND = 32
"""Prompts are padded to multiples of this, so that few lengths are compiled."""


@runtime_checkable
class Write(Protocol):
    """What a model writes on after texts."""

    def __call__(self, prompt: Any, /, *, seed: int = 0) -> Any:
        """A text for a text, a list for several."""
        ...


def writer(
    model: Model,
    frozen: Frozen,
    tokenizer: Tokenizer,
    *,
    steps: int = 64,
    choose: Choose = greedy,
    stop: Sequence[int] | None = None,
    control: bool = True,
    start: int | None = None,
) -> Write:
    """A function that writes on after texts.

    Args:
        model: a model of tokens.
        frozen: its variables.
        tokenizer: its vocabulary; a prompt begins with 'bos' where windows do.
        steps: the most tokens to write.
        choose: `sample(...)` or `greedy`.
        stop: ids that end a text, by default the tokenizer's `ends`.
        control: whether the name of a control token in a prompt is that token, as
            templates of chats need it; False for texts of strangers.
        start: of a network that reads a source, the id that its texts begin with; by
            default that of `models.encoder_decoder`. A prompt is a source then.

    Returns:
        `write(prompt, *, seed=0)`: what comes after the prompt; for a list of prompts
        a list. The programs that it compiles go with it.

    Raises:
        ValueError: in use, a prompt is empty and nothing stands before it, or there is
            no room for as many tokens.

    Example:
        >>> from jdistill import tokenizers
        >>> from jdistill.models import from_function
        >>> letters = tokenizers.from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': [],
        ...     'tokenizer.ggml.tokens': ['a', 'b', 'c']})
        >>> after = from_function(lambda params, x: jax.nn.one_hot((x + 1) % 3, 3))
        >>> write = writer(after, Frozen({}), letters, steps=4)
        >>> write('ab'), write(['a', 'bca'])
        ('cabc', ['bcab', 'bcab'])
    """
    kinds.model(model=model)
    kinds.variables(frozen=frozen)
    kinds.instance(Tokenizer, OF_TEXTS, {"tokenizer": tokenizer})
    whole(steps=steps, most=MOST)
    kinds.function(choose=choose)
    if stop is not None:
        whole_list(stop=stop)
    ends = tokenizer.ends if stop is None else tuple(stop)
    start = start_of(model) if start is None else start
    run = jax.jit(
        functools.partial(generate, model, steps=steps, choose=choose, stop=ends)
    )

    def write(prompt: Any, *, seed: int = 0) -> Any:
        alone = isinstance(prompt, str) or not isinstance(prompt, Iterable)
        texts: list[Any] = [prompt] if alone else [*prompt]
        wrong = [x for x in texts if not isinstance(x, str)]
        if wrong:
            raise TypeError(f"a prompt is a text, got {kinds.got(wrong[0])}")
        batch = prompts(tokenizer, texts, control=control, start=start)
        refuse_outside(model, frozen, [batch])
        if start is None:
            batch = _roomy(batch, steps, positions_of(model))
        written = run(frozen, batch, key=jax.random.key(seed))
        found = [
            tokenizer.decode(ids[:length])
            for ids, length in zip(
                np.asarray(written.tokens), written.lengths.tolist(), strict=True
            )
        ]
        return found[0] if isinstance(prompt, str) else found

    return write


def _roomy(
    batch: dict[str, np.ndarray], steps: int, most: int | None
) -> dict[str, np.ndarray]:
    """Prompts without padding that would take the room of what is to be written."""
    longest = int(batch["token_mask"].sum(1).max(initial=0))
    width = batch["inputs"].shape[1]
    if most is not None and longest + steps <= most < width + steps:
        width = most - steps
    return {name: x[:, :width] for name, x in batch.items()}


def prompts(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    control: bool = True,
    start: int | None = None,
) -> dict[str, np.ndarray]:
    """Texts as ids side by side, padded behind.

    Args:
        tokenizer: a text begins with its 'bos' where windows do.
        texts: one or more.
        control: whether the name of a control token in a text is that token.
        start: where texts are sources, the id that what is written begins with.

    Returns:
        `inputs` and `token_mask` `[batch, prompt]`; with `start` `source` and
        `source_mask`, each text with what its vocabulary's template puts around it
        (T5's '</s>'), and `inputs` of `start` alone.

    Raises:
        ValueError: a text has no token.

    Example:
        >>> from jdistill import tokenizers
        >>> letters = tokenizers.from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': [],
        ...     'tokenizer.ggml.tokens': ['a', 'b', 'c']})
        >>> prompts(letters, ['ab', 'c'])['token_mask'].sum(1)
        array([2., 1.], dtype=float32)
    """
    kinds.instance(Tokenizer, OF_TEXTS, {"tokenizer": tokenizer})
    check_texts(texts=texts)
    if start is None:
        first = [tokenizer.special["bos"]] if tokenizer.begins else []
        found = tokenizer.encode_many(texts, control=control)
        rows = [np.concatenate([first, ids]) for ids in found]
    else:
        rows = [tokenizer.frame(text, control=control)[0] for text in texts]
    for number, row in enumerate(rows):
        if not row.size:
            raise ValueError(f"prompt {number} has no token: {texts[number]!r}")
    longest = max((row.size for row in rows), default=0)
    width = -(-longest // _ROUND) * _ROUND
    ids = np.zeros((len(rows), width), np.int32)
    mask = np.zeros((len(rows), width), np.float32)
    for number, row in enumerate(rows):
        ids[number, : row.size], mask[number, : row.size] = row, 1
    if start is None:
        return {"inputs": ids, "token_mask": mask}
    begun = np.full((len(rows), 1), start, np.int32)
    return {"source": ids, "source_mask": mask, "inputs": begun}
