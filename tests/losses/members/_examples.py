"""Logits on which other implementations were run once, and what several rows share."""

import numpy as np

STUDENT = np.array([[0.5, -1, 2, 0.25], [1.5, 0.75, -0.5, -2], [0, 1, -1, 3]])
TEACHER = np.array([[1, -2, 3, 0.5], [2.5, -0.25, 0.75, -1], [-1.5, 2, 0.25, 0.5]])
LABELS = np.array([2, 0, 3])
BOTH = STUDENT, TEACHER
THREE_TO_ONE = np.log(np.array([[0.75, 0.25]]))
EVEN = np.zeros((1, 2))
TEMPERATURES = ({}, {"temperature": 4.0}, {"temperature": 0.5})
WARM = ({}, {"temperature": 4.0})
