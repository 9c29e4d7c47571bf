"""Which things a function accepts: what was mistaken for another is named, with a mend.

Each check is given its values by name, `model(teacher=teacher)`.
"""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import jax

from jdistill.mends import mend
from jdistill.typing import (
    Compression,
    Frozen,
    Learner,
    Model,
    Objective,
    Split,
)


def instance(
    wanted: type | tuple[type, ...], said: str, values: Mapping[str, Any]
) -> None:
    """Refuses what is not of a class, or of one of several.

    Raises:
        TypeError: names the value, what is wanted and what it is.

    Example:
        >>> instance(Split, 'a Split', {'split': [1]})
        Traceback (most recent call last):
        TypeError: split must be a Split, got a list
    """
    for name, value in values.items():
        if not isinstance(value, wanted):
            there = f"{got(value)}{mend(getattr(wanted, '__name__', ''), value)}"
            raise TypeError(f"{name} must be {said}, got {there}")


def model(**values: Any) -> None:
    """Refuses what is no `Model`.

    Raises:
        TypeError: names the value.

    Example:
        >>> model(student=3)
        Traceback (most recent call last):
        TypeError: student must be a Model (models.from_linen...), got an int
    """
    instance(Model, "a Model (models.from_linen...)", values)


def variables(**values: Any) -> None:
    """Refuses what is no `Frozen`, such as bare parameters or a state.

    Raises:
        TypeError: names the value.

    Example:
        >>> variables(frozen={})
        Traceback (most recent call last):
        TypeError: frozen must be variables, Frozen(params, state), got a dict: ...
    """
    instance(Frozen, "variables, Frozen(params, state)", values)
    for name, value in values.items():
        arrays(**{f"{name}.params": value.params, f"{name}.state": value.state})


def arrays(**values: Any) -> None:
    """Refuses a tree that holds something else, as an Equinox module its activations.

    Raises:
        TypeError: names the value and the first such leaf.

    Example:
        >>> arrays(params={'w': 1.0, 'activation': print})
        Traceback (most recent call last):
        TypeError: params holds the function print at 'activation', and must hold ...
    """
    for name, value in values.items():
        for keys, leaf in jax.tree_util.tree_flatten_with_path(value)[0]:
            if hasattr(leaf, "dtype") or isinstance(leaf, int | float | complex):
                continue
            path = jax.tree_util.keystr(keys, simple=True, separator="/")
            said = got(leaf).removesuffix(": call it")
            raise TypeError(
                f"{name} holds {said} at {path!r}, and must hold arrays alone: "
                "eqx.partition(module, eqx.is_array) splits those off"
            )


def split(**values: Any) -> None:
    """Refuses what is no `Split`.

    Raises:
        TypeError: names the value.

    Example:
        >>> split(labelled=None)
        Traceback (most recent call last):
        TypeError: labelled must be a Split (data.in_memory...), got None
    """
    instance(Split, "a Split (data.in_memory...)", values)


def learner(**values: Any) -> None:
    """Refuses what is no `Learner`.

    Raises:
        TypeError: names the value.

    Example:
        >>> learner(learner=3)
        Traceback (most recent call last):
        TypeError: learner must be made by train.learner, got an int
    """
    instance(Learner, "made by train.learner", values)


def objective(**values: Any) -> None:
    """Refuses what is no `Objective`.

    Raises:
        TypeError: names the value.

    Example:
        >>> objective(objective='kl')
        Traceback (most recent call last):
        TypeError: objective must be an Objective, got 'kl'
    """
    instance(Objective, "an Objective", values)


def compression(**values: Any) -> None:
    """Refuses what is no `Compression`, such as a factory that was not called.

    Raises:
        TypeError: names the value.

    Example:
        >>> compression(compression=print)
        Traceback (most recent call last):
        TypeError: compression must be a Compression, got the function print: call it
    """
    instance(Compression, "a Compression", values)


