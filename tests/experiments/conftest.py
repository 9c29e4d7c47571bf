"""What tests of experiments share."""

import pytest
from matplotlib.figure import Figure

from experiments.tools import training
from jdistill import train


@pytest.fixture
def undrawn(monkeypatch):
    """Pages without their pictures, which take most of the time of a page."""
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, page, **how: page.write("<svg></svg>")
    )


@pytest.fixture
def runs(monkeypatch):
    """The runs of the loop: whose learner it was, and how many points it trained."""
    made, run = [], train.run

    def noted(learner, split, *, progress, **options):
        shown = train.progress()
        state = run(learner, split, progress=shown, **options)
        made.append((learner.name, len(shown.curve)))
        return state

    monkeypatch.setattr(training.train, "run", noted)
    return made
