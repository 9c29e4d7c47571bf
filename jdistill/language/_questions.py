"""Questions with several answers, of which the likeliest is the network's."""

import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jdistill.language._likelihood import log_likelihoods
from jdistill.typing import Frozen, Model, Tokenizer


class Question(NamedTuple):
    """A prompt, ways to go on from it, and the index of the right one."""

    prompt: str
    choices: tuple[str, ...]
    answer: int


def read_questions(
    path: str | os.PathLike[str],
    *,
    prompt: str = "prompt",
    choices: str = "choices",
    answer: str = "answer",
) -> list[Question]:
    """Questions of a file of JSON lines.

    Choices are a list of texts, or an object with lists `text` and `label`. The answer
    is one of the labels where there are any, else an index from 0 on, as a number or a
    text, or a letter A, B...; or it is the text of a choice.

    Args:
        path: of the file.
        prompt: which entry of a line is the prompt.
        choices: which entry are the choices.
        answer: which entry is the answer.

    Returns:
        The questions in order.

    Raises:
        ValueError: there is no file or no question, or a line is not one, with its
            number.

    Example:
        >>> import tempfile
        >>> line = {'prompt': '2 + 2 =', 'choices': ['3', '4'], 'answer': 'B'}
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'sums.jsonl'
        >>> _ = path.write_text(json.dumps(line))
        >>> read_questions(path)
        [Question(prompt='2 + 2 =', choices=('3', '4'), answer=1)]
    """
    if not pathlib.Path(path).is_file():
        raise ValueError(f"no file at {path}")
    found = []
    with pathlib.Path(path).open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    found.append(_question(json.loads(line), prompt, choices, answer))
                except ValueError as error:
                    raise ValueError(f"{path}, line {number}: {error}") from error
    if not found:
        raise ValueError(f"{path} has no questions")
    return found


def multiple_choice(
    model: Model,
    frozen: Frozen,
    tokenizer: Tokenizer,
    questions: Sequence[Question],
    *,
    between: str = " ",
    steps: int = 1024,
    batch_size: int = 8,
    tokens: int = 1024,
    vocab: int | None = None,
    control: bool = False,
) -> dict[str, Any]:
    r"""The share of questions whose right answer the network finds likeliest.

    .. math:: \arg\max_a \log q(a | prompt), \quad
        \arg\max_a \frac{\log q(a | prompt)}{bytes(a)}

    Args:
        model: a network of tokens.
        frozen: its variables.
        tokenizer: its tokenizer.
        questions: such as `read_questions` gives.
        between: what stands between a prompt and a choice.
        steps: the longest text that the network reads; a longer one loses the
            beginning of its prompt.
        batch_size: texts at a time.
        tokens: whose logits are held at a time, where the network offers a head.
        vocab: the number of ids that are real, by default the model's `words`.
        control: whether the name of a control token in a text is that token.

    Returns:
        `accuracy` and `accuracy_per_byte` with the standard error of each (`_error`),
        `chance` (of a guess), `questions`, `cut` (texts that lost a beginning), and
        arrays by question: `right`, `right_per_byte`.

    Raises:
        ValueError: there are no questions, or as `log_likelihoods`.

    References:
        Brown et al., Language models are few-shot learners, NeurIPS 2020
        (arXiv:2005.14165), section 2.4.

    Example:
        >>> from jdistill import tokenizers
        >>> from jdistill.typing import Outputs
        >>> letters = tokenizers.from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.merges': [],
        ...     'tokenizer.ggml.tokens': ['a', 'b']})
        >>> def likes_b(params, state, batch, **_):
        ...     shape = (*batch['inputs'].shape, 2)
        ...     return Outputs(np.broadcast_to([0.0, 1.0], shape)), state
        >>> asked = [Question('ab', ('a', 'b'), 1), Question('b', ('a', 'b'), 0)]
        >>> row = multiple_choice(
        ...     Model(None, likes_b), Frozen({}), letters, asked, between='')
        >>> row['accuracy'], row['chance']
        (0.5, 0.5)
    """
    if not questions:
        raise ValueError("there are no questions")
    pairs = [(q.prompt, between + choice) for q in questions for choice in q.choices]
    found = log_likelihoods(
        model,
        frozen,
        tokenizer,
        pairs,
        steps=steps,
        batch_size=batch_size,
        tokens=tokens,
        vocab=vocab,
        control=control,
    )
    size = np.array([len(c.encode("utf-8")) for q in questions for c in q.choices])
    by_name = {
        "accuracy": _right(questions, found.log_prob),
        "accuracy_per_byte": _right(questions, found.log_prob / np.maximum(size, 1)),
    }
    row: dict[str, Any] = {}
    for name, right in by_name.items():
        mean = right.mean()
        row[name] = float(mean)
        row[f"{name}_error"] = float(np.sqrt(mean * (1 - mean) / len(right)))
    return {
        **row,
        "chance": float(np.mean([1 / len(q.choices) for q in questions])),
        "questions": len(questions),
        "cut": int(found.cut.sum()),
        "right": by_name["accuracy"],
        "right_per_byte": by_name["accuracy_per_byte"],
    }


def _right(questions: Sequence[Question], scores: np.ndarray) -> np.ndarray:
    ends = np.cumsum([len(q.choices) for q in questions])[:-1]
    best = [int(np.argmax(part)) for part in np.split(scores, ends)]
    return np.array([b == q.answer for b, q in zip(best, questions, strict=True)])


def _question(line: Any, prompt: str, choices: str, answer: str) -> Question:
    if not isinstance(line, dict):
        raise ValueError(f"a question is an object, got {type(line).__name__}")
    missing = [name for name in (prompt, choices, answer) if name not in line]
    if missing:
        raise ValueError(f"no {missing[0]!r}; there are {sorted(line)}")
    if not isinstance(line[prompt], str):
        raise ValueError(f"{prompt!r} must be a text, got {line[prompt]!r}")
    texts, labels = _choices(line[choices], choices)
    return Question(line[prompt], texts, _answer(line[answer], texts, labels))


def _choices(found: Any, name: str) -> tuple[tuple[str, ...], list[str]]:
    labels: Any = []
    if isinstance(found, dict):
        found, labels = found.get("text"), found.get("label", [])
    texts = found if isinstance(found, list) else []
    if len(texts) < 2 or not all(isinstance(x, str) and x for x in texts):
        raise ValueError(f"{name!r} must be 2 texts or more, got {found!r}")
    if labels and len(labels) != len(texts):
        raise ValueError(f"{name!r} has {len(texts)} texts and {len(labels)} labels")
    return tuple(texts), [str(label) for label in labels]


def _answer(found: Any, texts: tuple[str, ...], labels: list[str]) -> int:
    letters = [chr(ord("A") + i) for i in range(min(len(texts), 26))]
    numbers = [str(i) for i in range(len(texts))]
    ways = [labels] if labels else [numbers, letters]
    if type(found) in (int, str):
        for names in (*ways, list(texts)):
            if str(found) in names:
                return names.index(str(found))
    raise ValueError(f"the answer {found!r} is none of {ways} or of the choices")
