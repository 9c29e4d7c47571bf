"""The sections of a pipeline's configuration: who is whose, and what each needs."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.tools import plan
from experiments.tools.stages import KEYS
from jdistill.typing import Frozen

Config = Mapping[str, Any]
MADE = ("packed", "executed", "equal_bytes", "tfidf", "comparison")
"""Rows that are of no stage."""


def owner(config: Config, name: str) -> str:
    """The stage whose network a stage's is.

    Example:
        >>> owner({'pruned': {'model': 'student'}}, 'pruned')
        'student'
    """
    model = config[name].get("model")
    return model if isinstance(model, str) else name


def owners(config: Config) -> list[str]:
    """The stages that have a network of their own."""
    return [name for name in config["stages"] if owner(config, name) == name]


def last(config: Config) -> str:
    """The stage whose network is packed."""
    return config["stages"][-1]


def judge(config: Config) -> str:
    """The stage that all predictions are compared with: the teacher of the packed one.

    Example:
        >>> judge({'stages': ('large', 'small'), 'small': {'model': {}}})
        'large'
    """
    return config[last(config)].get("teacher") or config["stages"][0]


def needed(config: Config, name: str) -> list[str]:
    """The sections that a stage's training depends on, its own first.

    Example:
        >>> config = {'a': {}, 'b': {'model': 'a', 'teacher': 'c'}, 'c': {}}
        >>> needed(config, 'b')
        ['b', 'a', 'c', 'objective']
    """
    found = [name]
    for one in found:
        for key in ("model", "begin", "teacher"):
            other = config[one].get(key)
            if isinstance(other, str) and other not in found:
                found.append(other)
    taught = [x for x in found if config[x].get("teacher") and "terms" not in config[x]]
    return [*found, *["objective"] * bool(taught)]


def unrounded(config: Config, name: str, frozen: Frozen) -> Frozen:
    """What a stage ended with, as its network takes it without int8 activations."""
    if "activations" not in config.get(name, {}):
        return frozen
    return frozen._replace(state=frozen.state["model"])


def check(config: Config) -> None:
    """Checks that each stage can be carried out, and what is compared.

    Raises:
        Mistake: it cannot.
    """
    names = config["stages"]
    if not isinstance(names, list | tuple) or not names:
        raise plan.Mistake(f"config.stages must name some stages, got {names!r}")
    for number, name in enumerate(names):
        if name in MADE or not isinstance(name, str):
            raise plan.Mistake(f"config.stages has {name!r}, which is no stage's name")
        if name in names[:number]:
            raise plan.Mistake(f"config.stages has {name!r} twice")
        _section(config, name, names[:number])
        _begins(config, name)
        _reads(config, name)
    if "equal_bytes" in config:
        plan.needs(config[names[-1]], ("compression",), f"config.{names[-1]}")
    _comparisons(config)


def _section(config: Config, name: str, before: Sequence[str]) -> None:
    """The keys of a stage, and the stages before it that it names."""
    plan.needs(config, [name], "config")
    place = f"config.{name}"
    plan.needs(config[name], ("model", "num_steps", "tx"), place)
    plan.known(config[name], KEYS, place)
    for key in ("model", "teacher", "begin"):
        other = config[name].get(key)
        if not (other is None or (key == "model" and isinstance(other, Mapping))):
            plan.names([other], before, f"{place}.{key}")
    if config[name].get("teacher") and "terms" not in config[name]:
        plan.needs(config, ["objective"], "config")


def _begins(config: Config, name: str) -> None:
    """A stage begins with its own network; int8 products with one that is trained."""
    own, begin = owner(config, name), config[name].get("begin")
    if owner(config, own) != own:
        said = f"{own!r} has the network of {owner(config, own)!r}; name that"
        raise plan.Mistake(f"config.{name}.model: {said}")
    if begin is not None and owner(config, begin) != own:
        said = f"{begin!r} is another network than {own!r}"
        raise plan.Mistake(f"config.{name}.begin: {said}")
    if begin is None and "activations" in config[name]:
        said = "the ranges of its products are those of the stage that it begins with"
        raise plan.Mistake(f"config.{name} needs 'begin': {said}")


def _reads(config: Config, name: str) -> None:
    """Who may read in a way of its own."""
    if "prepare" not in config[name]:
        return
    place = f"config.{name}.prepare"
    if owner(config, name) != name:
        raise plan.Mistake(f"{place}: the network is that of {owner(config, name)!r}")
    if name == owner(config, last(config)):
        raise plan.Mistake(f"{place}: what is packed reads as config.data.prepare says")
    if "prepare" not in config["data"]:
        said = "what the others read is prepared by config.data.prepare"
        raise plan.Mistake(f"{place}: {said}, and there is none")


def _comparisons(config: Config) -> None:
    rows = [*config["stages"], "packed"]
    rows += ["executed"] * ("activations" in config[last(config)])
    rows += ["equal_bytes"] * ("equal_bytes" in config)
    if config.get("baseline"):
        if config["data"].get("name") != "stdlib_docs":
            raise plan.Mistake("config.baseline is TF-IDF: for stdlib_docs only")
        rows.append("tfidf")
    for pair in config["comparisons"]:
        if isinstance(pair, str) or len(pair) != 2 or len({*pair}) < 2:
            raise plan.Mistake(f"config.comparisons: {pair!r} is no pair of stages")
        plan.names(pair, rows, "config.comparisons")
