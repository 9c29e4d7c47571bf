"""Rows and learning curves like those of a run over five folds."""

import numpy as np
import pytest

CLASSES = ["asyncio", "email", "http", "logging", "unittest", "xml <&>"]

STAGES = {  # realised, accuracy, bytes
    "teacher": ("dense", 0.912, 8_412_200),
    "student": ("dense", 0.881, 612_400),
    "distilled": ("dense", 0.904, 612_400),
    "pruned": ("masked", 0.903, 612_400),
    "quantised": ("masked", 0.902, 612_400),
    "packed": ("packed", 0.902, 131_900),
    "executed": ("executed", 0.9018, 131_900),
    "equal_bytes": ("packed", 0.853, 132_000),
    "teacher_half": ("dense", 0.905, 4_206_100),
    "tfidf": ("dense", 0.887, 3_200_000),
}

SPARSE = ("pruned", "quantised", "packed", "executed")
LAYERS = [
    {
        "path": "Dense_0/bias",
        "shape": [200],
        "form": "dense",
        "density": 1.0,
        "bits": 32,
        "bytes": 800,
        "values": {"limit": 0.5, "counts": [2, 0, 198]},
    },
    {
        "path": "embed",
        "shape": [1000, 100],
        "form": "bitmap",
        "density": 0.31,
        "bits": 8,
        "bytes": 100_123,
        "values": {"limit": 0.25, "counts": [1, 30_000, 999]},
    },
]
EXAMPLES = (430, 450, 440, 460, 441)
"""Of the test part of each fold."""


def confused(recall, size):
    """A matrix with that recall, whose mistakes are the next class's."""
    each = size // len(CLASSES)
    right = [round(each * share) for share in recall]
    matrix = np.diag(right).astype(float)
    for i, number in enumerate(right):
        matrix[i, (i + 1) % len(CLASSES)] = each - number
    matrix[0, 1] += size - matrix.sum()
    return matrix.tolist()


def model_row(stage, fold, generator):
    realised, accuracy, size = STAGES[stage]
    recall = np.clip(generator.normal(accuracy, 0.04, len(CLASSES)), 0, 1)
    row = {
        "stage": stage,
        "realised": realised,
        "fold": fold,
        "seed": 0,
        "accuracy": accuracy + generator.normal(0, 0.006),
        "recall_macro": recall.mean(),
        "recall_per_class": recall.tolist(),
        "classes": CLASSES,
        "bytes": size,
        "nll": 0.345,
        "ece": 0.028,
        "agreement": 0.957,
        "examples": EXAMPLES[fold],
        "parameters": 153_100,
        "sparsity": 0.5 if stage in SPARSE else 0.0,
        "data": {
            "dataset": "docs",
            "fold": fold,
            "sizes": {"train": 1600, "test": 430},
        },
        "date": "2026-03-01",
        "commit": "0123abcd",
        "versions": {"python": "3.11.9", "jax": "0.10.2"},
        "hardware": {"platform": "cpu", "cpus": 2},
    }
    if stage == "packed":
        row["layers"] = LAYERS
    if stage not in ("packed", "executed", "tfidf"):
        row["seconds"] = 12.5
    if stage == "tfidf":  # as a baseline that knows less of itself
        for name in ("examples", "parameters", "sparsity", "nll", "ece", "agreement"):
            del row[name]
    else:
        row["confusion"] = confused(recall, EXAMPLES[fold])
        row["latency_ms"] = size / 4e6
        row["energy"] = {
            "compute_uJ": 0.25,
            "memory_uJ": size * 16e-5,
            "process": "45 nm, 0.9 V (Horowitz, ISSCC 2014)",
            "method": "estimate",
        }
    return row


def comparison(of, against, difference, low, high):
    return {
        "stage": "comparison",
        "fold": "all",
        "of": of,
        "against": against,
        "difference": difference,
        "low": low,
        "high": high,
    }


@pytest.fixture(scope="session")
def rows():
    generator = np.random.default_rng(0)
    models = [model_row(s, f, generator) for f in range(5) for s in STAGES]
    return [
        *models,
        comparison("packed", "teacher", -0.0091, -0.0162, -0.0021),
        comparison("packed", "equal_bytes", 0.049, 0.036, 0.062),
        comparison("teacher", "teacher_half", 0.007, -0.0012, 0.0151),
    ]


@pytest.fixture(scope="session")
def curves():
    return [
        {
            "stage": stage,
            "fold": fold,
            "seed": 0,
            "step": step,
            "split": split,
            "name": name,
            "value": float(np.exp(-step / 300) + fold / 50),
        }
        for stage in ("distilled", "teacher")
        for fold in range(3)
        for step in range(0, 601, 100)
        for split in ("train", "valid")
        for name in ("accuracy", "loss", "gradient")
    ]
