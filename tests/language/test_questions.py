"""Questions with several answers."""

import json

import numpy as np
import pytest

from jdistill.language import Question, multiple_choice, read_questions
from jdistill.tokenizers import from_gguf
from tests.language.bigrams import bigrams, log_probs
from tests.tokenizers.made import gguf

TOKENIZER = from_gguf(gguf(add_bos_token=True))


def write(path, *lines):
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    return path


def test_the_likeliest_choice_is_the_networks(tmp_path):
    random = np.random.default_rng(3)
    words = ["the", "cat", "sat", "on", "mats;", "cats"]
    asked = [
        Question(
            " ".join(random.choice(words, size=3)),
            tuple(
                " ".join(random.choice(words, size=n)) for n in (1, 2, 5)[: 2 + i % 2]
            ),
            int(random.integers(2)),
        )
        for i in range(12)
    ]
    model, frozen = bigrams(TOKENIZER.vocab)
    best, best_by_byte = [], []
    for question in asked:
        sums = []
        for choice in question.choices:
            text = f"{question.prompt} {choice}"
            ids = [TOKENIZER.special["bos"], *TOKENIZER.encode(text).tolist()]
            known = len(TOKENIZER.encode(question.prompt))
            logs = log_probs(frozen, ids[:-1])
            sums.append(sum(logs[i, ids[i + 1]] for i in range(known, len(ids) - 1)))
        size = [len(choice.encode()) for choice in question.choices]
        best.append(np.argmax(sums) == question.answer)
        best_by_byte.append(np.argmax(np.divide(sums, size)) == question.answer)
    row = multiple_choice(model, frozen, TOKENIZER, asked, batch_size=5)
    assert row["right"].tolist() == best
    assert row["right_per_byte"].tolist() == best_by_byte
    assert best != best_by_byte and 0 < np.mean(best) < 1
    assert row["accuracy"] == pytest.approx(np.mean(best))
    assert row["accuracy_per_byte"] == pytest.approx(np.mean(best_by_byte))
    assert row["accuracy_error"] == pytest.approx(np.std(best) / np.sqrt(12))
    assert row["chance"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert (row["questions"], row["cut"]) == (12, 0)


WAYS = [
    ({"prompt": "p", "choices": ["a", "b"], "answer": 1}, 1),
    ({"prompt": "p", "choices": ["a", "b"], "answer": "1"}, 1),
    ({"prompt": "p", "choices": ["x", "y"], "answer": "B"}, 1),
    ({"prompt": "p", "choices": ["x", "y"], "answer": "y"}, 1),
    (
        {
            "prompt": "p",
            "choices": {"text": ["x", "y"], "label": ["1", "2"]},
            "answer": "1",
        },
        0,
    ),
    (
        {
            "prompt": "p",
            "choices": {"text": ["x", "y"], "label": ["A", "B"]},
            "answer": "B",
        },
        1,
    ),
]


@pytest.mark.parametrize(("line", "answer"), WAYS)
def test_an_answer_is_written_in_several_ways(line, answer, tmp_path):
    (question,) = read_questions(write(tmp_path / "a.jsonl", line))
    assert question.prompt == "p" and question.answer == answer
    assert len(question.choices) == 2


def test_the_entries_of_a_file_may_have_other_names(tmp_path):
    line = {"ctx": "A man", "endings": ["sits", "flies"], "label": "0", "ind": 4}
    path = write(tmp_path / "a.jsonl", line, line)
    found = read_questions(path, prompt="ctx", choices="endings", answer="label")
    assert found == [Question("A man", ("sits", "flies"), 0)] * 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ([1], "line 2: a question is an object, got list"),
        ({"prompt": "p"}, r"line 2: no 'choices'; there are \['prompt'\]"),
        ({**WAYS[0][0], "prompt": 3}, "line 2: 'prompt' must be a text, got 3"),
        ({**WAYS[0][0], "choices": ["a"]}, "line 2: 'choices' must be 2 texts or more"),
        ({**WAYS[0][0], "choices": ["a", ""]}, "line 2: 'choices' must be 2 texts"),
        (
            {**WAYS[0][0], "answer": 2},
            r"line 2: the answer 2 is none of \[\['0', '1'\]",
        ),
        ({**WAYS[0][0], "answer": -1}, "line 2: the answer -1 is none of"),
        ({**WAYS[0][0], "answer": True}, "line 2: the answer True is none of"),
        ({**WAYS[4][0], "answer": "B"}, r"line 2: the answer 'B' is none of \[\['1'"),
    ],
)
def test_a_line_that_is_no_question_is_named(line, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_questions(write(tmp_path / "a.jsonl", WAYS[0][0], line))


def test_a_file_without_questions_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no file at"):
        read_questions(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl").write_text("\n\n")
    with pytest.raises(ValueError, match="has no questions"):
        read_questions(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl").write_text("{")
    with pytest.raises(ValueError, match="line 1: "):
        read_questions(tmp_path / "a.jsonl")
    model, frozen = bigrams(TOKENIZER.vocab)
    with pytest.raises(ValueError, match="there are no questions"):
        multiple_choice(model, frozen, TOKENIZER, [])
