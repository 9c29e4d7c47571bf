"""Rows -> tables and pages; latency; energy, estimated and measured."""

from jdistill.report._energy import energy as energy
from jdistill.report._html import html as html
from jdistill.report._latency import latencies as latencies
from jdistill.report._latency import latency as latency
from jdistill.report._meter import measured_energy as measured_energy
from jdistill.report._pictures import gain_picture as gain_picture
from jdistill.report._pictures import size_picture as size_picture
from jdistill.report._row import row as row
from jdistill.report._summary import check as check
from jdistill.report._summary import summarize as summarize
from jdistill.report._table import markdown as markdown
from jdistill.report._table import table as table

__all__ = [
    "check",
    "energy",
    "gain_picture",
    "html",
    "latencies",
    "latency",
    "markdown",
    "measured_energy",
    "row",
    "size_picture",
    "summarize",
    "table",
]
