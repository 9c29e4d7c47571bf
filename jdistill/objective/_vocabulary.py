"""Terms of large vocabularies: of hidden states and heads, or of some classes."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from jdistill.losses import over_vocabulary
from jdistill.objective._entries import labels
from jdistill.objective._sources import Source, head, hidden, logits, sparse
from jdistill.objective._term import term
from jdistill.typing import Term
from jdistill.views import STUDENT, TEACHER


def on_vocabulary(
    loss: Callable[..., Any],
    *,
    teacher: str = TEACHER,
    per: str | None = "token",
    network: str = STUDENT,
    **more: Any,
) -> Term:
    """A term of hidden states and heads, whose logits are never all there.

    `on_vocabulary(losses.kl)` is `on_logits(losses.kl)`, and
    `on_vocabulary(losses.cross_entropy)` is `on_labels(losses.cross_entropy)`, by
    `losses.over_vocabulary`: of models that offer `hidden` and `head`. Of a teacher's
    cached classes `on_vocabulary(losses.sparse_kl)` is `on_sparse(losses.sparse_kl)`.
    Tokens that do not count cost nothing.

    Args:
        loss: one that `losses.over_vocabulary` takes.
        teacher: the network that teaches, where the loss has one.
        per: 'token', 'example', or None: as the labels are.
        network: who learns.
        more: the options of `losses.over_vocabulary`, such as `form` and `chunk` (caps
            are those of the models, and `valid` is what they say of a padded
            vocabulary, `Model.words`, unless it is given), and the loss's own numbers,
            where a function of the step is a schedule.

    Returns:
        A term of weight 1.

    Raises:
        ValueError: the loss is another one, or an option is out of range.
        TypeError: the loss takes no such argument, or lacks one.

    Example:
        >>> from jdistill import losses
        >>> term = on_vocabulary(losses.kl, temperature=2.0, chunk=256)
        >>> sorted(term.needs)[:2]
        [('student', 'head'), ('student', 'hidden')]
    """
    names = inspect.signature(over_vocabulary).parameters
    options = {name: more.pop(name) for name in [*more] if name in names}
    bounds = {"cap": network}
    asked = inspect.signature(over_vocabulary(loss, **options)).parameters
    other: Source = labels()
    if "target" in asked:
        other = sparse(teacher)
    elif "labels" not in asked:
        other, more["teacher_head"] = hidden(teacher), head(teacher)
        bounds["teacher_cap"] = teacher
    more |= {"head": head(network), "weights": _COUNTED}

    def made(words: int | None = None, **caps: float | None) -> Term:
        values = over_vocabulary(loss, **{**options, "valid": words, **caps})
        return term(values, hidden(network), other, per=per, **more)

    return _known(made, options.get("valid"), bounds)


_COUNTED = Source(lambda context, _: context.weights)


def on_sparse(
    loss: Callable[..., Any],
    *,
    per: str | None = "token",
    teacher: str = TEACHER,
    **more: Any,
) -> Term:
    """A term of the student's logits and some classes of the teacher's distribution.

    Those that `data.cached_tokens` joins to a batch, or any other `SparseTarget` in the
    teacher's outputs. Every real token counts, as in `on_logits`.

    Args:
        loss: `loss(logits, target, **more)`, one value for each token or example, such
            as `losses.sparse_kl`.
        per: 'token' or 'example'.
        teacher: the network that teaches.
        more: the loss's numbers, where a function of the step is a schedule, and
            sources.

    Returns:
        A term of weight 1.

    Raises:
        ValueError: `per` is another word.
        TypeError: the loss takes no such argument, or lacks one.

    Example:
        >>> from jdistill import losses
        >>> sorted(on_sparse(losses.sparse_kl).needs)
        [('student', 'logits'), ('teacher', 'sparse')]
    """
    return term(loss, logits(STUDENT), sparse(teacher), per=per, **more)


@runtime_checkable
class Made(Protocol):
    """A term of logits that are cut and bounded."""

    def __call__(self, words: int | None = None, /, **caps: float | None) -> Term:
        """Of `words` ids, and of these caps by the names of the loss."""
        ...


def _known(made: Made, valid: int | None, networks: Mapping[str, str]) -> Term:
    """A term that takes logits as their networks do, which only its views say."""

    def values(views, batch, /, **context):
        there = {name: views[n] for name, n in networks.items() if n in views}
        caps = {name: view.cap for name, view in there.items()}
        words = {networks[name]: view.words for name, view in there.items()}
        ids = _words(words) if valid is None else valid
        return made(ids, **caps).values(views, batch, **context)

    return made(valid)._replace(values=values)


def _words(known: Mapping[str, int | None]) -> int | None:
    """How many ids networks have, where heads are padded behind them."""
    said = {name: words for name, words in known.items() if words is not None}
    if len(set(said.values())) > 1:
        raise ValueError(
            f"networks of different vocabularies: {said} ids are real; valid= says how "
            "many are compared"
        )
    return next(iter(said.values()), None)
