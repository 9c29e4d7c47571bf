"""Prepared data sets are kept between test runs."""

import pathlib

import pytest

CACHE = pathlib.Path(__file__).parents[2] / ".cache"


@pytest.fixture
def cache_folder(monkeypatch):
    """The folder that prepared data sets go to in tests."""
    monkeypatch.setenv("JDISTILL_CACHE", str(CACHE))
    return CACHE / "tfds"
