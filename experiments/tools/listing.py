"""The configurations that there are: what each asks, and what it costs."""

import ast
import pathlib
import re
import textwrap

CONFIGS = pathlib.Path(__file__).parents[2] / "configs"


def listing() -> str:
    """A paragraph for each configuration: its command, its question, its cost.

    Example:
        >>> [line.strip() for line in listing().splitlines() if 'minimal' in line]
        ['configs/minimal.py']
    """
    paths = sorted(CONFIGS.glob("*.py"))
    return "\n".join(
        f"configs/{path.name}\n{textwrap.indent(_said(about(path)), '    ')}"
        for path in paths
    )


def about(path: pathlib.Path) -> str:
    """The docstring of a configuration, which is not run for it.

    Example:
        >>> about(CONFIGS / 'minimal.py').splitlines()[0].split('?')[0]
        'Does a teacher help a small network on digits'
    """
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def _said(text: str) -> str:
    question, _, rest = text.partition("\n")
    cost = re.search(r"^Cost: (.*?)(?=^[A-Z][\w ]*: |\Z)", rest, re.M | re.S)
    lines = [question, *([] if cost is None else [" ".join(cost[1].split())])]
    return "\n".join(textwrap.fill(line, 84) for line in lines)
