"""Examples of several labels, some of which never occur or are never found."""

import numpy as np

CLASSES, SIZE = 6, 50


def make(seed=0, *, size=SIZE):
    """Student and teacher logits `[size, classes]`, and labels 0 or 1.

    Class 3 is found where no example has it, 4 has examples and is never found, and 5
    is neither there nor found.
    """
    random = np.random.default_rng(seed)
    student, teacher = random.normal(size=(2, size, CLASSES)).astype(np.float32) * 2
    label = (random.normal(size=(size, CLASSES)) * 2 + student > 1).astype(np.float32)
    label[:, [3, 5]] = 0
    student[:, 4:] -= 20
    return student, teacher, label
