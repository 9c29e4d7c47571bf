"""What each step of making a language model smaller costs, on a text of one's own.

A row for each stage: bits per byte, perplexity, the divergence from the first model of
the same vocabulary, parameters, bytes, and how it writes on after `config.prompt`. A
stage goes on from the one before it, or from the one it names with `after`.
"""

import pathlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.tools import language_training
from experiments.tools.changes import KEYS, Now, Place, begun, changed
from experiments.tools.plan import at, made
from experiments.tools.pretrained import read
from experiments.tools.rows import read_rows
from experiments.tools.texts import Text, text
from jdistill import data, language, models, report, train, tree

IDENTITY = ("model", "text", "tokens")
FIGURES = report.named(
    "bits_per_byte", "perplexity", "kl", "agreement", "accuracy", "ece"
)
ABOUT = ("stage", "after", "scored")
"""What a stage has beside what it does: its name, the stage that it follows, and
whether it has rows."""
KNOWN = ("stage", "seed", "tokens", "text")
"""What tells the rows of one network apart."""
START = ""
"""What the first stage follows."""


def run(config: Any, workdir: pathlib.Path) -> Iterator[dict[str, Any]]:
    """Yields a row for each stage of the configuration, and for each of its texts.

    A stage whose rows are in the folder already is passed over, or made without being
    scored where one that is left goes on from it.
    """
    config = config.to_dict() if hasattr(config, "to_dict") else dict(config)
    workdir = pathlib.Path(workdir)
    with at("config.texts"):
        texts = [
            text(name, characters=config["characters"]) for name in config["texts"]
        ]
    with at("config.stages"):
        _check(config["stages"])
    made()
    left = _left(config, texts, read_rows(workdir / "rows.jsonl"))
    if not left:
        return
    with at("config.model"):
        _say(f"reads {config['model']}")
        now = begun(read(config["model"], workdir))
    yield from _stages(config, left, texts, now, workdir)


def _left(config, texts: Sequence[Text], rows) -> list[dict[str, Any]]:
    """The stages whose rows are not there; those that they go on from, unscored."""
    stages = _following(config["stages"])
    there = {tuple(row.get(key) for key in KNOWN) for row in rows}
    left, again = [], set()
    for number in reversed(range(len(stages))):
        stage = stages[number]
        follow = [s for s in stages[number + 1 :] if s["after"] == stage["stage"]]
        own = stage["stage"], _seed(stage), _seen(stage)
        known = {(*own, each.edition) for each in texts}
        made = known <= there if stage.get("scored", True) else bool(follow)
        waited = any((s["stage"], _seen(s)) in again for s in follow)
        if not made or waited:
            again.add((stage["stage"], _seen(stage)))
            left.append({**stage, "scored": False} if made else stage)
    return left[::-1]


def _following(stages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The stages, each with the one that it goes on from."""
    before = [START, *(stage["stage"] for stage in stages)]
    return [{"after": b, **s} for b, s in zip(before, stages, strict=False)]


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _seed(stage: Mapping[str, Any]) -> int:
    return stage.get("train", {}).get("seed", 0)


def _seen(stage: Mapping[str, Any]) -> int | None:
    return language_training.tokens(stage["train"]) if "train" in stage else None


def _stages(config, stages, texts, now: Now, workdir) -> Iterator[dict[str, Any]]:
    made = {START: now}
    first: dict[str, models.Pretrained] = {}
    shown = train.progress(stages=_runs(stages))
    for number, stage in enumerate(stages):
        name, before = stage["stage"], made[stage["after"]]
        _say(f"{name}: made, scored, and asked to write")
        teacher = _teacher(first, before.pretrained)
        with at(f"stage {name!r}"):
            place = Place(name, texts[0], workdir, teacher, shown)
            now = changed(before, stage, place)
        made[name] = now
        teacher = _teacher(first, now.pretrained)
        if stage.get("scored", True):
            yield from _rows(config, stage, texts, now, teacher)
        waited = {later["after"] for later in stages[number + 1 :]}
        made = {kept: one for kept, one in made.items() if kept in waited}


def _runs(stages: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The steps of each run; stages of one name are one that goes on."""
    trained = [stage for stage in stages if "train" in stage]
    return {f"{s['stage']} {_seed(s)}": s["train"]["steps"] for s in trained}


def _teacher(first: dict[str, models.Pretrained], one: models.Pretrained):
    """The first network of the same vocabulary."""
    return first.setdefault(one.tokenizer.fingerprint, one)


def _rows(config, stage, texts, now: Now, against) -> Iterator[dict[str, Any]]:
    one = now.pretrained
    place = {
        "model": config.get("name", config["model"]),
        "stage": stage["stage"],
        "seed": _seed(stage),
        "realised": now.realised,
        "bytes": now.bytes,
        "parameters": tree.count(one.frozen.params),
    }
    place |= _given(tokens=_seen(stage))
    if config.get("prompt"):
        place["writes"] = _writes(one, config)
    for each in texts:
        known = {"text": each.edition, **_given(outside=now.outside(each.test))}
        yield {**place, **known, **_figures(one, against, each, config)}


def _figures(one, against, each: Text, config) -> dict[str, Any]:
    corpus = data.tokenize(each.test, one.tokenizer, edition=each.edition)
    windows = data.windows(
        corpus, steps=config["context"], positions=one.config.max_steps
    )
    alone = against is one or not config.get("beside_first", True)
    return language.figures(
        *(one.model, one.frozen, windows),
        teacher=None if alone else (against.model, against.frozen),
        batch_size=config["batch_size"],
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _writes(one: models.Pretrained, config: Mapping[str, Any]) -> str:
    write = language.writer(one.model, one.frozen, one.tokenizer, steps=config["steps"])
    return write(config["prompt"])


def _check(stages: Any) -> None:
    names: set[str] = set()
    for stage in stages:
        does = [key for key in stage if key not in ABOUT]
        if "stage" not in stage or len(does) > 1 or set(does) - set(KEYS):
            raise ValueError(
                f"a stage has a name and one of {', '.join(KEYS)}, got {dict(stage)}"
            )
        if stage.get("after", stage["stage"]) not in names | {stage["stage"]}:
            there = ", ".join(names) or "none"
            raise ValueError(f"no stage {stage['after']!r} before; there: {there}")
        if "train" in stage:
            language_training.check(stage["train"], f"stage {stage['stage']!r}")
        names.add(stage["stage"])
