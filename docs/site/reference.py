"""The reference: a page for each public module, made of its `__all__` and docstrings.

The losses have a page for each family, which are the headings of `losses.md`. In all
pages code that is a public name, such as `losses.kl` or `train.run(...)`, is a link.
"""

import builtins
import functools
import importlib
import inspect
import pathlib
import re
import sys
from typing import NamedTuple

from docutils import nodes
from sphinx import addnodes
from sphinx.pycode import ModuleAnalyzer
from sphinx.transforms import SphinxTransform
from sphinx.util.nodes import find_pending_xref_condition

TOP = ("build", "evaluate", "outputs_of", "predict")
"""Functions of the package itself that no namespace has."""
MODULES = (
    *("artifact", "compress", "data", "language", "losses", "metrics", "models"),
    *("models.formats", "models.transformers", "objective", "ops", "predictor"),
    *("projections", "report", "schedules", "tokenizers", "train", "tree", "typing"),
)
NAME = re.compile(r"(?:jdistill|jd)?\.?((?:\w+\.)*\w+)(?:\(.*\))?", re.DOTALL)
LINKED = (nodes.reference, nodes.title, addnodes.pending_xref)
FAMILY = re.compile(r"^### (.+)\n((?:(?!^#).*\n)*)", re.MULTILINE)


class Module(NamedTuple):
    """A namespace: its first line, and the public names that it documents."""

    name: str
    title: str
    names: tuple[str, ...]


def modules() -> list[Module]:
    """The public namespaces; a class that several give away belongs to the first."""
    found, seen = [Module("", "The package itself", TOP)], set()
    for module in map(_module, MODULES):
        values = {name: _value(module.name, name) for name in module.names}
        new = [n for n, v in values.items() if not inspect.isclass(v) or v not in seen]
        seen |= {v for v in values.values() if inspect.isclass(v)}
        found.append(module._replace(names=tuple(new)))
    return found


def _value(module: str, name: str) -> object:
    place = f"jdistill.{module}".rstrip(".")
    return getattr(importlib.import_module(place), name)


def _module(name: str) -> Module:
    found = importlib.import_module(f"jdistill.{name}")
    own = [n for n, f in vars(found).items() if _is_own(n, f, found)]
    title = (inspect.getdoc(found) or "").split("\n")[0].rstrip(".:")
    return Module(name, title, tuple(getattr(found, "__all__", sorted(own))))


def _is_own(name: str, value: object, module: object) -> bool:
    place = getattr(value, "__module__", None)
    return not name.startswith("_") and callable(value) and place == module.__name__


def families(page: str) -> dict[str, list[str]]:
    r"""The losses by the heading of the table that has them.

    Example:
        >>> families('### Labels\n\n| `losses.kl` | p |\n\n### Not here\n\nnone\n')
        {'Labels': ['kl']}
    """
    row = re.compile(r"^\| `losses\.(\w+)`", re.MULTILINE)
    found = {title: row.findall(text) for title, text in FAMILY.findall(page)}
    return {title: names for title, names in found.items() if names}


def addresses() -> dict[str, str]:
    """Where each name that a page may write is: its full name by `module.name`."""
    found = {}
    for module in modules():
        prefix = f"{module.name}." if module.name else ""
        own = {n: f"jdistill.{prefix}{n}" for n in module.names}
        found |= {f"{prefix}{name}": place for name, place in own.items()}
        if module.name in ("typing", "predictor"):  # `Model` alone, and `load`
            found |= {n: p for n, p in own.items() if n not in ("Array", "Key")}
    short = {"pack": "artifact", "unpack": "artifact", "run": "train"}
    short |= {"learner": "train"} | dict.fromkeys(("combine",), "objective")
    return found | {name: f"jdistill.{at}.{name}" for name, at in short.items()}


def page(title: str, module: str, names: tuple[str, ...], intro: str = "") -> str:
    """The text of a page: what there is, in one table, and then each in full."""
    place = f"jdistill.{module}".rstrip(".")
    lines = [title, "=" * len(title), "", intro, ""]
    lines += [f".. currentmodule:: {place}", ""]
    lines += [
        ".. autosummary::",
        "   :nosignatures:",
        "",
        *(f"   {name}" for name in names),
        "",
    ]
    for name in names:
        lines += [_directive(place, name), ""]
    return "\n".join(lines)


