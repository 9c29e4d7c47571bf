"""Tables of one's own: which labels are read, and what is refused with its place."""

import json

import numpy as np
import pytest

from jdistill import data

WORDS = [f"mail number {i}" for i in range(60)]


def lines(path, *rows):
    path.write_text("\n".join(rows))
    return path


def objects(path, rows):
    return lines(path, *map(json.dumps, rows))


def whole(dataset, key):
    """An array of all examples, whichever part they are in."""
    return np.concatenate([part.arrays[key] for part in dataset[:3]])


def test_texts_are_prepared_as_texts_of_other_sets_are(tmp_path):
    path = lines(tmp_path / "x.csv", "label,text", *(f"{'ab'[i % 2]},{w}" for i, w
                 in enumerate(WORDS)))  # fmt: skip
    prepare = data.hashed_ngrams(num_buckets=64, max_length=4)
    made = data.csv(path, prepare=prepare)
    tokens = prepare(())
    np.testing.assert_array_equal(
        np.sort(whole(made, "inputs"), axis=0),
        np.sort(tokens.prepare(WORDS)["inputs"], axis=0),
    )
    again = made.prepare(["mail number 3"])["inputs"]
    np.testing.assert_array_equal(again, tokens.prepare(["mail number 3"])["inputs"])
    assert made.info["vocab"] == 64 and made.info["classes"] == ("a", "b")
    assert sorted(whole(made, "label").tolist()) == [0] * 30 + [1] * 30


def test_a_file_between_tabs_has_quotation_marks_and_no_names(tmp_path):
    texts = [f'"mail {i}' for i in range(40)]
    path = lines(tmp_path / "x.tsv", *(f"{t}\t{i % 2}" for i, t in enumerate(texts)))
    prepare = data.hashed_ngrams(num_buckets=64, max_length=4)
    made = data.csv(path, delimiter="\t", columns=("text", "label"), prepare=prepare)
    assert sorted(whole(made, "label").tolist()) == [0] * 20 + [1] * 20
    with pytest.raises(ValueError, match="line 1: 2 values for the 1 columns"):
        data.csv(path, delimiter="\t", columns=["text"])


def test_the_folds_of_a_file_are_disjoint_and_whole(tmp_path):
    path = lines(tmp_path / "x.csv", "x,label", *(f"{i},{i % 2}" for i in range(60)))
    made = [data.csv(path, inputs=["x"], fold=f, num_folds=3) for f in range(3)]
    tests = np.concatenate([one.test.arrays["inputs"][:, 0] for one in made])
    assert sorted(tests) == list(range(60))
    for one in made:
        assert sorted(whole(one, "inputs")[:, 0]) == list(range(60))
        np.testing.assert_array_equal(
            whole(one, "label"), whole(one, "inputs")[:, 0] % 2
        )
    assert len({one.info["fingerprint"] for one in made}) == 1


def test_files_of_parts_stay_what_they_are_and_what_they_share_is_said(tmp_path):
    train = lines(tmp_path / "a", "x,label", *(f"{i},{i % 2}" for i in range(60)))
    test = lines(tmp_path / "b", "x,label", "7,1", "900,0", "901,1")
    made = data.csv(train, test=test, inputs=["x"])
    assert made.test.arrays["inputs"][:, 0].tolist() == [7, 900, 901]
    assert made.test.arrays["label"].tolist() == [1, 0, 1]
    assert made.train.size + made.valid.size == 60 and made.valid.size > 0
    seen = 7 in made.train.arrays["inputs"]
    assert made.info["test_in_train"] == int(seen)
    own = data.csv(train, valid=test, test=test, inputs=["x"])
    assert own.train.size == 60 and own.valid.size == 3
    assert own.info["test_in_train"] == 1
    with pytest.raises(ValueError, match="no fold but 0"):
        data.csv(train, test=test, inputs=["x"], fold=1)
    with pytest.raises(ValueError, match="valid= needs test="):
        data.csv(train, valid=test, inputs=["x"])


@pytest.mark.parametrize(
    ("values", "classes", "given"),
    [
        (["10", "9", "2"], ("2", "9", "10"), None),  # numbers, by size
        (["c", "a", "b"], ("c", "b", "a"), ("c", "b", "a")),
        (["1", "0", "1"], ("no", "yes"), ("no", "yes")),  # places in the names
    ],
)
def test_classes_are_named_by_what_stands_there(tmp_path, values, classes, given):
    rows = (f"{i},{values[i % 3]}" for i in range(60))
    path = lines(tmp_path / "x.csv", "x,label", *rows)
    made = data.csv(path, inputs=["x"], classes=given)
    assert made.train.classes == classes
    at = [
        classes.index(v) if v in classes else int(v)
        for v in (values[int(x) % 3] for x in whole(made, "inputs")[:, 0])
    ]
    assert whole(made, "label").tolist() == at


