"""The digits configuration with networks of a few units, for tests."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).parents[2]
CONFIG = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from configs import digits

def get_config(arg=""):
    c = digits.get_config("smoke")
    c.teacher.model.widths = (16,)
    c.comparisons = c.comparisons[:-1]
    c.student.model.widths = (8,)
    for name in ("teacher", "student", "distilled", "pruned", "quantised",
                 "equal_bytes"):
        c[name].num_steps = 12
    c.pruned.compression.sparsity.end = 10
    c.pruned.compression.every = 2
    with c.pruned.compression.unlocked():
        c.pruned.compression.where = ".*kernel"
    c.eval_every = c.save_every = 4
    if arg == "student_classes":
        with c.student.model.unlocked():
            c.student.model.classes = 7
    if arg == "argument":
        with c.student.model.unlocked():
            c.student.model.width = 3
    return c
"""


def command(folder, workdir, *more):
    """The command line that runs it."""
    config = folder / "small.py"
    config.write_text(CONFIG)
    return [f"--config={config}", f"--workdir={workdir}", *more]


def child(script, *arguments):
    """A process that runs a script in the project's root."""
    return [sys.executable, "-c", script, *map(str, arguments)]
