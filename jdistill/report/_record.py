"""What stands behind the figures: energy method, the file, code and machine."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jdistill.report import _format as form
from jdistill.report._layers import listed, total
from jdistill.report._markup import grid, section, text, word
from jdistill.report._summary import Row
from jdistill.words import plain

MOST_LAYERS = 12


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
        "<p>The column µJ is the energy of one inference, of computing and of moving "
        f"bytes from memory together; its parts are under the pointer. Method: {said}. "
        "An estimate puts models in order; it is not what this machine drew.</p>",
    )


def packed_file(models: Sequence[Row]) -> str:
    """The parameters of the packed file, largest first.

    Example:
        >>> packed_file(())
        ''
    """
    row = next((row for row in models if row.get("layers")), None)
    if row is None:
        return ""
    rows = sorted(row["layers"], key=lambda layer: -layer["bytes"])
    said = f"{total(rows)}; with its header the file has {form.size(row.get('bytes'))}"
    return section(
        "The packed file",
        f'<p class="muted">{text(said)} {word("packed")}. Values are those that are '
        "not zero; the line amid each histogram is zero.</p>",
        listed(rows[:MOST_LAYERS]),
        _rest(rows),
    )


def _rest(rows: Sequence[Row]) -> str:
    if len(rows) <= MOST_LAYERS:
        return ""
    said = f"{len(rows) - MOST_LAYERS} smaller ones"
    table = listed(rows[MOST_LAYERS:])
    return f"<details><summary>{said}</summary>{table}</details>"


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
        body = text(json.dumps(config, indent=2, sort_keys=True, default=plain))
        shown += f"<details><summary>Configuration</summary><pre>{body}</pre></details>"
    return section("How this was made", shown)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)
