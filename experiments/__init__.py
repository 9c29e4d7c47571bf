"""Runnable questions: one module each, run by `python -m experiments.main`."""
