"""From a configuration's terms to an objective."""

from collections.abc import Mapping
from typing import Any

from experiments.tools import components
from experiments.tools.components import build
from jdistill import losses, objective, projections, schedules
from jdistill.typing import Aux, Objective, Term

ON = (*("labels", "logits", "vocabulary", "sparse", "features", "params"),)
SOURCES = (
    *("ensemble", "entry", "example_mask", "head", "hidden", "labels", "logits"),
    *("rerun", "routed", "sparse", "stopped", "taps", "token_mask", "weight"),
)
Spec = Mapping[str, Any]
Learned = Mapping[str, Mapping[str, Aux]]
"""What the terms of earlier stages learned, by stage and term."""


def combined(terms: Spec, learned: Learned | None = None) -> Objective:
    """The weighted sum of `terms_of` a configuration.

    Example:
        >>> import jax
        >>> goal = combined({'ce': {'on': 'labels', 'loss': 'cross_entropy'}})
        >>> sorted(goal.count({'label': jax.numpy.zeros(3, int)}))
        ['ce']
    """
    return objective.combine(**terms_of(terms, learned))


def terms_of(terms: Spec, learned: Learned | None = None) -> dict[str, Term]:
    """The terms of a configuration, by their names.

    A term is `{'on': one of ON, 'loss': name, 'weight': w, ...}` with the loss's own
    numbers; `student` and `teacher` of features are a tap, several, or `{'taps': ...,
    'projection': {'name': ...}, 'of': ..., 'learned_in': 'stage/term/side'}`. A number
    may be `{'name': ...}` of a schedule, an argument that of a source, as in `'mask':
    {'name': 'example_mask'}`. In place of `on`, `'arguments': [...]` are the sources of
    all that the loss takes by position.

    Args:
        terms: by name.
        learned: what earlier stages learned.

    Returns:
        Terms with their weights.

    Raises:
        ValueError: an unknown loss, argument, projection, schedule or stage.

    Example:
        >>> kd = {'on': 'logits', 'loss': 'kl', 'temperature': 4.0, 'weight': 0.9}
        >>> terms_of({'kd': kd})['kd'].weight
        0.9
    """
    return {name: _term(name, spec, learned or {}) for name, spec in terms.items()}


def _term(name: str, spec: Spec, learned: Learned) -> Term:
    spec = {key: _named(value) for key, value in spec.items()}
    on, weight = spec.pop("on", None), spec.pop("weight", 1.0)
    arguments = [_named(one) for one in spec.pop("arguments", ())]
    if on not in ON and not arguments:
        raise ValueError(f"term {name!r}: on is {on!r}; valid: {', '.join(ON)}")
    loss = _loss(name, spec.pop("loss", None))
    if "memory" in spec:
        spec["memory"] = build(objective, spec["memory"])
    if on == "features":
        for side in ("student", "teacher"):
            spec[side] = _source(spec[side], learned)
    make = objective.term if arguments else getattr(objective, f"on_{on}")
    return make(loss, *arguments, **spec) * weight


def _loss(term: str, name: Any) -> Any:
    """A loss of the library, or `module:function`."""
    if name in losses.__all__:
        return getattr(losses, name)
    own = components.own({"name": name})
    if own is None:
        valid = ", ".join(losses.__all__)
        raise ValueError(f"term {term!r}: no loss {name!r}; valid: {valid}")
    return own


def _named(value: Any) -> Any:
    """A schedule or a source where the configuration names one."""
    name = value.get("name") if isinstance(value, Mapping) else None
    if name in schedules.__all__:
        return build(schedules, value)
    if name not in SOURCES:
        return value
    return build(objective, {key: _named(x) for key, x in value.items()})


def _source(spec: Any, learned: Learned) -> Any:
    if not isinstance(spec, Mapping):
        return spec
    rest = dict(spec)
    taps, projection = rest.pop("taps"), build(projections, rest.pop("projection"))
    place, fixed = rest.pop("learned_in", None), None
    if place is not None:
        stage, term, side = place.split("/")
        if stage not in learned:
            valid = ", ".join(learned) or "none"
            raise ValueError(f"learned_in: no earlier stage {stage!r}; there: {valid}")
        fixed = learned[stage][term].trained[side]
    return objective.connect(taps, projection, fixed=fixed, **rest)