def _directive(place: str, name: str) -> str:
    value = _value(place.partition(".")[2], name)
    if inspect.isclass(value):
        return f".. autoclass:: {place}.{name}\n   :members:\n"
    kind = "function" if callable(inspect.unwrap(value)) else "data"
    return f".. auto{kind}:: {place}.{name}\n"


def write(app) -> None:
    """Makes the pages anew in the folder of the site's sources."""
    folder = pathlib.Path(app.srcdir, "reference")
    folder.mkdir(exist_ok=True)
    pages = {"index": _index()}
    for module in modules():
        place = f"jdistill.{module.name}".rstrip(".")
        if module.name == "losses":
            pages |= _losses(module, pathlib.Path(app.srcdir, "losses.md").read_text())
        else:
            intro = f"{module.title}."
            pages[module.name or "jdistill"] = page(
                place, module.name, module.names, intro
            )
    for old in folder.glob("*.rst"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def _index() -> str:
    names = [module.name or "jdistill" for module in modules()]
    rows = [f":doc:`{n}`\n   {m.title}." for n, m in zip(names, modules(), strict=True)]
    toctree = [".. toctree::", "   :hidden:", "", *(f"   {name}" for name in names)]
    return "\n".join(["Reference", "=========", "", *rows, "", *toctree, ""])


def _losses(module: Module, table: str) -> dict[str, str]:
    """The page of the losses, and those of their families."""
    found = families(table)
    listed = {name for names in found.values() for name in names}
    found["Other"] = [name for name in module.names if name not in listed]
    files = {title: f"losses-{title.lower().replace(' ', '-')}" for title in found}
    pages = {
        files[title]: page(f"Losses: {title.lower()}", "losses", tuple(names))
        for title, names in found.items()
    }
    head = "jdistill.losses"
    lines = [head, "=" * len(head), "", f"{module.title}.", "", ".. toctree::", ""]
    lines += [f"   {title} <{name}>" for title, name in files.items()]
    return pages | {"losses": "\n".join([*lines, ""])}


class Links(SphinxTransform):
    """Makes a link of each piece of code that is a public name."""

    default_priority = 400

    def apply(self, **kwargs) -> None:
        """Wraps such code in a reference, but for what is one or in a heading."""
        for node in list(self.document.findall(addnodes.pending_xref)):
            if node.get("reftype") == "class" and hasattr(builtins, node["reftarget"]):
                # `bytes` is not a field called so
                shown = find_pending_xref_condition(node, "resolved") or node
                node.replace_self(shown.children)
        for node in list(self.document.findall(nodes.literal)):
            match = NAME.fullmatch(node.astext())
            place = self.env.addresses.get(match[1]) if match else None
            if place is None or isinstance(node.parent, LINKED):
                continue
            link = addnodes.pending_xref(
                "",
                refdomain="py",
                reftype="obj",
                reftarget=place,
                refdoc=self.env.docname,
                refwarn=True,
            )
            node.replace_self(link)
            link += node


def setup(app) -> dict:
    """Registers the pages and the links."""
    app.connect("builder-inited", write)
    app.connect("env-before-read-docs", _know)
    app.connect("autodoc-process-signature", _short)
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-docstring", _described)
    app.add_transform(Links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _know(app, env, names) -> None:
    env.addresses = addresses()


@functools.cache
def _comments() -> dict[str, list[str]]:
    """What stands below a name of data, such as `Batch`, where it is written."""
    found = {}
    for public in MODULES:
        inside = f"jdistill.{public}._"
        for name in [n for n in sys.modules if n.startswith(inside)]:
            said = ModuleAnalyzer.for_module(name).find_attr_docs()
            found |= {
                f"jdistill.{public}.{n}": d
                for (owner, n), d in said.items()
                if not owner
            }
    return found


def _described(app, what, name, value, options, lines):
    """Data in the words of its source, not in those of its type."""
    if name in _comments():
        lines[:] = _comments()[name]


def _skip(app, what, name, value, skipped, options):
    """Fields of a tuple: its signature and its docstring have them."""
    said = inspect.getdoc(value) or ""
    return skipped or said.startswith("Alias for field number")


def _short(app, what, name, value, options, signature, returned):
    """Arrays by the name that the code has for them."""
    return tuple(
        text and text.replace("jaxlib._jax.Array", "Array")
        for text in (signature, returned)
    )
