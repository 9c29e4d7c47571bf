"""Training a language model on a text, as one stage of several."""

import pathlib
from collections.abc import Mapping
from typing import Any

from experiments.tools import plan
from experiments.tools.objectives import combined
from experiments.tools.optimisers import optimiser
from experiments.tools.runs import trained
from experiments.tools.texts import Text
from jdistill import data, models, train
from jdistill.typing import Frozen

NEEDS = ("terms", "steps", "batch_size", "context", "tx")
MORE = ("seed", "save_every")


def check(how: Mapping[str, Any], place: str) -> None:
    """Refuses a training stage that cannot begin.

    Raises:
        Mistake: a key is missing or unknown, or a number, a term or the optimiser is
            none that there is.

    Example:
        >>> check({'steps': 3}, 'stage')
        Traceback (most recent call last):
        experiments.tools.plan.Mistake: stage needs 'terms'; it has steps
    """
    plan.needs(how, NEEDS, place)
    plan.known(how, (*NEEDS, *MORE), place)
    plan.numbers(how, ("steps", "batch_size", "context"), place)
    with plan.at(place):
        combined(how["terms"])
        optimiser(how["tx"], num_steps=how["steps"])


def tokens(how: Mapping[str, Any]) -> int:
    """How many tokens a stage has seen at its end, each as often as it came.

    Example:
        >>> tokens({'steps': 3, 'batch_size': 2, 'context': 16})
        96
    """
    return how["steps"] * how["batch_size"] * how["context"]


def learned(
    one: models.Pretrained,
    teacher: models.Pretrained,
    how: Mapping[str, Any],
    of: Text,
    folder: pathlib.Path,
    name: str,
    *,
    progress: train.Progress | None = None,
) -> Frozen:
    """What a network has learned after `how['steps']` steps, counted from the first.

    A stage of a name that was trained before goes on from where it stopped, so curves
    are stages of one name with rising steps, as long as the learning rate does not
    depend on the last step.

    Args:
        one: the network at the first step.
        teacher: a network of the same vocabulary.
        how: `terms`, `tx`, `steps`, `batch_size` rows of `context` tokens each, `seed`
            of their order, and how many steps apart it saves.
        of: the text.
        folder: where checkpoints and the text's ids are.
        name: of the stage.
        progress: where it is shown how far it is.

    Raises:
        ValueError: the run that is there was of another recipe, or went further.
    """
    rows = data.packed(
        _corpus(one, of, folder),
        steps=how["context"],
        ends=False,
        positions=one.config.max_steps,
    )
    tx = optimiser(how["tx"], num_steps=how["steps"])
    # attention is computed again in the backward pass: less memory, and on a CPU faster
    student = models.decoder(one.config, remat="dots")
    recipe = train.learner(student, combined(how["terms"]), tx, teacher=teacher.model)
    seed = how.get("seed", 0)
    return trained(
        folder / f"seed{seed}",
        name,
        _kept(how),
        recipe,
        rows.split,
        seed=seed,
        num_steps=how["steps"],
        batch_size=how["batch_size"],
        progress=progress,
        frozen=teacher.frozen,
        start=one.frozen,
        save_every=how.get("save_every", 1000),
    )


def _kept(how: Mapping[str, Any]) -> dict[str, Any]:
    """What must stay the same where a run goes on: all but its end, if it may."""
    steady = how["tx"].get("schedule", "constant") == "constant"
    free = ("steps", "save_every") if steady else ("save_every",)
    return {key: value for key, value in how.items() if key not in free}


def _corpus(one: models.Pretrained, of: Text, folder: pathlib.Path) -> data.Corpus:
    """The ids of the text, made once."""
    place = folder / "ids" / one.tokenizer.fingerprint
    if any(place.glob("*.json")):
        return data.load_corpus(place, one.tokenizer)
    return data.tokenize(of.train, one.tokenizer, folder=place, edition=of.edition)
