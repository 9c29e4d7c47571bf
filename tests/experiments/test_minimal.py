from configs import minimal as config
from experiments import minimal


def test_the_experiment_to_copy_runs_and_goes_on_from_where_it_was(tmp_path):
    rows = list(minimal.run(config.get_config("smoke"), tmp_path))
    assert [row["stage"] for row in rows] == ["teacher", "alone", "distilled"]
    assert all(0 <= row["accuracy"] <= 1 for row in rows)
    again = minimal.run(config.get_config("smoke"), tmp_path)
    assert [{**row, "latency_ms": 0} for row in again] == [
        {**row, "latency_ms": 0} for row in rows
    ]
