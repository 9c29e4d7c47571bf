"""Windows of text: every target once, each row what it says."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jdistill import data, losses, metrics, objective, train
from jdistill.evaluate import evaluate
from jdistill.tokenizers import from_gguf
from jdistill.typing import Frozen, Model, Outputs
from tests.tokenizers.made import gguf, scored

TOKENIZERS = {
    "bare": from_gguf(gguf()),
    "begun": from_gguf(gguf(add_bos_token=True)),
    "prefix": from_gguf(scored("prefix")),
}
WORDS = ["the", "cat", "sat", "on", "mat;", "and", "dogs", "of", "é", "🙂", "12"]
MAKERS = {
    "windows": lambda corpus, steps, ends: data.windows(corpus, steps=steps, ends=ends),
    "overlapping": lambda corpus, steps, ends: data.windows(
        corpus, steps=steps, stride=max(1, steps // 3), ends=ends
    ),
    "packed": lambda corpus, steps, ends: data.packed(corpus, steps=steps, ends=ends),
}


def corpus_of(name, seed=0, documents=12):
    random = np.random.default_rng(seed)
    texts = [
        " ".join(random.choice(WORDS, size=random.integers(1, 30)))
        for _ in range(documents)
    ]
    return texts, data.tokenize(["t", *texts, "the"], TOKENIZERS[name])


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("steps", [2, 3, 8, 17, 500])
@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", TOKENIZERS)
def test_every_token_is_a_target_once_and_each_row_is_what_it_says(
    name, maker, steps, ends
):
    _, corpus = corpus_of(name, documents=5)
    tokenizer, eos = corpus.tokenizer, corpus.tokenizer.special["eos"]
    bos = tokenizer.special["bos"] if tokenizer.begins else None
    rows = [[*r.tolist()] for r in np.split(corpus.ids, corpus.starts[1:-1])]
    rows = [row + [eos] * ends for row in rows]
    made = MAKERS[maker](corpus, steps, ends)
    batch = made.split.take(np.arange(made.split.size))
    batch = {name: x.tolist() for name, x in batch.items() if x.ndim > 1}
    seen = collections.Counter()
    for row in range(made.split.size):
        before = None
        for step in range(steps):
            cell = {name: x[row][step] for name, x in batch.items()}
            if not cell["token_mask"]:
                assert cell["segment"] == cell["label_mask"] == cell["position"] == 0
                assert cell["document"] == -1 and cell["token_bytes"] == 0
                before = cell
                continue
            assert before is None or before["token_mask"], "padding is at the end"
            document, offset = cell["document"], cell["offset"]
            new = before is None or before["document"] != document
            if bos is not None and new:
                assert cell["inputs"] == bos
            else:
                assert cell["inputs"] == rows[document][offset]
            if not new:
                assert offset == before["offset"] + 1
            last = 0 if before is None else before["segment"]
            assert cell["segment"] == last + new
            assert cell["position"] == (0 if new else before["position"] + 1)
            assert cell["label"] == rows[document][offset + 1]
            text = offset + 1 < len(rows[document]) - ends
            size = len(tokenizer.bytes_of([cell["label"]])) if text else 0
            size -= tokenizer.prefix * (offset == -1)
            assert cell["token_bytes"] == size
            seen[document, offset + 1] += cell["label_mask"]
            before = cell
    first = 0 if bos is not None else 1
    wanted = {(d, t) for d, row in enumerate(rows) for t in range(first, len(row))}
    assert {place for place, count in seen.items() if count} == wanted
    assert set(seen.values()) <= {0, 1}
    assert made.protocol["targets"] == len(wanted)


def test_windows_are_one_document_each_and_packed_rows_are_full():
    _, corpus = corpus_of("begun")
    alone = data.windows(corpus, steps=16).split
    together = data.packed(corpus, steps=16).split
    rows = alone.take(np.arange(alone.size))
    assert (rows["segment"].max(axis=1) == 1).all()
    full = together.take(np.arange(together.size - 1))
    assert full["token_mask"].all() and full["segment"].max() > 2
    assert together.size < alone.size


def test_an_overlap_gives_every_later_target_its_context():
    _, corpus = corpus_of("begun")
    made = data.windows(corpus, steps=12, stride=3)
    batch = made.split.take(np.arange(made.split.size))
    start = batch["offset"][:, 0] > 0
    counted = batch["label_mask"][start] != 0
    assert start.any() and counted.any()
    # 11 tokens and a step of 3: at least 8 of the document and the 'bos' before it
    assert np.argmax(counted, axis=1).min() >= 8


def test_the_bytes_of_all_targets_are_those_of_the_texts():
    for name in ("begun", "prefix"):
        _, corpus = corpus_of(name)
        for made in (
            data.windows(corpus, steps=9, stride=4),
            data.packed(corpus, steps=9),
        ):
            batch = made.split.take(np.arange(made.split.size))
            counted = (batch["token_bytes"] * batch["label_mask"]).sum()
            assert counted == corpus.info["bytes"]


def test_rows_are_read_from_files_as_from_memory(tmp_path, monkeypatch):
    texts, corpus = corpus_of("begun")
    kept = data.tokenize(["t", *texts, "the"], corpus.tokenizer, folder=tmp_path)
    made = data.packed(corpus, steps=8)
    monkeypatch.setattr("jdistill.data._windows._IN_MEMORY", 0)
    streamed = data.packed(kept, steps=8)
    assert made.split.arrays is not None and streamed.split.arrays is None
    order = data.index_batches(made.split.size, batch_size=4, seed=3)
    read = data.stream(streamed.split, order, start=5, stop=8)
    for step, batch in enumerate(read, 5):
        rows = order.window(step, step + 1)[0]
        wanted = jax.tree.map(lambda x, rows=rows: x[rows], made.split.arrays)
        jax.tree.map(np.testing.assert_array_equal, dict(batch), dict(wanted))


def bigrams(vocab):
    """A network that knows the token before, and that alone."""

    def init(key, batch):
        return {"table": jnp.zeros((vocab, vocab))}, {}

    def apply(params, state, batch, *, train=False, key=None):
        return Outputs(params["table"][batch["inputs"]]), state

    return Model(init, apply)


@pytest.mark.parametrize("in_memory", [0, 2**20])
def test_a_network_learns_of_packed_rows_and_is_scored_on_windows(
    in_memory, monkeypatch
):
    monkeypatch.setattr("jdistill.data._windows._IN_MEMORY", in_memory)
    _, corpus = corpus_of("begun", documents=30)
    model = bigrams(corpus.tokenizer.vocab)
    learner = train.learner(
        model,
        objective.combine(ce=objective.on_labels(losses.cross_entropy)),
        optax.adam(0.3),
    )
    rows = data.packed(corpus, steps=16, ends=False).split
    state = train.run(learner, rows, key=jax.random.key(0), num_steps=60, batch_size=4)
    made = data.windows(corpus, steps=16)
    batches = data.eval_batches(made.split, batch_size=5)
    wanted = {"nll": metrics.nll()}
    before = evaluate(model, Frozen(*model.init(None, None)), batches, metrics=wanted)
    after = evaluate(model, learner.finish(state), batches, metrics=wanted)
    assert before["nll"] == pytest.approx(np.log(corpus.tokenizer.vocab), rel=1e-5)
    assert after["nll"] < 0.5 * before["nll"]


def test_a_document_without_a_target_has_no_row():
    bare, begun = TOKENIZERS["bare"], TOKENIZERS["begun"]
    assert len(bare.encode("the")) == 1
    texts = ["the", "the cat", "the"]
    batch = data.windows(data.tokenize(texts, bare), steps=4).split.take([0])
    assert batch["document"][0, 0] == 1
    assert data.windows(data.tokenize(texts, begun), steps=4).split.size == 3
    with pytest.raises(ValueError, match="no document has a token to predict"):
        data.windows(data.tokenize(["the"], bare), steps=4)


def test_the_protocol_says_how_windows_were_made():
    texts, _ = corpus_of("begun")
    tokenizer = TOKENIZERS["begun"]
    corpus = data.tokenize(texts, tokenizer, edition="ours, <unk>")
    protocol = data.windows(corpus, steps=8, stride=2).protocol
    assert protocol["tokenizer"] == tokenizer.fingerprint
    assert protocol["corpus"] == corpus.info["fingerprint"]
    del protocol["tokenizer"], protocol["corpus"], protocol["targets"]
    assert protocol == {
        "context": 8,
        "stride": 2,
        "packed": False,
        "bos": True,
        "eos": False,
        "edition": "ours, <unk>",
        "control": False,
        "documents": len(texts),
    }
    assert data.packed(corpus, steps=8).protocol["packed"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda c: data.windows(c, steps=9, positions=8),
            "9 steps are longer than the",
        ),
        (lambda c: data.packed(c, steps=9, positions=8), "9 steps are longer than the"),
        (lambda c: data.windows(c, steps=1), "steps must be 2 or more, got 1"),
        (lambda c: data.packed(c, steps=1), "steps must be 2 or more, got 1"),
        (lambda c: data.windows(c, steps=8, stride=8), "from 1 to 7, .* got 8"),
        (lambda c: data.windows(c, steps=8, stride=0), "from 1 to 7, .* got 0"),
        (lambda c: data.windows(c, steps=8).split.take([10**6]), "rows are 0 to"),
    ],
)
def test_windows_that_cannot_be_are_refused(make, message):
    _, corpus = corpus_of("begun")
    with pytest.raises(ValueError, match=message):
        make(corpus)


def test_an_end_needs_a_token_for_it():
    tokenizer = from_gguf(gguf(eos_token_id=None))
    with pytest.raises(ValueError, match="has no 'eos' for ends=True"):
        data.packed(data.tokenize(["the cat"], tokenizer), steps=4)
