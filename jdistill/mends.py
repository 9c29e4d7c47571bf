"""What to do who has one thing where another is wanted.

Things are known by the package and the class of theirs, because this module imports no
framework: 'flax.Module' is a module of linen or nnx.
"""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any

OF_PARAMETERS = "Frozen(params) makes them of parameters"
MENDS: Mapping[str, Mapping[str, str]] = {
    "Model": {
        "flax.Module": "models.from_linen(module), or from_nnx(factory), makes one",
        "equinox.Module": "models.from_function(apply) makes one",
        "jdistill.Learner": "give the model that it was made of",
        "jdistill.Predictor": "give the model that the file was packed of",
    },
    "Frozen": {
        "jdistill.State": "learner.finish(state) gives them",
        "jdistill.Packed": "Frozen(packed.params, packed.state) are those of a file",
        "jdistill.Compressed": "they are its .frozen",
        "flax.State": OF_PARAMETERS,
        "flax.FrozenDict": OF_PARAMETERS,
        "equinox.Module": OF_PARAMETERS,
        "builtins.dict": OF_PARAMETERS,
        "builtins.tuple": "Frozen(*pair) makes them of what model.init gives",
    },
    "Split": {
        "jdistill.DataSet": "take one of its parts, such as dataset.train",
        "jdistill.EvalBatches": "give the split that they are of",
        "builtins.dict": "data.in_memory(arrays, classes=names) makes one",
    },
    "batches": {
        "jdistill.DataSet": "take one of its parts, such as dataset.test",
        "jdistill.Windows": "they are of windows.split",
        "": "[{'inputs': x, 'label': y}] is one of them",
    },
    "batch": {
        "jdistill.Split": "split.take(range(8)) is one of 8 examples",
        "jdistill.DataSet": "dataset.train.take(range(8)) is one of 8 examples",
        "builtins.list": "give one of them",
    },
    "Learner": {
        "jdistill.Model": "train.learner(model, objective, tx) makes one",
        "jdistill.Objective": "train.learner(model, objective, tx) makes one",
    },
    "State": {"jdistill.Frozen": "learner.init(key, batch, start=frozen) gives one"},
    "Objective": {
        "jdistill.Term": "combine(name=term) makes one of terms",
    },
    "encoded": {
        "jdistill.State": "learner.encode(state) gives them",
        "jdistill.Compressed": "they are its .encoded",
        "jdistill.Learner": "learner.encode(state) gives them",
        "": "learner.encode(state) gives them, or give Frozen(params)",
    },
}
"""The mend by what is wanted and what is there; '' is anything else."""


def mend(wanted: str, value: Any) -> str:
    """The end of a message: what to do with the value, or nothing.

    Args:
        wanted: a key of `MENDS`, or another word.
        value: what is there instead.

    Returns:
        `': ...'`, or an empty text where nothing is known.

    Example:
        >>> mend('Frozen', {'w': 1.0}), mend('Frozen', 3)
        (': Frozen(params) makes them of parameters', '')
    """
    known = MENDS.get(wanted, {})
    own = type(value)
    mro = [k for k in own.__mro__ if k is own or k is not tuple]  # of NamedTuples
    names = [f"{k.__module__.split('.')[0]}.{k.__name__}" for k in mro]
    said = next((known[name] for name in [*names, ""] if name in known), "")
    return said and f": {said}"


def near(wanted: str, names: Collection[str], *, most: int = 3) -> str:
    """The question that a hint begins with: which names are like one that is not there.

    Args:
        wanted: a name, or a regular expression, that none of the names is.
        names: the valid ones.
        most: how many are named: close ones, then those that have it in them.

    Returns:
        The question with a space behind it, or nothing.

    Example:
        >>> near('kernal', ['kernel', 'bias']), near('x', ['kernel'])
        ("did you mean 'kernel'? ", '')
    """
    plain = re.sub(r"[.*\\^$?+()\[\]|]", "", wanted)
    close = difflib.get_close_matches(plain, list(names), n=most, cutoff=0.5)
    within = [name for name in names if plain and plain in name and name not in close]
    close = [*close, *within][:most]
    return f"did you mean {' or '.join(map(repr, close))}? " if close else ""
