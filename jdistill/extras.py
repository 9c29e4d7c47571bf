"""Packages that a part of the library needs, and not everybody has."""

import importlib
from types import ModuleType

EXTRAS = {
    "gguf": ("gguf", "gguf"),
    "matplotlib": ("matplotlib", "report"),
    "PIL": ("pillow", "data"),
    "sklearn": ("scikit-learn", "data"),
    "tensorflow_datasets": ("tensorflow-datasets", "data"),
    "tensorflow": ("tensorflow", "tfds"),
    "absl": ("absl-py", "experiments"),
    "ml_collections": ("ml-collections", "experiments"),
    "tensorboardX": ("tensorboardX", "experiments"),
    "jupytext": ("jupytext", "notebooks"),
    "nbclient": ("nbclient", "notebooks"),
    "nbformat": ("nbclient", "notebooks"),
}
"""By the name that is imported: the name that is installed, and the extra with it."""


def needed(module: str, *, by: str) -> ModuleType:
    """Imports what only an extra brings, or what imports such a package.

    Args:
        module: its dotted name.
        by: what needs it, for the message.

    Returns:
        The module.

    Raises:
        ModuleNotFoundError: it is not installed; one line says with what it comes.

    Example:
        >>> needed('json', by='an example').dumps([1])
        '[1]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        line = mend(by, error)
        if line is None:
            raise
        raise ModuleNotFoundError(line, name=error.name) from None


def mend(by: str, error: ModuleNotFoundError) -> str | None:
    """What to install where a package of an extra is missing; None for any other.

    Args:
        by: what needs it.
        error: of the import.

    Returns:
        One line.

    Example:
        >>> mend('data.digits', ModuleNotFoundError(name='sklearn.datasets'))
        "data.digits needs scikit-learn: pip install 'jdistill[data]'"
    """
    if "pip install" in str(error):  # said already
        return str(error)
    name = (error.name or "").partition(".")[0]
    if name not in EXTRAS:
        return None
    package, extra = EXTRAS[name]
    return f"{by} needs {package}: pip install 'jdistill[{extra}]'"
