import jax
import numpy as np
import pytest

from jdistill import data, losses, objective, train
from tests.train.examples import adam, frozen, net, split

FEW, MANY = split(size=6, seed=1), split(size=40, seed=2)


def test_every_batch_has_the_share_and_every_example_its_turn():
    both = data.mixed(FEW, MANY, share=0.25)
    order = both.order(batch_size=8, seed=3)
    rows = order.window(0, 20)
    assert both.size == 46 and rows.shape == (20, 8)
    has = rows < FEW.size
    assert np.all(has.sum(axis=1) == 2)
    assert np.all(has.reshape(20, 2, 4).sum(axis=2) == 1)  # halves have their share
    assert np.all(np.bincount(rows[has][: 6 * 6], minlength=6) == 6)
    assert len(set(rows[~has][:40])) == 40


def test_labels_of_the_second_split_are_gone_and_ids_are_apart():
    both = data.mixed(FEW, MANY, share=0.5)
    batch = both.take([0, 5, 6, 45])
    assert batch["label_mask"].tolist() == [1, 1, 0, 0]
    assert batch["id"].tolist() == [0, 5, 6, 45]
    assert batch["label"][:2].tolist() == FEW.take([0, 5])["label"].tolist()
    assert not batch["label"][2:].any()
    np.testing.assert_array_equal(batch["inputs"][2:], MANY.take([0, 39])["inputs"])
    streamed = data.mixed(FEW._replace(arrays=None), MANY, share=0.5)
    assert streamed.arrays is None
    jax.tree.map(
        np.testing.assert_array_equal, streamed.take([0, 45]), both.take([0, 45])
    )
    np.testing.assert_array_equal(both.arrays["id"], np.arange(46))


def test_a_run_learns_labels_of_the_few_and_soft_ones_of_all():
    teacher = net(widths=(9,))
    goal = objective.combine(
        ce=objective.on_labels(losses.cross_entropy), kd=objective.on_logits(losses.kl)
    )
    recipe = adam(net(), goal, teacher=teacher)
    seen = []
    train.run(
        recipe,
        data.mixed(FEW, MANY, share=0.25),
        key=jax.random.key(0),
        num_steps=4,
        batch_size=8,
        frozen=frozen(teacher),
        every={4: lambda state, means: seen.append(means)},
    )
    assert all(np.isfinite(v) for v in seen[0].values())


def test_what_does_not_mix_is_refused():
    with pytest.raises(
        ValueError, match=r"share must be above 0 and below 1, got 1\.0"
    ):
        data.mixed(FEW, MANY, share=1.0)
    with pytest.raises(ValueError, match=r"a batch of 4 at share 0\.05 has 0 labelled"):
        data.mixed(FEW, MANY, share=0.05).order(batch_size=4, seed=0)
    other = data.in_memory(
        {"inputs": np.ones((3, 9), np.float32), "label": np.array([0, 1, 2])},
        classes=("a", "b", "c"),
    )
    with pytest.raises(ValueError, match="mixed splits must be prepared alike"):
        data.mixed(FEW, other, share=0.5)


def test_a_pool_needs_no_labels_and_no_classes():
    pool = data.in_memory({"inputs": MANY.arrays["inputs"]})
    assert pool.classes == () and not pool.arrays["label_mask"].any()
    bare, old = data.mixed(FEW, pool, share=0.5), data.mixed(FEW, MANY, share=0.5)
    for key in old.arrays:
        np.testing.assert_array_equal(bare.arrays[key], old.arrays[key])
    rows = np.array([0, FEW.size, FEW.size + 3])
    for key, found in bare.take(rows).items():
        np.testing.assert_array_equal(found, bare.arrays[key][rows])


def test_labels_that_the_labelled_part_lacks_stay_lacking():
    arrays = {k: x for k, x in FEW.arrays.items() if k != "id"}
    mask = (np.arange(FEW.size) % 2).astype(np.float32)
    some = data.in_memory({**arrays, "label_mask": mask}, classes=FEW.classes)
    both = data.mixed(some, MANY, share=0.5)
    np.testing.assert_array_equal(both.arrays["label_mask"][: FEW.size], mask)
    assert not both.arrays["label_mask"][FEW.size :].any()


def test_shares_of_classes_mix_with_examples_that_have_none():
    count = len(FEW.classes)
    shares = np.eye(count, dtype=np.float32)[FEW.arrays["label"]]
    arrays = {"inputs": FEW.arrays["inputs"], "label": shares}
    soft = data.in_memory(arrays, classes=FEW.classes)
    both = data.mixed(soft, MANY, share=0.5)
    batch = both.take([0, FEW.size])
    assert batch["label"].shape == (2, count) and batch["label_mask"].tolist() == [1, 0]


@pytest.mark.parametrize("weighted", ["labelled", "unlabelled"])
def test_examples_without_a_weight_of_their_own_weigh_one(weighted):
    def split(name):
        weight = {"weight": np.full(FEW.size, 3.0, np.float32)}
        arrays = {"inputs": FEW.arrays["inputs"], "label": FEW.arrays["label"]}
        more = weight if name == weighted else {}
        return data.in_memory({**arrays, **more}, classes=FEW.classes)

    both = data.mixed(split("labelled"), split("unlabelled"), share=0.5)
    expected = [3, 1] if weighted == "labelled" else [1, 3]
    assert both.take([0, FEW.size])["weight"].tolist() == expected
    assert both.arrays["weight"][[0, FEW.size]].tolist() == expected
