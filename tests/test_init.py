"""What `import jdistill` gives, and what it does not load."""

import importlib
import subprocess
import sys
import types

import pytest

import jdistill as jd

HEAVY = ("flax", "grain", "matplotlib", "orbax", "sklearn", "tensorflow_datasets")


def loaded_by(statement):
    """Which of the heavy packages a new process has after a statement."""
    code = f"{statement}\nimport sys\nprint(*[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_every_name_is_there_and_is_the_one_of_its_namespace():
    for name in jd.__all__:
        assert getattr(jd, name) is not None
    assert jd.learner is importlib.import_module("jdistill.train").learner
    assert jd.pack is importlib.import_module("jdistill.artifact").pack
    assert dir(jd) == jd.__all__ == sorted(jd.__all__)


def test_what_is_also_the_name_of_a_module_is_the_function():
    from jdistill.build import build
    from jdistill.evaluate import evaluate

    importlib.import_module("jdistill.evaluate")
    assert jd.evaluate is evaluate and isinstance(evaluate, types.FunctionType)
    assert jd.build is build and isinstance(build, types.FunctionType)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'distil'"):
        _ = jd.distil


@pytest.mark.parametrize(
    "statement",
    [
        "import jdistill",
        "import jdistill as jd; jd.compress, jd.losses, jd.metrics, jd.ops, jd.combine",
    ],
)
def test_the_maths_loads_no_framework(statement):
    assert loaded_by(statement) == set()
