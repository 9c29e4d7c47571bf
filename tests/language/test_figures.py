"""The figures of a language model on windows of text."""

import numpy as np
import pytest

from jdistill import data, metrics
from jdistill.evaluate import evaluate
from jdistill.language import figures
from jdistill.tokenizers import from_gguf
from tests.language.bigrams import bigrams, log_probs
from tests.tokenizers.made import gguf

TOKENIZER = from_gguf(gguf(add_bos_token=True))
TEXTS = ["the cat sat on the mat " * 3, "12 dogs", "the mats; é 🙂 on the cats " * 2]


def corpus():
    return data.tokenize(TEXTS, TOKENIZER, edition="ours")


def test_a_row_has_the_figures_of_all_targets_and_how_they_were_taken():
    """Windows longer than any document: the sums in the plainest way."""
    model, frozen = bigrams(TOKENIZER.vocab)
    windows = data.windows(corpus(), steps=80)
    row = figures(model, frozen, windows, batch_size=2, tokens=9)
    surprise = []
    for text in TEXTS:
        ids = [TOKENIZER.special["bos"], *TOKENIZER.encode(text).tolist()]
        logs = log_probs(frozen, ids[:-1])
        surprise += [-logs[i, ids[i + 1]] for i in range(len(ids) - 1)]
    size = sum(len(text.encode()) for text in TEXTS)
    assert row["nll"] == pytest.approx(np.mean(surprise), rel=1e-4)
    assert row["perplexity"] == pytest.approx(np.exp(np.mean(surprise)), rel=1e-3)
    bits = np.sum(surprise) / np.log(2) / size
    assert row["bits_per_byte"] == pytest.approx(bits, rel=1e-4)
    assert row["targets"] == len(surprise)
    assert (row["context"], row["bos"], row["edition"]) == (80, True, "ours")


@pytest.mark.parametrize("headed", [True, False])
def test_the_figures_are_those_of_the_metrics(headed):
    model, frozen = bigrams(TOKENIZER.vocab, headed=headed)
    teacher = bigrams(TOKENIZER.vocab, seed=1, headed=headed)
    windows = data.windows(corpus(), steps=12, stride=5)
    row = figures(model, frozen, windows, teacher=teacher, tokens=7)
    wanted = {
        "nll": metrics.nll(),
        "ece": metrics.ece(),
        "accuracy": metrics.accuracy(),
        "kl": metrics.kl_to_teacher(labeled=True),
        "agreement": metrics.agreement(labeled=True),
        "acceptance": metrics.acceptance(labeled=True),
    }
    batches = data.eval_batches(windows.split, batch_size=3)
    found = evaluate(model, frozen, batches, metrics=wanted, teacher=teacher)
    assert {name: row[name] for name in wanted} == pytest.approx(found, rel=1e-4)


def test_without_a_teacher_there_are_no_figures_beside_one():
    model, frozen = bigrams(TOKENIZER.vocab)
    row = figures(model, frozen, data.packed(corpus(), steps=12, ends=False))
    assert "kl" not in row and row["packed"] and row["nll"] > 0


@pytest.mark.parametrize("headed", [True, False])
def test_what_pads_a_vocabulary_is_no_word_of_any_figure(headed):
    wide = TOKENIZER.vocab + 9
    windows, networks = data.windows(corpus(), steps=12), []
    for seed in (0, 1):
        model, frozen = bigrams(wide, seed=seed, headed=headed)
        params = {**frozen.params, "head": frozen.params["head"].copy()}
        networks.append((model, frozen._replace(params=params)))
    for _, frozen in networks:
        frozen.params["head"][:, TOKENIZER.vocab :] += 2.0
    (model, frozen), teacher = networks
    told = [(m._replace(words=TOKENIZER.vocab), f) for m, f in networks]
    row = figures(*told[0], windows, teacher=told[1], tokens=7)
    given = figures(model, frozen, windows, teacher=teacher, vocab=TOKENIZER.vocab)
    assert {k: v for k, v in row.items() if isinstance(v, str)} == {
        k: v for k, v in given.items() if isinstance(v, str)
    }
    numbers = [k for k, v in row.items() if not isinstance(v, str)]
    assert [row[k] for k in numbers] == pytest.approx(
        [given[k] for k in numbers], rel=1e-4
    )
    assert figures(model, frozen, windows)["nll"] > row["nll"] + 0.1
    alone = metrics.acceptance(labeled=True)
    batches = data.eval_batches(windows.split, batch_size=3)
    found = evaluate(*told[0], batches, metrics={"acceptance": alone}, teacher=told[1])
    assert found["acceptance"] == pytest.approx(row["acceptance"], rel=1e-5)
