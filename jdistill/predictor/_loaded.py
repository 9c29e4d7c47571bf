"""A model out of its file, and what it is asked for."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from jdistill import tree
from jdistill.typing import Frozen, Model, Tokenizer

SHOWN = 3
"""How many classes are named where a model is shown."""


class Classify(Protocol):
    """Examples to classes, the most probable first."""

    def __call__(
        self, examples: Any, *, top: int | None = None, threshold: float | None = None
    ) -> Any:
        """`[(class, probability), ...]` of one example, or a list of them."""
        ...


class Generate(Protocol):
    """What a model of texts writes on after a prompt."""

    def __call__(
        self, prompt: Any, *, steps: int = 64, choose: Any = ..., seed: int = 0
    ) -> Any:
        """A text, or a list of them."""
        ...


class Score(Protocol):
    """The figures of a model of texts."""

    def __call__(self, texts: Any, *, steps: int = 512) -> dict[str, Any]:
        """Figures by name."""
        ...


class Loaded(NamedTuple):
    """A model out of its file.

    One example, such as a text or an image, has one answer; several, in a list or along
    the first axis of an array, have one each.

    * `predict(examples) -> logits`: of texts, of arrays as the model reads them, or of
      a batch, arrays by name.
    * `classify(examples, *, top=None, threshold=None)`: `[(class, probability), ...]`
      of one example, the most probable first, or a list of them; `top` keeps so many,
      `threshold` those above it. The probabilities are the softmax of the logits, or
      of a file whose description has `labels` 'several' the sigmoid of each. Without
      names a class is its number.
    * `classes`: the names of the logits, in order.
    * `tokenizer`: that of a model of texts, else None.
    * `generate(prompt, *, steps=64, choose=language.greedy, seed=0, control=True)`:
      what a model of texts writes after a prompt, or after each of a list of them. With
      `control` the name of a control token in a prompt is that token, which templates
      need and strangers' texts must not have.
    * `score(texts, *, sources=None, steps=512, control=False)`: the figures of a model
      of texts on one text or several, in windows of `steps` tokens: bits per byte,
      perplexity, accuracy... Of a model that reads a source, texts about `sources`.
    * `description`: what the file says of itself.
    * `bytes`: the size of the file.
    """

    model: Model
    frozen: Frozen
    classes: tuple[str, ...]
    predict: Callable[[Any], Any]
    classify: Classify
    tokenizer: Tokenizer | None
    generate: Generate
    score: Score
    description: Mapping[str, Any]
    bytes: int

    def __repr__(self) -> str:
        spec = self.description.get("model")
        own = self.model.name or "a network of one's own"
        name = spec.get("name") if isinstance(spec, dict) else own
        parts = [str(name), *_classes(self.classes)]
        parts += [f"{tree.count(self.frozen):,} parameters", f"{self.bytes:,} bytes"]
        return f"Loaded({', '.join(parts)})"


def _classes(names: tuple[str, ...]) -> list[str]:
    if not names:
        return []
    # as they are written in Python, for a file may hold what moves the cursor
    first = [repr(name)[1:-1] for name in names[:SHOWN]]
    shown = ", ".join([*first, *["..."] * (len(names) > SHOWN)])
    return [f"{len(names)} classes ({shown})"]
