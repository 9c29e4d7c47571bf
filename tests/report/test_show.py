"""`show` in a notebook is the page, elsewhere the table."""

import html
import sys
import types

import pytest

from jdistill import report


@pytest.fixture
def notebook(monkeypatch):
    """What a kernel's `display` was given."""
    shown = []
    version = (9, 0)  # matplotlib looks at it too
    kernel = types.SimpleNamespace(get_ipython=object, version_info=version)
    display = types.SimpleNamespace(display=shown.append)
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown


def test_a_script_gets_the_table(rows, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert report.show(rows) is None
    assert "packed against teacher" in capsys.readouterr().out


def test_a_notebook_gets_the_whole_page_in_a_frame(rows, curves, notebook, capsys):
    report.show(rows, curves, title="docs <1>")
    (view,) = notebook
    page = html.unescape(view._repr_html_().split('srcdoc="')[1].split('"')[0])
    assert page == report.html(rows, curves, title="docs <1>")
    assert str(view) == str(report.table(rows))
    assert capsys.readouterr().out == ""


def test_ipython_that_was_only_imported_is_no_notebook(rows, notebook, capsys):
    sys.modules["IPython"].get_ipython = lambda: None
    report.show(rows)
    assert notebook == [] and "teacher" in capsys.readouterr().out
