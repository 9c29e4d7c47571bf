"""How damaged files of others fare: `python -m tests.reliability.foreign [SHARE]`.

GGUF, folders of safetensors, llama2.c, tokenizers and arrays of one's own, each damaged
blindly, in the numbers of its header, or in its JSON. Prints a row of JSON; a number
takes a share of the cases.
"""

import json
import pathlib
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from jdistill import data, models, tokenizers
from tests.reliability import artifacts, damage
from tests.reliability.tally import Outcome, main, tally

FORMATS = pathlib.Path(__file__).parents[1] / "models" / "formats"
CASES = 6000
PARTS = ("train", "valid", "test", "example")
"""What names the part of a data set, which was given a file by that name."""
COUNTS = (0, 1, 7, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**64 - 1)
Random = np.random.Generator


class Kind(NamedTuple):
    """A whole file, what of its folder is damaged, and what reads it."""

    name: str
    make: Callable[[pathlib.Path], pathlib.Path]
    read: Callable[[pathlib.Path], Any]
    damage: Callable[[Random, bytes], bytes]


def numbers(rng: Random, whole: bytes) -> bytes:
    """A number near the beginning becomes another."""
    found = bytearray(whole)
    for _ in range(rng.integers(1, 3)):
        width = int(rng.choice([4, 8]))
        value = COUNTS[rng.integers(len(COUNTS))] % 2 ** (8 * width)
        at = int(rng.integers(0, max(1, min(len(found) - width, 2000))))
        found[at : at + width] = value.to_bytes(width, "little")
    return bytes(found)


def blind(rng: Random, whole: bytes) -> bytes:
    """Bits, ends and parts, mostly of the first bytes."""
    way = damage.BLIND[rng.integers(len(damage.BLIND) - 1)]
    if rng.random() < 0.5 or len(whole) < 600:
        return way(rng, whole)
    return way(rng, whole[:600]) + whole[600:]


def binary(rng: Random, whole: bytes) -> bytes:
    return (numbers if rng.random() < 0.5 else blind)(rng, whole)


def of_json(rng: Random, whole: bytes) -> bytes:
    """A part of an object becomes another, or is gone."""
    if rng.random() < 0.15:
        return blind(rng, whole)
    root = json.loads(whole)
    for _ in range(rng.integers(1, 3)):
        _changed(rng, root)
    return json.dumps(root).encode()


def _changed(rng: Random, root: Any) -> None:
    place = root
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        if not len(keys):
            return
        key = keys[int(rng.integers(len(keys)))]
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.3:
            break
        place = inner
    if rng.random() < 0.15:
        del place[key]
    else:
        place[key] = damage.value(rng)


def of_header(rng: Random, whole: bytes) -> bytes:
    """The JSON at the head of a safetensors file."""
    if rng.random() < 0.3:
        return binary(rng, whole)
    size = int.from_bytes(whole[:8], "little")
    text = of_json(rng, whole[8 : 8 + size])
    return len(text).to_bytes(8, "little") + text + whole[8 + size :]


def _copied(source: pathlib.Path) -> Callable[[pathlib.Path], pathlib.Path]:
    """A folder with one file or several, of which the one that is damaged."""

    def make(folder: pathlib.Path) -> pathlib.Path:
        shutil.copytree(source.parent, folder, dirs_exist_ok=True)
        return folder / source.name

    return make


def _alone(source: pathlib.Path) -> Callable[[pathlib.Path], pathlib.Path]:
    def make(folder: pathlib.Path) -> pathlib.Path:
        return pathlib.Path(shutil.copy(source, folder))

    return make


def _written(name: str, content: bytes) -> Callable[[pathlib.Path], pathlib.Path]:
    def make(folder: pathlib.Path) -> pathlib.Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def _llama2c(folder: pathlib.Path) -> pathlib.Path:
    sizes = 4, 8, 1, 2, 1, 9, 16
    floats = 9 * 4 + 4 + 16 + 2 * 8 + 16 + 4 + 3 * 32 + 4 + 2 * 16
    path = folder / "model.bin"
    path.write_bytes(struct.pack("<7i", *sizes) + np.ones(floats, "f4").tobytes())
    return path


def _vocabulary(folder: pathlib.Path) -> pathlib.Path:
    tokens = [b"<unk>", b"<s>", b"</s>", *[b"<0x%02X>" % i for i in range(256)]]
    tokens += [b" a", b"b", b" ab"]
    parts = [struct.pack("<fi", -i, len(t)) + t for i, t in enumerate(tokens)]
    path = folder / "tokenizer.bin"
    path.write_bytes(struct.pack("<i", 7) + b"".join(parts))
    return path


def _npz(folder: pathlib.Path) -> pathlib.Path:
    points = np.random.default_rng(0).normal(size=(60, 2)).astype("f4")
    np.savez(folder / "a.npz", inputs=points, label=np.arange(60) % 3)
    return folder / "a.npz"


