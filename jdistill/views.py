"""What terms and metrics read of networks, by name."""

from collections.abc import Mapping
from typing import Any

import jax

from jdistill import kinds
from jdistill.mends import mend, near
from jdistill.typing import Batch, Frozen, Model, Needs, Outputs, Tree, View, Views

STUDENT, TEACHER = "student", "teacher"
OF_OUTPUTS = ("logits", "hidden", "sparse")


def view(views: Views, network: str) -> View:
    """The view of a network.

    Raises:
        ValueError: there is no such network; the message lists those that are there.

    Example:
        >>> view({'student': View()}, 'student').params is None
        True
    """
    if network not in views:
        hint = near(network, views)
        raise ValueError(f"no {network!r} network is here; {hint}there are {[*views]}")
    return views[network]


def logits_of(views: Views, network: str = STUDENT) -> Any:
    """The logits of a network, `[batch, ..., classes]`, without those that only pad.

    Raises:
        ValueError: there is no such network, or it has none.

    Example:
        >>> logits_of({'student': View(Outputs(3.0))})
        3.0
    """
    found, words = _part(views, network, "logits"), view(views, network).words
    return found if words is None else found[..., :words]


def hidden_of(views: Views, network: str = STUDENT) -> Any:
    """What the head of a network makes logits of, `[batch, ..., dim]`.

    Raises:
        ValueError: there is no such network, or it offers none.

    Example:
        >>> hidden_of({'student': View(Outputs(hidden=3.0))})
        3.0
    """
    return _part(views, network, "hidden")


def sparse_of(views: Views, network: str = TEACHER) -> Any:
    """Some classes of a network's distribution, a `SparseTarget`.

    Raises:
        ValueError: there is no such network, or one of its outputs was not made.

    Example:
        >>> sparse_of({'teacher': View(Outputs(sparse=3.0))})
        3.0
    """
    return _part(views, network, "sparse")


def head_of(views: Views, network: str = STUDENT) -> Any:
    """The matrix `[dim, classes]` that makes logits of hidden states.

    Raises:
        ValueError: there is no such network, its model has no `head`, or its variables
            were not given.

    Example:
        >>> head_of({'student': View(head=3.0)})
        3.0
    """
    found = view(views, network).head
    if found is None:
        raise ValueError(
            f"the {network} offers no head: its Model needs head=, and where it is "
            "frozen its variables"
        )
    return found


def tap_of(views: Views, network: str, name: str) -> Any:
    """A feature of a network, by the name of its tap.

    Raises:
        ValueError: there is no such network or tap; the message lists the taps.

    Example:
        >>> tap_of({'student': View(Outputs(None, {'a': 3.0}))}, 'student', 'a')
        3.0
    """
    features = view(views, network).outputs.features
    if name not in features:
        taps = sorted(features)
        hint = near(name, taps)
        raise ValueError(f"the {network} has no tap {name!r}; {hint}there are {taps}")
    return features[name]


def views_of(
    networks: Mapping[str, tuple[Model | None, Frozen | None]],
    outputs: Mapping[str, Outputs],
    needs: Needs = None,
) -> dict[str, View]:
    """The views of networks whose outputs are known.

    Args:
        networks: the model and the variables of each, None where only its outputs are
            known.
        outputs: of each, by name; a network without is there all the same.
        needs: what will be read; heads that nothing needs are not asked for.

    Returns:
        A view of each network in either mapping.

    Example:
        >>> views_of({}, {'teacher': Outputs(3.0)})['teacher'].outputs.logits
        3.0
    """
    found = {}
    for name in {**networks, **outputs}:
        model, frozen = networks.get(name, (None, None))
        seen = View(outputs.get(name, Outputs()))
        if frozen is not None and model is not None:
            fixed = jax.lax.stop_gradient(frozen)
            needed = needs is None or (name, "head") in needs
            head = model.head(frozen.params) if model.head and needed else None
            seen = seen._replace(
                params=frozen.params,
                raw=frozen.params,
                head=head,
                cap=model.cap,
                words=model.words,
                run=lambda batch, m=model, f=fixed: m.apply(*f, batch, train=False)[0],
            )
        found[name] = seen
    return found


