import json

from benchmarks import files


def test_every_figure_is_a_ratio_of_one_run(capsys, tmp_path):
    out = tmp_path / "rows.jsonl"
    assert (
        files.main(["--mb", "1", "--tensors", "3", "--rounds", "1", "--out", str(out)])
        == 0
    )
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["name"] for row in rows] == [
        "file_read", "file_write", "file_read_memory"
    ]  # fmt: skip
    assert all(row["tensors"] == 3 and row["mb"] == 1 for row in rows)
    assert rows[0]["ratio"] > 0


def test_the_arrays_have_the_bytes_they_are_asked_for():
    found = files.leaves(2, 4)
    assert sum(x.nbytes for x in found.values()) == 2_000_000
