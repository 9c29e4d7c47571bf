"""Rows -> tables and pages; latency; energy, estimated and measured."""

from typing import TYPE_CHECKING, Any

from jdistill import extras
from jdistill.report._compare import compare as compare
from jdistill.report._energy import energy as energy
from jdistill.report._latency import latencies as latencies
from jdistill.report._latency import latency as latency
from jdistill.report._layers import layers as layers
from jdistill.report._meter import measured_energy as measured_energy
from jdistill.report._quality import FIGURES as FIGURES
from jdistill.report._quality import FIGURES_OF_TAGS as FIGURES_OF_TAGS
from jdistill.report._quality import Figure as Figure
from jdistill.report._quality import named as named
from jdistill.report._row import row as row
from jdistill.report._summary import check as check
from jdistill.report._summary import summarize as summarize
from jdistill.report._table import markdown as markdown
from jdistill.report._table import table as table

if TYPE_CHECKING:
    from jdistill.report._html import html as html
    from jdistill.report._pictures import curve_picture as curve_picture
    from jdistill.report._pictures import gain_picture as gain_picture
    from jdistill.report._pictures import size_picture as size_picture
    from jdistill.report._show import show as show

_DRAWN = {
    "curve_picture": "_pictures",
    "gain_picture": "_pictures",
    "html": "_html",
    "show": "_show",
    "size_picture": "_pictures",
}
"""What draws, by the module that is imported when it is first asked for."""

__all__ = [
    "FIGURES",
    "FIGURES_OF_TAGS",
    "Figure",
    "check",
    "compare",
    "curve_picture",
    "energy",
    "gain_picture",
    "html",
    "latencies",
    "latency",
    "layers",
    "markdown",
    "measured_energy",
    "named",
    "row",
    "show",
    "size_picture",
    "summarize",
    "table",
]


def __getattr__(name: str) -> Any:
    if name not in _DRAWN:
        raise AttributeError(f"module 'jdistill.report' has no attribute {name!r}")
    module = f"jdistill.report.{_DRAWN[name]}"
    return getattr(extras.needed(module, by=f"report.{name}"), name)
