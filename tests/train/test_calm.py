"""Ctrl-C amid a run: an exception after what must be whole, and nothing else."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from jdistill.train._calm import calm

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def by_default():
    """A process that was started in the background ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_waits_for_the_end_of_the_block():
    done = []
    with pytest.raises(KeyboardInterrupt), calm():
        interrupt()
        done.append(True)
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_in_the_block_is_that_error():
    with pytest.raises(ValueError, match="x"), calm():
        raise ValueError("x")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_ones_own_is_called_at_once():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(True))
    try:
        with calm():
            interrupt()
            assert seen
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_may_be_calm_too():
    done = []

    def work():
        with calm():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done


RUN = textwrap.dedent("""
    import os, signal, sys
    import jax, optax
    from jdistill import train
    from jdistill.train import _checkpoint
    from tests.train.examples import adam, split

    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    moment = sys.argv[2]
    saved = train.checkpoints(sys.argv[1])
    if moment == "saving":
        real = _checkpoint.ocp.CompositeCheckpointHandler.async_save
        async def save(self, *args, **more):
            interrupt()
            return await real(self, *args, **more)
        _checkpoint.ocp.CompositeCheckpointHandler.async_save = save
    def seen(state, means):
        if moment == "callback" and int(state.step) == 8:
            interrupt()
        if moment == "error" and int(state.step) == 8:
            raise RuntimeError("x")
    train.run(adam(), split(), key=jax.random.key(0), num_steps=40, batch_size=8,
              checkpoints=saved, save_every=2, every={4: seen})
""")


@pytest.mark.parametrize(
    "moment", ["saving", pytest.param("callback", marks=pytest.mark.slow), "error"]
)
def test_a_process_that_ends_amid_a_run_says_its_exception_and_no_more(
    tmp_path, moment
):
    """Without `close()`, and with the last save whole."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error::RuntimeWarning", "-c", RUN,
         str(tmp_path), moment],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    code, last = (1, "RuntimeError: x") if moment == "error" else (-2, None)
    assert done.returncode == code, done.stderr
    lines = done.stderr.splitlines()
    assert lines[-1] == (last or "KeyboardInterrupt")
    assert done.stderr.count("Traceback") == 1, done.stderr
    for word in ("never awaited", "ERROR", "Exception ignored"):
        assert word not in done.stderr
    assert not [p for p in (tmp_path / "steps").iterdir() if "tmp" in p.name]
