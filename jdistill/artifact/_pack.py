"""A network as one small file."""

import os
from collections.abc import Mapping
from typing import Any

import jax

from jdistill import kinds, tree
from jdistill.artifact._file import Entry, write
from jdistill.artifact._forms import AS_IT_IS, NUMBERS, SMALLEST, lower
from jdistill.compress import Dense, Encoded, check_encoded
from jdistill.typing import Frozen, Tree


def pack(
    path: str | os.PathLike[str],
    encoded: Mapping[str, Encoded] | Frozen,
    state: Tree = (),
    *,
    description: Mapping[str, Any] | None = None,
    activations: Mapping[str, Any] | None = None,
) -> int:
    """Writes a network to one file: an encoding in its smallest form, or as it is.

    Of an encoding a tensor is written dense, or as the entries that are not zero with a
    bitmap or an index of their places, whatever takes fewest bytes. Codes below 8 bits
    are packed. What a learner encodes has its state beside the forms. Of variables,
    `Frozen(params, state)`, every array is written as it is.
    The file is in the safetensors format, where an array has its own path for a name,
    without pickle, and appears in one piece: an old file is replaced when all is
    written, keeps its mode, and links to it stay.

    Args:
        path: of the file.
        encoded: `learner.encode(state)`, or `encode` of a compression, forms by path;
            or the variables of a network, as `learner.finish(state)` gives them. Those
            of an int8 form (`models.observe_int8`) hold the state and the activations.
        state: the model's state (batch statistics) beside forms by path, any pytree;
            stored as it is.
        description: anything that JSON can hold; `jd.describe(model)` says what `load`
            needs.
        activations: arrays by name, for instance the scales of activations.

    Returns:
        The bytes written.

    Raises:
        TypeError: something in `encoded` is no encoding, or the description is not
            JSON.
        ValueError: a parameter has a type that no file can hold, or parts that do not
            fit each other; the message names it.

    Example:
        >>> import tempfile
        >>> from jdistill import compress
        >>> params = {'w': jax.numpy.ones((8, 8))}
        >>> c = compress.fake_quant(where='w')
        >>> encoded = c.encode(params, *c.init(params))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     size = pack(folder + '/m.safetensors', encoded)
        ...     pack(folder + '/all.safetensors', Frozen(params)) > size
        True
    """
    forms = SMALLEST, NUMBERS
    if isinstance(encoded, Frozen):
        _check_alone(state, activations)
        variables, (encoded, state, activations) = encoded, _parts(encoded)
        forms = forms if _are_forms(variables.params) else (AS_IT_IS, AS_IT_IS)
    _check_encoded(encoded)
    _check_more(description, activations)
    extra = {name: Dense(x) for name, x in (activations or {}).items()}
    entries = [
        *(lowered("parameter", n, form, forms[0]) for n, form in encoded.items()),
        *(lowered("state", n, x, forms[1]) for n, x in _dense(state).items()),
        *(lowered("activation", n, x, NUMBERS) for n, x in extra.items()),
    ]
    return write(path, entries, description or {})


def _parts(frozen: Frozen) -> tuple[Mapping[str, Encoded], Tree, Any]:
    """Parameters, state and the step sizes that variables of an int8 form hold."""
    params, state = frozen
    params = params if _are_forms(params) else _dense(params)
    if isinstance(state, Mapping) and set(state) == {"model", "activations"}:
        return params, state["model"], state["activations"]
    return params, state, None


def _are_forms(params: Any) -> bool:
    """Whether these are what `encode` gave, and no parameters."""
    return isinstance(params, Mapping) and any(
        isinstance(form, Encoded) for form in params.values()
    )


def _dense(values: Tree) -> dict[str, Dense]:
    return {name: Dense(x) for name, x in tree.flatten(values).items()}


def _check_alone(state: Any, activations: Any) -> None:
    if activations is not None or jax.tree.leaves(state):
        raise ValueError("a Frozen holds its state: no state= and activations=")


def _check_encoded(encoded: Any) -> None:
    try:
        check_encoded(encoded)
    except TypeError as error:
        raise TypeError(f"{error}; parameters as they are: Frozen(params)") from error


def _check_more(description: Any, activations: Any) -> None:
    for name, value in (("description", description), ("activations", activations)):
        if value is not None:
            kinds.mapping(**{name: value})


def lowered(
    section: str, name: str, form: Any, forms: tuple[str, ...] = SMALLEST
) -> Entry:
    """The entry of a form, in the smallest of some forms of storage.

    Raises:
        TypeError: what no file can hold, with its path.
        ValueError: the same.

    Example:
        >>> lowered('parameter', 'w', Dense(jax.numpy.ones(2))).path
        'w'
    """
    try:
        return Entry(section, name, *lower(form, forms))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{section} {name!r}: {error}") from error
