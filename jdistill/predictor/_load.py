"""From a packed file to a model that is ready to predict."""

import contextlib
import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jdistill import artifact, data, kinds, language, models
from jdistill.checks import share, whole
from jdistill.predictor._describe import SEVERAL
from jdistill.predictor._examples import Inputs, example_of, inputs_of, reader
from jdistill.predictor._loaded import Loaded
from jdistill.predictor._network import holding, line, listed, own
from jdistill.predictor._prepare import config_start, reading
from jdistill.typing import Batch, Frozen, Model, Tokenizer

Answer = Callable[[Any], tuple[Any, bool]]
"""From examples to logits, and whether they are of one alone."""


def load(
    path: str | os.PathLike[str],
    *,
    model: Model | None = None,
    like: Frozen | None = None,
    max_bytes: int | None = None,
) -> Loaded:
    """Makes the model of a file that `pack` wrote, ready to predict.

    A file whose description names a network of this library (`jd.describe`) needs no
    more. For a network of one's own pass it as `model`: the shapes of the file are
    held against those that its `init` makes, here where that needs no data, else when
    it first predicts.

    What the file says is not believed: it names one of the networks of this library
    whose parameters are those of the file, and a preparation that reads nothing but
    the texts it is given. Nothing else is called, opened or connected to.

    Args:
        path: of the file. Its description may have `model`, and `classes`, `inputs` and
            `prepare` for a classifier or `tokenizer` for a model of texts.
        model: a network of one's own, without its int8 form: activations are rounded
            where the file has their step sizes.
        like: variables of the form that `model` reads, where they are no dictionaries
            and its `init` needs data or is not there.
        max_bytes: as for `artifact.unpack`.

    Returns:
        The model, its variables, and functions from examples to logits and classes and
        from prompts to texts.

    Raises:
        ValueError: the file is damaged, does not say which model it holds, or names
            one that is not in the list; or the model has other parameters.
        TypeError: `model` is no `Model`, or `like` no `Frozen`.

    Example:
        >>> import tempfile
        >>> net = models.from_function(lambda params, x: x @ params['w'])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     size = artifact.pack(folder + '/m', Frozen({'w': np.eye(2, 2)}))
        ...     found = load(folder + '/m', model=net)
        >>> found.predict(np.array([[3.0, 1.0]])).tolist()
        [[3.0, 1.0]]
    """
    if model is not None:
        kinds.model(model=model)
    if like is not None:
        kinds.variables(like=like)
    packed = artifact.unpack(path, max_bytes=max_bytes)
    says, frozen = packed.description, Frozen(packed.params, packed.state)
    with _named(path):
        if model is None:
            spec, known = _described(says), True
            model, inputs = listed(spec, frozen)
        else:
            spec, inputs = {}, Inputs()
            frozen, known = own(model, frozen, like)
        inputs = inputs_of(says["inputs"]) if "inputs" in says else inputs
        classes = _classes(says.get("classes", ()), spec)
        shares = _shares(says.get("labels"))
        read = reading(says, spec)
    hold = holding(model, frozen, known=known)
    if one := example_of(inputs):
        with _named(path):
            hold(one)
    if packed.activations:
        model = models.simulate_int8(model)
        state = {"model": frozen.state, "activations": packed.activations}
        frozen = Frozen(frozen.params, state)
    inputs = inputs._replace(scaled=read.scaled)
    answer = _answering(path, model, frozen, reader(read.texts, inputs), hold)
    return Loaded(
        model=model,
        frozen=frozen,
        classes=classes,
        predict=_predicting(answer),
        classify=_classifying(path, answer, classes, shares),
        tokenizer=read.tokenizer,
        **_of_texts(
            path, model, frozen, _writing(spec, read.tokenizer), config_start(spec)
        ),
        description=says,
        bytes=packed.bytes,
    )


