import jax
import numpy as np

from benchmarks import kd_step, sweep
from jdistill import train


def test_both_sides_train_the_same_students():
    arrays = kd_step.examples(256)
    frozen = kd_step.teacher_of({"inputs": arrays["inputs"][:1]})
    how = {"key": jax.random.key(0), "num_steps": 2, "frozen": frozen}
    split = kd_step.split_of(arrays)
    (lanes,) = [train.run(one, split, **how) for one in sweep.together()]
    last = train.run(sweep.apart()[-1], split, **how)
    jax.tree.map(
        # two steps of Adam move each weight by up to 2e-3
        lambda a, b: np.testing.assert_allclose(a, b, atol=5e-5),
        train.lane(lanes, 3).params,
        last.params,
    )
