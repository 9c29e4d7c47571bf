from configs import minimal as config
from experiments import minimal


def test_the_experiment_to_copy_runs_and_goes_on_from_where_it_was(tmp_path):
    rows = list(minimal.run(config.get_config("smoke"), tmp_path))
    assert [row["stage"] for row in rows] == ["teacher", "alone", "distilled"]
    assert all(0 <= row["accuracy"] <= 1 for row in rows)
    assert list(minimal.run(config.get_config("smoke"), tmp_path)) == rows
