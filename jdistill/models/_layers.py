"""Students that begin with chosen layers of their teacher."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from jdistill import kinds, tree
from jdistill.typing import Frozen, Tree


def begin_with(student: Frozen, teacher: Frozen, layers: Mapping[str, str]) -> Frozen:
    r"""The student's variables with those of chosen layers of the teacher in them.

    DistilBERT takes every second layer: `{r'layer_(\d)': ...}` is written out,
    `{'layer_0': 'layer_0', 'layer_1': 'layer_2'}`, and `{'embed': 'embed'}` takes what
    both have outside the layers.

    Args:
        student: fresh variables, which give the form; `run(start=)` takes the result.
        teacher: variables of a trained network.
        layers: by the path of a part of the student, that of a part of the teacher. A
            part is a whole path or its beginning, up to a '/'; it is taken from the
            parameters and from the state alike.

    Returns:
        The student's variables; what no part names is as it was.

    Raises:
        ValueError: a part is not there, or a leaf is of another shape.

    References:
        Sanh, Debut, Chaumond, Wolf, DistilBERT, 2019 (arXiv:1910.01108), section 3.

    Example:
        >>> small = Frozen({'a': {'w': jnp.zeros(2)}, 'b': jnp.zeros(1)})
        >>> large = Frozen({'x': {'w': jnp.ones(2)}, 'y': {'w': jnp.zeros(2)}})
        >>> begin_with(small, large, {'a': 'x'}).params['a']['w']
        Array([1., 1.], dtype=float32)
    """
    kinds.variables(student=student, teacher=teacher)
    kinds.mapping(layers=layers)
    taken = {name: 0 for name in layers}

    def filled(mine: Tree, theirs: Tree) -> Tree:
        known = tree.flatten(theirs)

        def leaf(path: str, old: Any) -> Any:
            for part, other in layers.items():
                if path == part or path.startswith(part + "/"):
                    taken[part] += 1
                    return _taken(path, old, other + path[len(part) :], known)
            return old

        return tree.map_paths(leaf, mine)

    found = Frozen(*(filled(m, t) for m, t in zip(student, teacher, strict=True)))
    for part, count in taken.items():
        if count == 0:
            raise ValueError(
                f"the student has no part {part!r}; there are {_parts(student.params)}"
            )
    return found


def begin_with_stacked(
    student: Frozen, teacher: Frozen, layers: Sequence[int], *, where: str
) -> Frozen:
    """The student's variables with chosen layers of a stack of the teacher's.

    For layers in one `nn.scan`, whose leaves have the layers along their first axis.

    Args:
        student: fresh variables, which give the form; `run(start=)` takes the result.
        teacher: variables of a trained network.
        layers: the numbers of the teacher's layers, as many as the student has.
        where: a regular expression of the whole paths of the stacked leaves, which
            both networks have in common.

    Returns:
        The student's variables; what `where` does not select is as it was.

    Raises:
        ValueError: a layer is out of range, `where` selects nothing, or a leaf is of
            another shape.

    References:
        Sanh, Debut, Chaumond, Wolf, DistilBERT, 2019 (arXiv:1910.01108), section 3.

    Example:
        >>> small = Frozen({'w': jnp.zeros((2, 1))})
        >>> large = Frozen({'w': jnp.arange(4.0)[:, None]})
        >>> begin_with_stacked(small, large, [0, 3], where='w').params['w'].tolist()
        [[0.0], [3.0]]
    """
    kinds.variables(student=student, teacher=teacher)
    rows = jnp.asarray(layers)
    known = tree.flatten(teacher.params)
    tree.select(student.params, where)

    def leaf(path: str, old: Any) -> Any:
        if not re.fullmatch(where, path):
            return old
        if path not in known:
            raise ValueError(f"the teacher has no {path!r}; there are {[*known]}")
        depth = known[path].shape[0]
        if not all(0 <= n < depth for n in layers):
            raise ValueError(f"layers must be 0 to {depth - 1}, got {[*layers]}")
        return _taken(path, old, path, {path: known[path][rows]})

    return student._replace(params=tree.map_paths(leaf, student.params))


def _taken(path: str, old: Any, there: str, known: Mapping[str, Any]) -> Any:
    if there not in known:
        raise ValueError(f"the teacher has no {there!r}; there are {[*known]}")
    new = known[there]
    if jnp.shape(new) != jnp.shape(old):
        raise ValueError(
            f"{path!r} of the student is {jnp.shape(old)}, {there!r} of the teacher "
            f"{jnp.shape(new)}"
        )
    return jnp.asarray(new, old.dtype)


def _parts(params: Tree) -> list[str]:
    return sorted({path.partition("/")[0] for path in tree.flatten(params)})