WORDS = {
    "version": "1.0",
    "added_tokens": [
        {"id": 3, "content": "<s>", "special": True, "normalized": False,
         "single_word": False, "lstrip": False, "rstrip": False}
    ],
    "normalizer": {"type": "Sequence", "normalizers": [
        {"type": "NFKC"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "_"}]},
    "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "_+"},
                      "behavior": "Isolated", "invert": False},
    "post_processor": {"type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                   {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                 {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]}}},
    "decoder": {"type": "Replace", "pattern": {"String": "_"}, "content": " "},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "?": 4},
              "merges": [["a", "b"]], "unk_token": "?"},
}  # fmt: skip
CSV = b"text,label\n" + b"".join(b"word %d,%d\n" % (i, i % 2) for i in range(40))
JSONL = b"".join(
    b'{"text": "word %d", "label": "%d"}\n' % (i, i % 2) for i in range(40)
)
IMAGES = struct.pack(">4I", 0x803, 40, 2, 1) + bytes(range(80))


def kinds() -> list[Kind]:
    """Every kind of file that is read."""
    folder = FORMATS / "goldens" / "llama"
    encoder = FORMATS / "encoders" / "bert_sentence"
    pair = FORMATS / "encoder_decoders" / "t5"
    spelt = json.dumps(WORDS).encode()
    gguf = FORMATS / "gguf"
    in_folder = lambda path: models.from_hf(path.parent)  # noqa: E731
    return [
        Kind("gguf", _alone(gguf / "mistral.gguf"), models.from_gguf, binary),
        Kind("gguf of 8 bits", _alone(gguf / "llama_q8.gguf"), models.from_gguf,
             binary),
        Kind("llama2.c", _llama2c, models.from_llama2c, binary),
        Kind("config.json", _copied(folder / "config.json"), in_folder, of_json),
        Kind("safetensors", _copied(folder / "model.safetensors"), in_folder,
             of_header),
        Kind("config.json of an encoder", _copied(encoder / "config.json"),
             in_folder, of_json),
        Kind("modules.json", _copied(encoder / "modules.json"), in_folder, of_json),
        Kind("config.json of T5", _copied(pair / "config.json"), in_folder, of_json),
        Kind("tokenizer.json", _written("tokenizer.json", spelt), _used_tokenizer,
             of_json),
        Kind("tokenizer.bin", _vocabulary, tokenizers.from_llama2c, binary),
        Kind("npz", _npz, _used(data.npz), binary),
        Kind("idx", _written("images", IMAGES), _used(data.idx), binary),
        Kind("csv", _written("a.csv", CSV), _used(data.csv), blind),
        Kind("jsonl", _written("a.jsonl", JSONL), _used(data.jsonl), blind),
    ]  # fmt: skip


def _used(read: Callable[..., Any]) -> Callable[[pathlib.Path], Any]:
    return lambda path: read(path).train.take(np.arange(2))


def _used_tokenizer(path: pathlib.Path) -> Any:
    tokenizer = tokenizers.from_hf(path)
    ids = tokenizer.encode_many(["a word", "ab <s>"])
    tokenizer.frame("ab", "a")
    return tokenizer.decode(ids[0]), tokenizers.describe(tokenizer)


def outcome(kind: Kind, number: int, folder: pathlib.Path) -> Outcome:
    """How a damaged file was read: 'right', or what is wrong."""
    rng = np.random.default_rng([number, len(kind.name)])
    place = kind.make(folder)
    whole = place.read_bytes()
    place.write_bytes(kind.damage(rng, whole))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    before = artifacts._memory("VmRSS", fresh=True)
    start, said, how = time.process_time(), "", "right"
    try:
        kind.read(place)
    except (ValueError, TypeError, UnicodeError) as error:
        said = str(error)
        named = str(folder) in said or said.startswith(PARTS)
        how = "right" if named and "\n" not in said else "lines"
        how = how if type(error) is ValueError else "other"
        said = f"{type(error).__name__}: {said}"
    except BaseException as error:  # a panic of the tokenizers is no Exception
        how, said = "other", f"{type(error).__name__}: {str(error)[:200]}"
    beyond = artifacts._memory("VmHWM") - before - size
    if how == "right" and beyond > artifacts.MOST_BYTES:
        how = "memory"
    if how == "right" and time.process_time() - start > artifacts.MOST_SECONDS:
        how = "time"
    return how, f"{kind.name} {number}", said


def run(share: int = 1) -> tuple[dict[str, Any], list[Outcome]]:
    """The row of every `share`-th case, and the cases that ended otherwise."""
    found = tally(_outcomes(share))
    counts = found.counts
    row = {
        "harness": "damaged files of others",
        "tried": counts.total(),
        "other exceptions": counts["other"],
        "not one line with the file's name": counts["lines"],
        "above 64 MB": counts["memory"],
        "above 2 s": counts["time"],
        "seconds": found.seconds,
    }
    return row, found.wrong


def _outcomes(share: int) -> Iterator[Outcome]:
    every = kinds()
    for number in range(0, CASES, share):
        kind = every[number // share % len(every)]
        with tempfile.TemporaryDirectory() as folder:
            yield outcome(kind, number, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main(run))
