"""What tests of experiments share."""

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def undrawn(monkeypatch):
    """Pages without their pictures, which take most of the time of a page."""
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, page, **how: page.write("<svg></svg>")
    )
