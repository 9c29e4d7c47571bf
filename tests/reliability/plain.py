"""Plain wrong things in the place of each argument of the calls that read files.

A number where a path belongs opens what happens to be open, a word where words belong
is taken letter by letter: each must be refused in one line that names the argument.
"""

import functools
import json
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

import jdistill as jd
from jdistill import artifact, data, language, models, report, tokenizers, train, tree
from jdistill.typing import Frozen
from tests.reliability.bad_calls import KEY, things
from tests.reliability.bad_numbers import Call
from tests.tokenizers.made import byte_pairs

NUMBERS = {"3": 3, "-1": -1, "2.5": 2.5, "NaN": float("nan"), "10^30": 10**30}
OTHERS = {
    "an object": object(),
    "a dictionary": {},
    "bytes": b"x",
    "an array": np.ones((2, 2)),
    "a function": repr,
    "a list": [1, "a"],
}
WORDS = {"a word": "nonesuch", "no letter": ""}
NONE, TRUE = {"None": None}, {"True": True}
ALL = {**NUMBERS, **OTHERS, **WORDS, **NONE, **TRUE}


def _but(*left_out: str, of: Mapping[str, Any] = ALL) -> dict[str, Any]:
    return {name: thing for name, thing in of.items() if name not in left_out}


PATH = TEXT = {**NUMBERS, **OTHERS, **NONE, **TRUE}
OPTIONAL = _but("None", of=TEXT)
COUNT = _but("3")
SIZE = _but("None", of=COUNT)
TEXTS = _but()
NAMES = _but("None")
NOUN = ALL
FUNCTION = _but("a function")
PREPARE = _but("None")
MAPPING = _but("a dictionary", "None")
FROM_0 = {**_but("3", "None")}


class Taking(NamedTuple):
    """A call, its good arguments, and what each must not be."""

    call: Callable[..., Any]
    good: Mapping[str, Any]
    wrong: Mapping[str, Mapping[str, Any]]


@functools.cache
def _folder() -> pathlib.Path:
    """Files of every kind."""
    folder = pathlib.Path(tempfile.mkdtemp())
    rows = [f"word {i},{i % 2},1" for i in range(40)]
    (folder / "a.csv").write_text("\n".join(["text,label,share", *rows]))
    lines = (json.dumps({"text": f"word {i}", "label": str(i % 2)}) for i in range(40))
    (folder / "a.jsonl").write_text("\n".join(lines))
    points = np.random.default_rng(0).normal(size=(60, 2))
    np.savez(folder / "a.npz", inputs=points, label=np.arange(60) % 3)
    for i in range(40):
        path = folder / "mails" / ("new", "old")[i % 2] / f"{i}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"mail {i}")
    question = '{"prompt": "the", "choices": ["cat", "mat"], "answer": 0}\n'
    (folder / "q.jsonl").write_text(question)
    artifact.pack(folder / "packed", things().encoded)
    return folder


@functools.cache
def _texts() -> dict[str, Any]:
    """A network of texts, its variables, its vocabulary and a text."""
    tokenizer = tokenizers.from_json(byte_pairs(size=262).to_str())
    sizes = {"vocab": tokenizer.vocab, "dim": 4, "depth": 2, "heads": 1, "mlp_dim": 8}
    sizes |= {"kv_heads": 1, "head_dim": 4, "max_steps": 16}
    config = models.DecoderConfig(**sizes)
    model = models.decoder(config)
    corpus = data.tokenize(["the cat sat", "on the mat"], tokenizer)
    return {
        "tokenizer": tokenizer,
        "config": config,
        "model": model,
        "frozen": Frozen(*model.init(KEY, {"inputs": jnp.array([[1, 2]])})),
        "corpus": corpus,
        "windows": data.windows(corpus, steps=6),
    }


PARTS = {"train": PATH, "test": OPTIONAL, "valid": OPTIONAL}
TABLE = {**PARTS, "classes": NAMES, "num_folds": SIZE | NONE, "fold": FROM_0}


def calls() -> dict[str, Taking]:
    """The calls by name."""
    return {**_of_data(), **_of_texts(), **_of_files(), **_of_reports()}


