"""Progress: what is shown where, the curve that is kept, and what it costs."""

import io
import sys
import types

import jax
import numpy as np
import optax
import pytest
import rich.console

from jdistill import train
from jdistill.train import _displays, _progress
from tests.train.examples import adam, split

PLAIN = adam()


def screen(*, terminal=False):
    return rich.console.Console(
        file=io.StringIO(), force_terminal=terminal, width=200, color_system=None
    )


def run(learner=PLAIN, *, num_steps=10, **more):
    return train.run(
        learner, split(), key=jax.random.key(1), num_steps=num_steps, batch_size=8,
        **more,
    )  # fmt: skip


def said(console):
    return console.file.getvalue()


def test_a_log_says_the_steps_at_first_and_what_became_of_them_at_last():
    log = screen()
    run(progress=train.progress("student", console=log), num_steps=10)
    first, last = said(log).splitlines()
    assert first.startswith("student: step 0 of 10, ") and first.endswith(" GB")
    assert last.startswith("student: 10 steps in ") and ", loss " in last


def test_true_shows_the_run_on_standard_error(capsys):
    run(progress=True)
    assert "training: 10 steps in" in capsys.readouterr().err
    run()
    assert capsys.readouterr().err == ""


def test_a_log_has_the_time_left_the_memory_and_the_stage(monkeypatch):
    monkeypatch.setattr(_displays, "SECONDS", 0.0)
    monkeypatch.setattr(_displays, "SHARE", 0.0)
    log = screen()
    shown = train.progress(stages={"teacher": 10, "student": 10}, console=log)
    for name in ("teacher", "student"):
        run(progress=shown.of(name), steps_per_dispatch=1)
    line = next(x for x in said(log).splitlines() if x.startswith("student: step 5 "))
    assert "step 5 of 10, stage 2 of 2, " in line
    assert " s left, " in line and " GB, loss " in line


def test_the_lines_of_a_long_run_grow_rare():
    shown = _displays.display(screen())
    assert (shown.pause(1.0), shown.pause(36000.0)) == (5.0, 720.0)


def test_a_terminal_has_one_bar_for_all_stages_and_a_line_for_each_that_ended():
    terminal = screen(terminal=True)
    shown = train.progress(stages={"teacher": 10, "student": 30}, console=terminal)
    run(progress=shown.of("teacher"))
    assert "teacher 0/10" in said(terminal) and "stage 1 of 2" in said(terminal)
    assert "teacher: 10 steps in" in said(terminal).splitlines()[-1]
    terminal.file.truncate(0)
    run(progress=shown.of("student"), num_steps=30)
    assert "stage 2 of 2" in said(terminal)


def test_the_share_and_the_time_left_are_those_of_all_stages(monkeypatch):
    seen = []
    shown = _displays.Display(seen.append, lambda line: None, lambda: None, lambda _: 0)
    monkeypatch.setattr(_progress, "display", lambda console: shown)
    clock = iter(np.arange(0.0, 1000.0))  # each look at the clock takes a second
    ticking = types.SimpleNamespace(monotonic=lambda: float(next(clock)))
    monkeypatch.setattr(_progress, "time", ticking)
    all_runs = train.progress(stages={"a": 4, "b": 4, "c": 8})
    for name in ("a", "b"):
        run(progress=all_runs.of(name), num_steps=4, steps_per_dispatch=1)
    last = seen[-1]
    assert (last.name, last.step, last.place) == ("b", 3, "stage 2 of 3")
    assert last.share == 7 / 16
    # A second a step: the last of b; and 8 of c, of which a and b took
    # 5 + 3 seconds in 4 + 3 steps
    assert last.left == pytest.approx(1 + 8 * 8 / 7)


def test_the_step_that_is_compiled_says_nothing_of_the_time_left(monkeypatch):
    seen = []
    shown = _displays.Display(seen.append, lambda line: None, lambda: None, lambda _: 0)
    monkeypatch.setattr(_progress, "display", lambda console: shown)
    times = iter([0.0, 100.0, 101.0, 102.0, 103.0, 103.0, 103.0])
    ticking = types.SimpleNamespace(monotonic=lambda: next(times))
    monkeypatch.setattr(_progress, "time", ticking)
    run(progress=True, num_steps=4, steps_per_dispatch=1)
    assert [(s.step, s.left) for s in seen] == [(0, None), (1, None), (2, 2), (3, 1)]


def test_the_curve_has_the_means_of_the_loss_and_the_scores_of_callbacks():
    shown = train.progress("student", console=screen())

    def accuracy(state, means):
        return int(state.step) / 10

    each = []
    every = {4: accuracy, 1: lambda state, means: each.append(float(means["loss"]))}
    run(progress=shown, every=every, seed=3)
    losses = [p for p in shown.curve if (p["split"], p["name"]) == ("train", "loss")]
    assert [p["step"] for p in losses] == [*range(1, 11)]
    np.testing.assert_allclose([p["value"] for p in losses], each, rtol=1e-6)
    place = {"stage": "student", "seed": 3, "split": "valid", "name": "accuracy"}
    assert [p for p in shown.curve if p["split"] == "valid"] == [
        {**place, "step": step, "value": step / 10} for step in (4, 8, 10)
    ]