def optimiser(**values: Any) -> None:
    """Refuses what is no optimiser of optax.

    Raises:
        TypeError: names the value.

    Example:
        >>> optimiser(tx='adam')
        Traceback (most recent call last):
        TypeError: tx must be an optimiser, such as optax.adam(1e-3), got 'adam'
    """
    for name, value in values.items():
        ours = isinstance(value, Compression | Objective)
        if ours or not (hasattr(value, "init") and hasattr(value, "update")):
            said = "an optimiser, such as optax.adam(1e-3)"
            raise TypeError(f"{name} must be {said}, got {got(value)}")


def function(**values: Any) -> None:
    """Refuses what cannot be called.

    Raises:
        TypeError: names the value.

    Example:
        >>> function(augment='shift')
        Traceback (most recent call last):
        TypeError: augment must be a function, got 'shift'
    """
    for name, value in values.items():
        if not callable(value):
            raise TypeError(f"{name} must be a function, got {got(value)}")


def mapping(**values: Any) -> None:
    """Refuses what is no dictionary.

    Raises:
        TypeError: names the value.

    Example:
        >>> mapping(metrics=['accuracy'])
        Traceback (most recent call last):
        TypeError: metrics must be a dictionary by name, got a list
    """
    _mapping("", values)


def batches(**values: Any) -> None:
    """Refuses what gives no batches: one batch alone, arrays, or a whole data set.

    A split gives them.

    Raises:
        TypeError: names the value.

    Example:
        >>> batches(batches={'inputs': 0})
        Traceback (most recent call last):
        TypeError: batches must be several: [batch] is one of them
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            raise TypeError(f"{name} must be several: [batch] is one of them")
        if isinstance(value, Split):
            continue
        apart = isinstance(value, str) or hasattr(value, "shape")
        apart = apart or hasattr(value, "_fields")  # a noun, whose parts are no batches
        if apart or not isinstance(value, Iterable):
            there = f"{got(value)}{mend('batches', value)}"
            raise TypeError(f"{name} must be batches or a split, got {there}")


def rows(**values: Any) -> None:
    """Refuses what are no rows of a report, such as one row alone.

    Raises:
        TypeError: names the value.

    Example:
        >>> rows(rows={'stage': 'a'})
        Traceback (most recent call last):
        TypeError: rows must be several: [row] is one of them
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            raise TypeError(f"{name} must be several: [row] is one of them")
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise TypeError(f"{name} must be dictionaries, got {got(value)}")


def batch(**values: Any) -> None:
    """Refuses a batch whose entries are not arrays with examples along an axis.

    Raises:
        TypeError: it is no dictionary, or an entry is a list.
        ValueError: an entry has no axis, or fewer examples than another.

    Example:
        >>> batch(batch={'inputs': [1.0]})
        Traceback (most recent call last):
        TypeError: batch['inputs'] must be an array, got a list
    """
    _mapping("batch", values)
    for name, entries in values.items():
        sizes = {}
        for key, value in entries.items():
            if key == "outputs" or value is None:
                continue
            if not hasattr(value, "shape"):
                if isinstance(value, Mapping):
                    continue
                kind = TypeError if isinstance(value, list | tuple) else ValueError
                raise kind(f"{name}[{key!r}] must be an array, got {got(value)}")
            if not value.shape:
                raise ValueError(f"{name}[{key!r}] has no axis for the examples")
            sizes[key] = value.shape[0]
        if len({*sizes.values()}) > 1:
            raise ValueError(f"{name}: the entries differ in examples: {sizes}")


def _mapping(wanted: str, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if not isinstance(value, Mapping):
            there = f"{got(value)}{mend(wanted, value)}"
            raise TypeError(f"{name} must be a dictionary by name, got {there}")


def got(value: Any) -> str:
    """What a value is, in a few words.

    Example:
        >>> got('kl'), got(None), got(3), got(Split)
        ("'kl'", 'None', 'an int', 'the class Split: call it')
    """
    if value is None or isinstance(value, str):
        return repr(value)
    if isinstance(value, type):
        return f"the class {value.__name__}: call it"
    if inspect.isroutine(value):
        return f"the function {getattr(value, '__name__', value)}: call it"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
