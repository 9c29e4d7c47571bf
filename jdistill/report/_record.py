"""What stands behind the figures: energy method, the file, code and machine."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jdistill.report import _format as form
from jdistill.report._markup import grid, section, text, word
from jdistill.report._summary import Row


def energy_method(models: Sequence[Row]) -> str:
    """How the energies in the table came about.

    Example:
        >>> energy_method(())
        ''
    """
    found = [row["energy"] for row in models if row.get("energy")]
    kinds = sorted({(e.get("method", ""), e.get("process", "")) for e in found})
    said = "; ".join(f"<b>{text(method)}</b>, {text(table)}" for method, table in kinds)
    if not said:
        return ""
    return section(
        "Energy",
        "<p>The column µJ is the energy of one inference: of computing + of moving "
        f"bytes from memory. Method: {said}. An estimate puts models in order; it is "
        "not what this machine drew.</p>",
    )


def packed_file(models: Sequence[Row]) -> str:
    """The tensors of the packed file, largest first.

    Example:
        >>> packed_file(())
        ''
    """
    row = next((row for row in models if row.get("tensors")), None)
    if row is None:
        return ""
    titles = [("tensor", "text"), ("form", "text")]
    titles += [("density", ""), ("bits", ""), ("bytes", "")]
    lines = [
        [
            (text(tensor["path"]), "text"),
            (text(tensor["form"]), "text"),
            (f"{100 * tensor['density']:.0f} %", ""),
            (text(tensor["bits"]), ""),
            (f"{tensor['bytes']:,}", ""),
        ]
        for tensor in sorted(row["tensors"], key=lambda tensor: -tensor["bytes"])
    ]
    said = f"{len(lines)} tensors, {form.size(row.get('bytes'))} {word('packed')}"
    return section(
        "The packed file",
        f"<details><summary>{said}, fold {text(row.get('fold'))}</summary>",
        f"{grid(titles, lines)}</details>",
    )


def origin(models: Sequence[Row], config: Mapping[str, Any] | None) -> str:
    """Commit, versions, hardware and configuration.

    Example:
        >>> origin((), None)
        ''
    """
    lines = []
    for key in ("commit", "versions", "hardware"):
        said = dict.fromkeys(_plain(row[key]) for row in models if row.get(key))
        if said:
            lines.append([(key, "text"), ("<br>".join(map(text, said)), "text wrap")])
    shown = grid([], lines) if lines else ""
    if config is not None:
        body = text(json.dumps(config, indent=2, sort_keys=True, default=str))
        shown += f"<details><summary>Configuration</summary><pre>{body}</pre></details>"
    return section("How this was made", shown)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)