def _of_data() -> dict[str, Taking]:
    folder, texts = _folder(), _texts()
    columns = {**TABLE, "inputs": _but("a word", "no letter"), "weight": OPTIONAL}
    letters = {name: TEXT for name in ("inputs",)} | {"label": OPTIONAL}
    corpus = {"corpus": NOUN, "steps": COUNT, "positions": _but("10^30", of=SIZE)}
    ids = {"sources": [[1, 2], [3]], "targets": [[1], [2, 3]], "steps": 4}
    return {
        "csv": Taking(
            data.csv,
            {"train": folder / "a.csv", "classes": ("0", "1")},
            {**columns, "label": _but("a word", "no letter", "None"),
             "prepare": PREPARE, "columns": NAMES, "separator": OPTIONAL},
        ),
        "jsonl": Taking(
            data.jsonl,
            {"train": folder / "a.jsonl"},
            {**columns, **letters, "prepare": PREPARE},
        ),
        "npz": Taking(
            data.npz,
            {"train": folder / "a.npz"},
            {**TABLE, **letters, "weight": OPTIONAL},
        ),
        "folder": Taking(
            data.folder,
            {"train": folder / "mails"},
            {**TABLE, "size": _but("None"), "channels": COUNT, "prepare": PREPARE},
        ),
        "idx": Taking(data.idx, {"train": folder / "a.csv"}, {"train": PATH}),
        "stdlib_docs": Taking(data.stdlib_docs, {}, {"prepare": PREPARE}),
        "pairs": Taking(
            data.pairs,
            ids,
            {"sources": _but("a list", "a dictionary", "an array"), "steps": SIZE,
             "start": FROM_0, "end": FROM_0},
        ),
        "documents": Taking(
            lambda **given: data.documents(folder / "mails", **given),
            {},
            {"field": TEXT},
        ),
        "tokenize": Taking(
            data.tokenize,
            {"texts": ["a"], "tokenizer": texts["tokenizer"]},
            {"tokenizer": NOUN, "texts": _but("a dictionary"), "folder": OPTIONAL,
             "edition": TEXT},
        ),
        "load_corpus": Taking(
            data.load_corpus,
            {"folder": folder, "tokenizer": texts["tokenizer"]},
            {"folder": PATH, "tokenizer": NOUN},
        ),
        "windows": Taking(
            data.windows, {"corpus": texts["corpus"], "steps": 6},
            {**corpus, "stride": SIZE},
        ),
        "packed": Taking(
            data.packed, {"corpus": texts["corpus"], "steps": 6, "ends": False}, corpus
        ),
    }  # fmt: skip


def _of_texts() -> dict[str, Taking]:
    found, folder = _texts(), _folder()
    of = {name: found[name] for name in ("model", "frozen", "tokenizer")}
    chunks = {"batch_size": COUNT, "tokens": COUNT, "vocab": SIZE}
    nouns = dict.fromkeys(("model", "frozen", "tokenizer"), NOUN)
    smaller = {"params": found["frozen"].params, "config": found["config"]}
    whole = {"params": NOUN, "config": NOUN}
    words = {"tokenizer": found["tokenizer"], "texts": ["a"], "steps": 4}
    asked = language.read_questions(folder / "q.jsonl")
    own = found["tokenizer"]
    return {
        "figures": Taking(
            language.figures,
            {"model": found["model"], "frozen": found["frozen"],
             "windows": found["windows"], "batch_size": 2},
            {"windows": NOUN, **chunks},
        ),
        "log_likelihoods": Taking(
            language.log_likelihoods,
            {**of, "pairs": [("the", "cat")], "steps": 16},
            {**nouns, "pairs": NOUN, "steps": COUNT, **chunks},
        ),
        "multiple_choice": Taking(
            language.multiple_choice,
            {**of, "questions": asked, "steps": 16},
            {**nouns, "questions": NOUN, "between": TEXT, "steps": COUNT, **chunks},
        ),
        "read_questions": Taking(
            language.read_questions,
            {"path": folder / "q.jsonl"},
            {"path": PATH, "prompt": TEXT, "choices": TEXT, "answer": TEXT},
        ),
        "writer": Taking(
            language.writer,
            of,
            {**nouns, "steps": COUNT, "choose": FUNCTION, "stop": NAMES},
        ),
        "keep_layers": Taking(
            language.keep_layers,
            {**smaller, "layers": [0]},
            {**whole, "layers": NOUN},
        ),
        "keep_tokens": Taking(
            language.keep_tokens, {**smaller, "ids": [0, 1]}, {**whole, "ids": NOUN}
        ),
        "spread": Taking(
            language.spread,
            {"depth": 4, "number": 2},
            {"depth": COUNT, "number": COUNT},
        ),
        "framed": Taking(
            tokenizers.framed,
            words,
            {"tokenizer": NOUN, "texts": TEXTS, "steps": COUNT, "pairs": NAMES},
        ),
        "keep": Taking(
            tokenizers.keep, {"tokenizer": own, "ids": [1]},
            {"tokenizer": NOUN, "ids": NOUN},
        ),
        "check_vocabulary": Taking(
            tokenizers.check_vocabulary,
            {"tokenizer": own, "rows": 262},
            {"tokenizer": NOUN, "rows": _but("3", "10^30"),
             "padding": _but("3", "10^30")},
        ),
        "same_vocabulary": Taking(
            tokenizers.same_vocabulary,
            {"first": own, "second": own},
            {"first": NOUN, "second": NOUN},
        ),
        "from_json": Taking(
            tokenizers.from_json,
            {"definition": own.definition()},
            {"definition": TEXT, "special": MAPPING, "begins": _but("None", "True")},
        ),
        "to_hf": Taking(
            tokenizers.to_hf,
            {"tokenizer": own, "folder": folder / "words"},
            {"tokenizer": NOUN, "folder": PATH},
        ),
        "encode": Taking(own.encode, {"text": "a"}, {"text": TEXT}),
        "encode_many": Taking(
            own.encode_many,
            {"texts": ["a"]},
            {"texts": TEXTS, "inside": _but("True")},
        ),
    }  # fmt: skip


