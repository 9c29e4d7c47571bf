"""What sentence-transformers says beside a network: how texts become vectors."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from jdistill.models.formats._hf_facts import read_json
from jdistill.models.transformers import EncoderConfig

_KINDS = ("Transformer", "Pooling", "Normalize")
_MODES = {
    "pooling_mode_cls_token": "first",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
}
_WORDS = {"cls": "first", "mean": "mean", "max": "max"}
_MOST_BYTES = 1_000_000


class Sentence(NamedTuple):
    """How a folder makes a vector of a text.

    * `pooling`, `unit`: as of `EncoderConfig`.
    * `path`: of the network inside the folder.
    """

    pooling: str = "mean"
    unit: bool = True
    path: str = ""


def read_sentence(folder: pathlib.Path) -> Sentence | None:
    """What `modules.json` says, None where there is none.

    Args:
        folder: of sentence-transformers, or of a network alone.

    Raises:
        ValueError: a module, or a way of pooling, that is not read.
    """
    path = folder / "modules.json"
    if not path.is_file():
        return None
    steps = _modules(path)
    kinds = [kind for kind, _ in steps]
    if kinds not in (list(_KINDS), list(_KINDS[:2])):
        raise ValueError(
            f"{path}: modules {kinds} are not read, only {list(_KINDS)}, the last of "
            "which may be missing"
        )
    pooling = _pooling(folder / steps[1][1] / "config.json")
    return Sentence(pooling, len(kinds) == len(_KINDS), steps[0][1])


def write_sentence(config: EncoderConfig, folder: pathlib.Path) -> None:
    """The files that sentence-transformers reads beside a network.

    Args:
        config: `pooling`, `unit`, `dim` and `max_steps`.
        folder: that holds the network.
    """
    paths = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
    kinds = _KINDS if config.unit else _KINDS[:2]
    modules = [
        {
            "idx": i,
            "name": str(i),
            "path": paths[kind],
            "type": f"sentence_transformers.models.{kind}",
        }
        for i, kind in enumerate(kinds)
    ]
    modes = {key: ours == config.pooling for key, ours in _MODES.items()}
    pooling = {"word_embedding_dimension": config.dim, **modes}
    _write(folder / "modules.json", modules)
    _write(folder / "1_Pooling" / "config.json", pooling)
    if config.unit:
        (folder / paths["Normalize"]).mkdir()
    about = {"max_seq_length": config.max_steps, "do_lower_case": False}
    _write(folder / "sentence_bert_config.json", about)


def _modules(path: pathlib.Path) -> list[tuple[str, str]]:
    """The last word of each type, and its folder."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it is larger than {_MOST_BYTES:,} bytes")
        found = json.loads(path.read_bytes())
        steps = [(str(m["type"]).rsplit(".", 1)[-1], str(m["path"])) for m in found]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{path} lists no modules: {error!r:.200}") from error
    for _, inside in steps:
        if pathlib.PurePath(inside).is_absolute() or ".." in inside:
            raise ValueError(f"{path}: {inside[:80]!r} is no folder inside")
    return steps


def _pooling(path: pathlib.Path) -> str:
    said = read_json(path)
    modes = [k for k, v in said.items() if k.startswith("pooling_mode_") and v is True]
    if not modes and isinstance(said.get("pooling_mode"), str):
        modes = [said["pooling_mode"]]
    valid = _MODES | _WORDS
    if len(modes) != 1 or modes[0] not in valid:
        raise ValueError(
            f"{path}: pooling by {modes} is not read, only one of {list(_MODES)}"
        )
    return valid[modes[0]]


def _write(path: pathlib.Path, said: Mapping[str, Any] | list[Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(said, indent=2) + "\n")
