"""Prepared data sets are kept between test runs."""

import pathlib

import pytest

from jdistill.data import _tfds

CACHE = pathlib.Path(__file__).parents[2] / ".cache"


@pytest.fixture
def cache_folder(monkeypatch):
    """The folder that prepared data sets go to in tests."""
    monkeypatch.setenv("JDISTILL_CACHE", str(CACHE))
    return CACHE / "tfds"


@pytest.fixture
def alone(monkeypatch):
    """No folder of real data and no network."""
    monkeypatch.delenv("JDISTILL_DATA", raising=False)
    monkeypatch.setattr(_tfds, "_found", lambda host: False)
    monkeypatch.setattr("urllib.request.getproxies", dict)
