r"""Equations as MathML, which browsers typeset themselves: no script, no network.

Docstrings are read in terminals too, so they write operators and words as they are:
`clip(round(x / s), -q, q)`, `s = 1 where all x are 0`. Here such words get upright
letters and their spaces. What LaTeX cannot be read stops the build.
"""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

SAME = {r"\dots": r"\ldots", r"\Big": "", r"\big": ""}
"""Commands that the converter has not, and what it has in their place."""
SHORT = ("KL", "CE", "if", "in", "is", "of", "or")
"""Words of two letters; any other two letters are a product or two indices."""
WORD = rf"(?:[A-Za-z]{{3,}}|\b(?:{'|'.join(SHORT)})\b)"
NAMED = "begin|end|text|mathrm|operatorname|mathbb|mathcal"
KEPT = rf"\\(?:{NAMED})\s*\{{[^}}]*\}}|\\[A-Za-z]+"
WORDS = re.compile(rf"({KEPT})|({WORD}(?:[ -]{WORD})*)")


def spelt(latex: str) -> str:
    r"""An equation whose words are marked as such.

    Example:
        >>> spelt(r's = 1 where all x are 0')
        's = 1 \\text{ where all }x \\text{ are }0'
        >>> spelt(r'\log p + \max_c softmax(z)_c')
        '\\log\\, p + \\max_c \\operatorname{softmax}(z)_c'
    """
    for name, other in SAME.items():
        latex = re.sub(rf"{re.escape(name)}(?![A-Za-z])", lambda _, o=other: o, latex)

    def mark(match: re.Match) -> str:
        command, words = match.groups()
        if command:
            return command
        before, after = latex[: match.start()], latex[match.end() :]
        if after[:1] in ("(", "_", "^", "\\") or before[-1:] in ("_", "{", "("):
            return rf"\operatorname{{{words}}}"
        return rf"\text{{ {words} }}"

    words = re.sub(r"\} +(?=[A-Za-z0-9])", "}", WORDS.sub(mark, latex))
    return re.sub(r"\\(log|exp|max|min) +(?=[A-Za-z])", r"\\\1\\, ", words)


def parts(latex: str) -> list[str]:
    r"""What stands side by side, apart: the equation, and the symbols in it.

    Example:
        >>> parts(r'L = KL(p, m), \quad m = \beta p')
        ['L = KL(p, m),', 'm = \\beta p']
        >>> parts(r'\begin{cases} 0, \quad x \end{cases}')
        ['\\begin{cases} 0, \\quad x \\end{cases}']
    """
    if r"\begin" in latex:
        return [latex]
    return [part.strip() for part in re.split(r"\\quad(?![A-Za-z])", latex)]


def converted(latex: str, node: nodes.Element, *, block: bool) -> str:
    """The MathML of an equation; a warning, with its place, where there is none."""
    try:
        return tex2mathml(spelt(latex), as_block=block)
    except MathError as error:
        logging.getLogger(__name__).warning(
            "equation %r: %s", latex, error, location=node
        )
        return f"<code>{latex}</code>"


def inline(self, node: nodes.math) -> None:
    """Writes an equation in a line."""
    self.body.append(converted(node.astext(), node, block=False))
    raise nodes.SkipNode


def display(self, node: nodes.math_block) -> None:
    """Writes an equation of its own, its parts in as many lines as they need."""
    said = [converted(part, node, block=True) for part in parts(node.astext())]
    self.body.append(f'<div class="equation">{" ".join(said)}</div>')
    raise nodes.SkipNode


def setup(app) -> dict:
    """Registers the renderer under the name 'mathml'."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
