"""Progress: a bar on a terminal, few plain lines elsewhere."""

import io

import pytest
import rich.console

from experiments import progress as module
from experiments.progress import progress


def console(terminal):
    return rich.console.Console(
        file=io.StringIO(), force_terminal=terminal, width=100, color_system=None
    )


def test_a_terminal_shows_steps_and_figures():
    screen = console(True)
    with progress(200, "distilled", console=screen) as advance:
        advance(150, {"loss": 0.25})
        advance(200)
    shown = screen.file.getvalue()
    assert "distilled" in shown
    assert "200/200" in shown
    assert "loss 0.25" in shown


def test_elsewhere_fast_stages_are_silent():
    screen = console(False)
    with progress(200, "distilled", console=screen) as advance:
        for step in range(200):
            advance(step, {"loss": 0.25})
    assert screen.file.getvalue() == ""


def test_elsewhere_slow_stages_say_a_line_now_and_then(monkeypatch):
    clock = iter([0.0, 1.0, 6.0, 6.0, 7.0, 12.0, 12.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    screen = console(False)
    with progress(200, "distilled", console=screen) as advance:
        for step in (10, 60, 70, 120):
            advance(step, {"loss": 0.25})
    assert screen.file.getvalue().splitlines() == [
        "distilled 60/200 loss 0.25",
        "distilled 120/200 loss 0.25",
    ]


def test_an_error_inside_is_passed_on():
    with pytest.raises(KeyError), progress(1, "x", console=console(True)):
        raise KeyError("x")