def test_an_empty_label_is_none_and_terms_leave_it_out(tmp_path):
    rows = (f"{i},{['a', 'b', ''][i % 3]}" for i in range(60))
    made = data.csv(lines(tmp_path / "x.csv", "x,label", *rows), inputs=["x"])
    np.testing.assert_array_equal(
        whole(made, "label_mask"), whole(made, "inputs")[:, 0] % 3 != 2
    )
    none = data.csv(tmp_path / "x.csv", inputs=["x"], label=None)
    assert none.train.classes == () and not whole(none, "label_mask").any()


def test_shares_numbers_and_several_labels_are_floats(tmp_path):
    rows = (f"{i},{i / 60:.3f},{1 - i / 60:.3f},{'r;g' if i % 2 else 'b'}" for i in
            range(60))  # fmt: skip
    path = lines(tmp_path / "x.csv", "x,cat,dog,tags", *rows)
    shares = data.csv(path, inputs=["x"], label=["cat", "dog"])
    assert shares.train.classes == ("cat", "dog")
    first = whole(shares, "inputs")[:, :1] / 60
    np.testing.assert_allclose(
        whole(shares, "label"), np.concatenate([first, 1 - first], 1), atol=6e-4
    )
    numbers = data.csv(path, inputs=["x"], label="cat")
    assert whole(numbers, "label").dtype == np.float32
    assert numbers.train.classes == ()
    tags = data.csv(path, inputs=["x"], label="tags", separator=";")
    assert tags.train.classes == ("b", "g", "r")
    odd = whole(tags, "inputs")[:, 0] % 2 == 1
    np.testing.assert_array_equal(whole(tags, "label")[odd][0], [0, 1, 1])
    np.testing.assert_array_equal(whole(tags, "label")[~odd][0], [1, 0, 0])


def test_json_lines_say_the_same(tmp_path):
    rows = [
        {"text": word, "label": ["a", "b"][i % 2], "many": ["r", "g"][: i % 3],
         "soft": [i / 60, 1 - i / 60], "x": [[i, 1], [2, 3]], "w": i}
        for i, word in enumerate(WORDS)
    ]  # fmt: skip
    del rows[5]["label"]
    path = objects(tmp_path / "x.jsonl", rows)
    texts = data.jsonl(path, weight="w")
    assert texts.train.classes == ("a", "b")
    assert whole(texts, "label_mask").sum() == 59
    assert sorted(whole(texts, "weight").tolist()) == list(range(60))
    arrays = data.jsonl(path, inputs="x", label="many")
    assert arrays.train.take([0])["inputs"].shape == (1, 2, 2)
    assert whole(arrays, "label").sum() == sum(i % 3 for i in range(60))
    assert "label_mask" not in arrays.train.arrays  # no name is a label too
    assert data.jsonl(path, label="soft").train.classes == ("0", "1")


@pytest.mark.parametrize(
    ("rows", "how", "message"),
    [
        (["x,label", "1,a,b"], {}, r"x\.csv, line 2: 3 values for the 2 columns"),
        (["x,label", '1,"a'], {}, r"x\.csv, line 2"),
        (["x,label", "z,a"], {}, r"example 0: 'x' is 'z', which is no number"),
        (["x,label", "1,a"], {"label": "y"}, r"no column 'y'; it has label, x"),
        (["x,label"], {}, r"x\.csv has no examples"),
        (["x,label", "1,a"], {"weight": "label"}, r"'label' is 'a', which is no num"),
        (
            ["x,label", *(f"{i},a" for i in range(60))],
            {"classes": ("b", "c")},
            r"label 'a' is none of the classes \['b', 'c'\]",
        ),
        (
            ["x,w,label", *(f"{i},-1,{i % 2}" for i in range(60))],
            {"weight": "w"},
            r"train, example 0: weight -1\.0 is no finite number",
        ),
        (
            ["x,label", *(f"{i},{i % 2}" for i in range(60))],
            {"prepare": data.hashed_ngrams()},
            "prepare= is for texts",
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(tmp_path, rows, how, message):
    path = lines(tmp_path / "x.csv", *rows)
    with pytest.raises(ValueError, match=message):
        data.csv(path, **{"inputs": ["x"], **how})


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["{"], r"x\.jsonl, line 1"),
        (["[1]"], r"line 1 is no JSON object"),
        (['{"text": 3, "label": "a"}'], "'text' is 3; it must be a text or a list"),
        (['{"text": [1], "label": 1}', '{"text": [1, 2], "label": 1}'], "one shape"),
        (['{"label": "a"}'], "no column 'text'"),
    ],
)
def test_lines_that_are_no_examples_are_refused(tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        data.jsonl(lines(tmp_path / "x.jsonl", *rows))


def test_labels_of_several_kinds_are_refused(tmp_path):
    rows = [{"text": w, "label": ["a", 1][i % 2]} for i, w in enumerate(WORDS)]
    with pytest.raises(ValueError, match="several kinds: int, str"):
        data.jsonl(objects(tmp_path / "x", rows))
    rows = [{"text": w, "label": [[1, 0], [1]][i % 2]} for i, w in enumerate(WORDS)]
    with pytest.raises(ValueError, match=r"several lengths: \[1, 2\]"):
        data.jsonl(objects(tmp_path / "y", rows))
