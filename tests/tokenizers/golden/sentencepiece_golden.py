"""Makes `sentencepiece.json`: pieces of two small models, and ids of texts.

`python tests/tokenizers/golden/sentencepiece_golden.py`, with the package
`sentencepiece`, which the tests do not need. It learns from the pages of docs/.
"""

import json
import pathlib
import tempfile

HERE = pathlib.Path(__file__).parent
TEXTS = [
    "Once upon a time, there was a little girl named Lily.",
    " leading, trailing ",
    "two  spaces,   three,     five\n\n\nand lines\r\n\ttabs",
    "1,024 numbers 3.14159 and 2^31",
    "naïve Ünïcode — 你好 мир 🙂👍🏽 한국어 עברית العربية e\u0301 ﬁ",
    "def f(x):\n    return x**2  # <unk> <s> </s>",
    "aaaaaaaaaaaaaaaaa banana anana nanana",
    "the temperature of the teacher and of the student",
    "",
    " ",
    "   ",
    "\n",
]
MODELS = {"prefix": True, "plain": False}


def made(prefix: bool, source: pathlib.Path, folder: str) -> dict:
    """The pieces of one model as the metadata of a GGUF file, and ids of `TEXTS`."""
    import sentencepiece

    name = str(pathlib.Path(folder) / "model")
    sentencepiece.SentencePieceTrainer.train(
        input=str(source),
        model_prefix=name,
        vocab_size=500,
        model_type="bpe",
        byte_fallback=True,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        split_digits=True,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        add_dummy_prefix=prefix,
        minloglevel=2,
    )
    model = sentencepiece.SentencePieceProcessor(model_file=f"{name}.model")
    numbers = range(model.get_piece_size())

    def kind(i: int) -> int:
        flags = (model.is_unknown(i), model.is_control(i), model.is_byte(i))
        return {0: 2, 1: 3, 2: 6}[flags.index(True)] if any(flags) else 1

    facts = {
        "model": "llama",
        "tokens": [model.id_to_piece(i) for i in numbers],
        "scores": [model.get_score(i) for i in numbers],
        "token_type": [kind(i) for i in numbers],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "unknown_token_id": 0,
        "add_space_prefix": prefix,
    }
    metadata = {f"tokenizer.ggml.{key}": value for key, value in facts.items()}
    return {"metadata": metadata, "ids": [model.encode(text) for text in TEXTS]}


def main() -> None:
    """Writes the file beside this one."""
    pages = sorted((HERE.parents[2] / "docs").glob("*.md"))
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "text"
        source.write_text("\n".join(page.read_text() for page in pages))
        models = {n: made(prefix, source, folder) for n, prefix in MODELS.items()}
    found = json.dumps({"texts": TEXTS, "models": models}, ensure_ascii=False)
    (HERE / "sentencepiece.json").write_text(found + "\n")


if __name__ == "__main__":
    main()