def test_a_long_run_has_about_a_hundred_points_of_means_since_the_last():
    shown = train.progress(console=screen())
    each = []
    run(
        progress=shown, num_steps=1000, steps_per_dispatch=5,
        every={1000: lambda s, m: each.append(float(m["loss"]))},
    )  # fmt: skip
    losses = [p for p in shown.curve if p["name"] == "loss"]
    assert [p["step"] for p in losses] == [*range(10, 1001, 10)]
    assert np.mean([p["value"] for p in losses]) == pytest.approx(each[0], rel=1e-5)


def test_the_report_draws_the_curve():
    from jdistill import report

    shown = train.progress("student", console=screen())
    run(progress=shown)
    row = {"stage": "student", "realised": "dense", "accuracy": 0.5}
    assert "Learning curves" in report.html([row], shown.curve)


def test_each_lane_of_a_sweep_has_its_curve():
    rates = {"rate": np.array([0.1, 0.01], np.float32)}
    lanes = train.sweep(lambda rate: adam(tx=optax.sgd(rate)), rates)
    log = screen()
    shown = train.progress("student", console=log)
    run(lanes, progress=shown)
    assert {p["stage"] for p in shown.curve} == {"student [0]", "student [1]"}
    assert "loss " in said(log)


def test_a_resumed_run_says_at_which_step_of_which_stage(tmp_path):
    saved = train.checkpoints(tmp_path)
    run(checkpoints=saved, num_steps=4)
    log = screen()
    shown = train.progress(stages={"teacher": 3, "student": 10}, console=log)
    shown.of("teacher")
    run(checkpoints=saved, progress=shown.of("student"))
    assert said(log).startswith("student: resumed at step 4 of stage 2 of 2\n")
    log.file.truncate(0)
    run(checkpoints=saved, progress=train.progress(console=log))
    saved.close()
    assert "step" not in said(log).strip("\0"), "nothing of a run that is over"


def test_what_an_earlier_process_ended_is_passed_over_and_the_next_says_so(tmp_path):
    saved, log = train.checkpoints(tmp_path), screen()
    run(checkpoints=saved)
    shown = train.progress(stages={"teacher": 10, "student": 10}, console=log)
    run(checkpoints=saved, progress=shown.of("teacher"))
    saved.close()
    run(progress=shown.of("student"))
    assert said(log).startswith("student: resumed at step 0 of stage 2 of 2\n")


def test_a_run_that_fails_leaves_no_bar_and_says_nothing_of_its_end():
    terminal = screen(terminal=True)

    def fails(state, means):
        raise KeyError("x")

    with pytest.raises(KeyError):
        run(progress=train.progress(console=terminal), every={4: fails})
    assert said(terminal).count("\x1b[?25l") == said(terminal).count("\x1b[?25h") == 1
    assert "steps in" not in said(terminal)


def test_a_notebook_has_one_line_that_is_written_anew(monkeypatch):
    pages = []
    handle = types.SimpleNamespace(update=pages.append)
    notebook = types.SimpleNamespace(HTML=str, display=lambda first, display_id: handle)
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    console = rich.console.Console(file=io.StringIO(), force_jupyter=True)
    run(progress=train.progress("<b>", console=console))
    assert '&lt;b&gt; 0/10 <progress value="0.0000"' in pages[0]
    assert "&lt;b&gt;: 10 steps in" in pages[-1] and "<progress" not in pages[-1]


@pytest.mark.parametrize("terminal", [False, True])
def test_names_are_shown_as_they_are(terminal):
    console = screen(terminal=terminal)
    run(progress=train.progress("[red]a[/blue]", console=console))
    assert "[red]a[/blue]" in said(console)


def test_the_dispatches_and_the_result_are_those_without_progress(monkeypatch):
    from jdistill.train import _loop

    windows, real = [], _loop.window_of
    monkeypatch.setattr(
        _loop, "window_of", lambda *a: windows.append(real(*a)) or windows[-1]
    )
    plain = run(num_steps=50)
    shown = run(num_steps=50, progress=train.progress(console=screen()))
    assert windows[0] == windows[1]
    jax.tree.map(np.testing.assert_array_equal, plain.params, shown.params)


def test_nothing_is_read_of_a_dispatch_that_may_not_be_over(monkeypatch):
    """Only sums of dispatches before the newest are asked for, but for the last."""
    asked, gone = [], []
    real = _progress.means
    monkeypatch.setattr(
        _progress, "means", lambda sums: asked.append(len(gone)) or real(sums)
    )
    from jdistill.train import _loop

    make = _loop.dispatcher

    def counted(*arguments):
        dispatch = make(*arguments)

        def run(state, start, stop):
            gone.append(stop)
            return dispatch.run(state, start, stop)

        return dispatch._replace(run=run)

    monkeypatch.setattr(_loop, "dispatcher", counted)
    shown = train.progress(console=screen())
    run(progress=shown, num_steps=6, steps_per_dispatch=1)
    assert asked == [2, 3, 4, 5, 6, 6]


def test_a_stage_without_steps_is_named():
    with pytest.raises(ValueError, match=r"stages\['a'\]"):
        train.progress(stages={"a": 0})


@pytest.mark.parametrize("terminal", [True, False])
def test_a_name_steers_no_terminal(terminal):
    log, name = screen(terminal=terminal), "a\x1b]0;owned\x07\x9b"
    run(progress=train.progress(name, console=log))
    assert "\x1b]" not in said(log) and not {"\x07", "\x9b"} & {*said(log)}
    assert "a\ufffd]0;owned\ufffd\ufffd" in said(log)
