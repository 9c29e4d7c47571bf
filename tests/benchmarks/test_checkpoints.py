from benchmarks import checkpoints


def test_both_sides_save_the_state_whole():
    (row,) = checkpoints.measure(mb=2, rounds=1)
    assert row["name"] == "checkpoint_save" and row["mb"] == 2
    assert row["cpu_ratio"] > 0 and set(row["cpu_s_a_gb"]) == {"ours", "theirs"}
    assert 1 <= row["disk_ratio"] < 1.3  # the other side compresses


def test_the_state_has_the_bytes_it_is_asked_for():
    assert sum(x.nbytes for x in checkpoints.state_of(2).values()) == 2_000_000