def pick(outputs: Outputs, network: str, needs: Needs) -> Outputs:
    """Those of the outputs that are needed, so that nothing else is kept.

    Where a needed tap is missing all taps stay, for the message that lists them.

    Example:
        >>> needs = frozenset({('teacher', 'logits')})
        >>> pick(Outputs(3.0, {'a': 1.0}), 'teacher', needs)
        Outputs(logits=3.0, features={}, hidden=None, sparse=None)
    """
    if needs is None:
        return outputs
    parts = _parts(network, needs)
    taps = {part.partition("/")[2] for part in parts if part.startswith("features/")}
    features = dict(outputs.features)
    if taps <= features.keys():
        features = {name: features[name] for name in sorted(taps)}
    kept = {part: getattr(outputs, part) for part in OF_OUTPUTS if part in parts}
    return Outputs(features=features, **kept)


def lacks(outputs: Outputs | None, network: str, needs: Needs) -> bool:
    """Whether something that is needed of a network's outputs is not there yet.

    Example:
        >>> lacks(Outputs(3.0), 'teacher', frozenset({('teacher', 'hidden')}))
        True
    """
    if needs is None:
        return outputs is None
    there = outputs or Outputs()
    have = {f"features/{name}" for name in there.features}
    have |= {part for part in OF_OUTPUTS if getattr(there, part) is not None}
    return not _parts(network, needs) <= have


def join(
    batch: Batch,
    networks: Mapping[str, tuple[Model | None, Frozen | None]],
    needs: Needs,
) -> Batch:
    """The batch with the outputs that are needed and that it does not hold yet.

    What it holds (of a cache) is never computed again. No gradient passes.

    Args:
        batch: arrays by name.
        networks: the model and the variables of each.
        needs: what will be read.

    Returns:
        The batch, with `outputs` where there are any.

    Raises:
        ValueError: outputs of a network are needed and its variables were not given.

    Example:
        >>> double = Model(None, lambda p, s, batch, **_: (Outputs(2 * batch['x']), s))
        >>> joined = join({'x': 3.0}, {'teacher': (double, Frozen(()))}, None)
        >>> float(joined['outputs']['teacher'].logits)
        6.0
    """
    known = dict(batch.get("outputs", {}))
    for name, (model, frozen) in networks.items():
        if model is None or not lacks(known.get(name), name, needs):
            continue
        if frozen is None:
            raise ValueError(
                f"the terms read outputs of the {name}: pass its variables, "
                f"frozen={{{name!r}: Frozen(...)}}"
            )
        made, _ = model.apply(frozen.params, frozen.state, batch, train=False)
        made = jax.lax.stop_gradient(pick(made, name, needs))
        known[name] = _filled(known.get(name, Outputs()), made)
    return {**batch, "outputs": known} if known else batch


def by_name(frozen: Frozen | Mapping[str, Frozen] | None) -> dict[str, Frozen]:
    """The variables of frozen networks by name; one alone is the teacher's.

    Raises:
        TypeError: something is no `Frozen`.

    Example:
        >>> by_name(Frozen({'w': 1.0}))
        {'teacher': Frozen(1 number, 8 bytes)}
    """
    if frozen is None:
        return {}
    if isinstance(frozen, Frozen):
        return {TEACHER: frozen}
    several = isinstance(frozen, Mapping)
    if several and not frozen:
        return {}
    if not several or not any(isinstance(one, Frozen) for one in frozen.values()):
        there = f"{kinds.got(frozen)}{mend('Frozen', frozen)}"
        said = "variables, Frozen(params, state) or {name: Frozen}"
        raise TypeError(f"frozen must be {said}, got {there}")
    kinds.variables(**{f"frozen[{name!r}]": one for name, one in frozen.items()})
    return dict(frozen)


def _filled(known: Outputs, made: Outputs) -> Outputs:
    features = {**made.features, **known.features}
    there = {p: x for p in OF_OUTPUTS if (x := getattr(known, p)) is not None}
    return made._replace(features=features, **there)


def _part(views: Views, network: str, part: str) -> Tree:
    outputs = view(views, network).outputs
    found = getattr(outputs, part)
    if found is None:
        there = [p for p in OF_OUTPUTS if getattr(outputs, p) is not None]
        there += [f"tap {name!r}" for name in outputs.features]
        raise ValueError(
            f"the {network} has no {part}; there are {', '.join(there) or 'no outputs'}"
        )
    return found


def _parts(network: str, needs: frozenset[tuple[str, str]]) -> set[str]:
    parts = {part for name, part in needs if name == network}
    return {p for p in parts if p in OF_OUTPUTS or p.startswith("features/")}
