"""Views of networks for tests that call objectives, terms and metrics themselves."""

from jdistill.typing import View


def seen(student, teacher=None, *, raw=None, params=None):
    """Views of a student's and a teacher's outputs."""
    views = {"student": View(student, params=params, raw=raw)}
    return views if teacher is None else {**views, "teacher": View(teacher)}