@contextlib.contextmanager
def _named(path: Any):
    """Messages begin with the file's name."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{path}: {error}") from error


def _described(says: Mapping[str, Any]) -> Any:
    if "model" not in says:
        mend = "pack it with description=jd.describe(model), or pass model="
        if says:  # by `describe`, of a network that is not of the library
            mend = "a network of your own is passed again, load(path, model=...)"
        raise ValueError(f"it does not say which model it holds: {mend}")
    return says["model"]


def _classes(names: Any, spec: Mapping[str, Any]) -> tuple[str, ...]:
    if not isinstance(names, list | tuple) or not all(
        isinstance(name, str) for name in names
    ):
        raise ValueError("its classes are no list of names")
    if names and len(names) != spec.get("classes", len(names)):
        raise ValueError(
            f"it names {len(names)} classes, and its model has {spec['classes']}"
        )
    return tuple(names)


def _answering(
    path: Any,
    model: Model,
    frozen: Frozen,
    read: Callable[[Any], tuple[Batch, bool]],
    hold: Callable[[Batch], bool],
) -> Answer:
    """A function from examples to logits, and whether they are of one alone."""

    def answer(examples: Any) -> tuple[Any, bool]:
        with _named(path):
            batch, alone = read(examples)
            batch = {name: jnp.asarray(x) for name, x in batch.items()}
            logits = _logits(model, frozen, batch, hold(batch))
            if logits is None:
                raise ValueError("its model gives no logits: use model.apply")
        if alone and logits.ndim == 3 and "token_mask" in batch:
            logits = logits[:, : int(batch["token_mask"].sum())]
        return logits, alone

    return answer


def _logits(model: Model, frozen: Frozen, batch: Batch, held: bool) -> Any:
    try:
        return model.apply(frozen.params, frozen.state, batch, train=False)[0].logits
    except Exception as error:  # whatever a network makes of variables not its own
        if held:
            raise
        raise ValueError(
            f"the network cannot be called: {line(error)}; if its variables are no "
            "dictionaries, pass like=Frozen(...), some of their form, to load"
        ) from error


def _predicting(answer: Answer) -> Callable[[Any], Any]:
    def predict(examples: Any) -> Any:
        logits, alone = answer(examples)
        return logits[0] if alone else logits

    return predict


def _shares(labels: Any) -> Callable[[Any], Any]:
    """What makes probabilities of logits, which the labels' kind says."""
    if labels not in (None, SEVERAL):
        raise ValueError(
            f"its labels are {str(labels)[:40]!r}; a file may say {SEVERAL!r}"
        )
    return jax.nn.softmax if labels is None else jax.nn.sigmoid


def _classifying(path: Any, answer: Answer, classes: Any, shares: Callable[[Any], Any]):
    def classify(
        examples: Any, *, top: int | None = None, threshold: float | None = None
    ) -> list[Any]:
        if top is not None:
            whole(top=top)
        if threshold is not None:
            share(threshold=threshold)
        logits, alone = answer(examples)
        with _named(path):
            if logits.ndim != 2 or len(classes) not in (0, logits.shape[-1]):
                raise ValueError(
                    f"classify needs a logit of each of its {len(classes)} classes "
                    f"for each example, got logits of shape {list(logits.shape)}"
                )
        names = classes or range(logits.shape[-1])
        found = np.asarray(shares(logits.astype(np.float32)))
        rows = [_ranked(row, names, top, threshold) for row in found]
        return rows[0] if alone else rows

    return classify


def _ranked(
    row: np.ndarray, names: Any, top: int | None, threshold: float | None
) -> list[tuple[Any, float]]:
    order = np.argsort(-row, kind="stable")[:top]
    kept = [i for i in order if threshold is None or row[i] > threshold]
    return [(names[i], float(row[i])) for i in kept]


def _writing(spec: Mapping[str, Any], tokenizer: Tokenizer | None) -> Any:
    """The tokenizer of a model that writes, or why there is none."""
    if tokenizer is None:
        return "holds no model of texts: it has no tokenizer"
    if spec.get("name") in ("encoder", "encoder_classifier", "ngram_classifier"):
        return f"holds no model that writes texts, but {spec['name']!r}"
    return tokenizer


def _of_texts(
    path: Any,
    model: Model,
    frozen: Frozen,
    tokenizer: Tokenizer | str,
    start: int | None,
):
    """`generate` and `score`; what is compiled is kept for each choice of options."""

    def needed() -> Tokenizer:
        if isinstance(tokenizer, str):
            raise ValueError(f"{path} {tokenizer}")
        return tokenizer

    @functools.cache
    def make(steps: int, choose: Any, control: bool):
        own = {"steps": steps, "choose": choose, "control": control, "start": start}
        return language.writer(model, frozen, needed(), **own)

    def generate(
        prompt,
        *,
        steps: int = 64,
        choose: Any = language.greedy,
        seed: int = 0,
        control: bool = True,
    ):
        return make(steps, choose, control)(prompt, seed=seed)

    def score(
        texts, *, sources: Any = None, steps: int = 512, control: bool = False
    ) -> dict[str, Any]:
        texts, sources = ([x] if isinstance(x, str) else x for x in (texts, sources))
        if start is None and sources is None:
            corpus = data.tokenize(texts, needed(), control=control)
            made = data.windows(corpus, steps=steps)
        else:
            made = _about(path, needed(), texts, sources, start, control)
        return language.figures(model, frozen, made)

    return {"generate": generate, "score": score}


def _about(path: Any, tokenizer, texts, sources, start, control) -> data.Windows:
    """Windows of texts about sources, of a model that reads them."""
    if sources is None:
        raise ValueError(f"{path} reads a source: score(texts, sources=[...])")
    if start is None:
        raise ValueError(f"{path} reads no source: score(texts)")
    return data.paired(tokenizer, sources, list(texts), start=start, control=control)