def _of_files() -> dict[str, Taking]:
    folder, t = _folder(), things()
    packed = folder / "packed"
    return {
        "pack": Taking(
            artifact.pack,
            {"path": folder / "p", "encoded": t.encoded},
            {"path": PATH, "description": MAPPING},
        ),
        "unpack": Taking(artifact.unpack, {"path": packed}, {"path": PATH}),
        "load": Taking(jd.load, {"path": packed, "model": t.model}, {"path": PATH}),
        "table": Taking(
            artifact.table,
            {"source": packed},
            {"source": _but("a dictionary", of=PATH)},
        ),
        "load_cache": Taking(data.load_cache, {"path": packed}, {"path": PATH}),
        "open_tokens": Taking(data.open_tokens, {"folder": folder}, {"folder": PATH}),
        "lock": Taking(
            lambda folder: train.lock(folder)(),
            {"folder": folder / "lock"},
            {"folder": PATH},
        ),
        "checkpoints": Taking(
            lambda folder: train.checkpoints(folder).close(),
            {"folder": folder / "steps"},
            {"folder": PATH},
        ),
        "data_mesh": Taking(train.data_mesh, {}, {"devices": _but("None")}),
        **{
            name: Taking(getattr(models, name), {argument: folder}, {argument: PATH})
            for name, argument in (
                ("from_gguf", "file"),
                ("gguf_metadata", "file"),
                ("from_llama2c", "file"),
                ("from_hf", "folder"),
            )
        },
    }


def _of_reports() -> dict[str, Taking]:
    row = {"stage": "a", "realised": "dense", "accuracy": 0.5, "bytes": 3}
    pair = {"stage": "comparison", "of": "a", "against": "b", "difference": 0.1}
    pair |= {"low": 0.0, "high": 0.2}
    t = things()
    rows = _but("a dictionary")
    return {
        "html": Taking(
            report.html,
            {"rows": [row]},
            {"rows": rows, "curves": _but("no letter", "bytes", "a list", "a word"),
             "config": MAPPING, "title": TEXT, "question": TEXT, "command": TEXT},
        ),
        "gain_picture": Taking(
            report.gain_picture, {"rows": [pair], "against": "b"}, {"against": TEXT}
        ),
        "summary": Taking(
            models.summary,
            {"model": t.model, "batch": t.batch},
            {"model": NOUN, "batch": NOUN, "frozen": NAMES,
             "trips": _but("3", "10^30")},
        ),
        "select": Taking(
            tree.select,
            {"tree": t.frozen.params, "where": ".*"},
            {"where": _but("a word", "no letter", "a dictionary")},
        ),
    }  # fmt: skip


BROKEN = ("idx", "load_corpus", "load_cache", "open_tokens", "from_gguf",
          "gguf_metadata", "from_llama2c", "from_hf")  # fmt: skip
"""Calls that have no good file here: their paths alone are looked at."""


def every() -> Iterator[Call]:
    """Each call with each thing that one of its arguments cannot be."""
    for name, taking in calls().items():
        for argument, wrong in taking.wrong.items():
            for what, thing in wrong.items():
                call = functools.partial(
                    taking.call, **{**taking.good, argument: thing}
                )
                names = (
                    ("row",) if argument == "rows" and name == "html" else (argument,)
                )
                yield Call(f"{name}({argument}={what})", call, names)


def good() -> Iterator[Call]:
    """Each call as it should be."""
    for name, taking in calls().items():
        if name not in BROKEN:
            yield Call(name, functools.partial(taking.call, **taking.good), ())
