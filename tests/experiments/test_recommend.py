import zipfile

import jax.numpy as jnp
import numpy as np
import pytest

from configs import recommenders as config
from experiments import recommend
from jdistill import losses
from jdistill.typing import Outputs
from tests.seen import seen

USERS, ITEMS = 30, 60


@pytest.fixture
def archive(tmp_path):
    """A file like MovieLens's: users, movies and stars, ids with gaps."""
    random = np.random.default_rng(0)
    lines = ["userId,movieId,rating,timestamp"]
    for user in range(USERS):
        for item in random.choice(ITEMS, 20, replace=False):
            lines.append(f"{user + 1},{10 * item + 3},4.5,{random.integers(1e9)}")
    path = tmp_path / "small.zip"
    with zipfile.ZipFile(path, "w") as archived:
        archived.writestr("small/ratings.csv", "\n".join(lines))
    return str(path)


def test_ratings_are_numbered_and_rare_items_left_out(archive):
    users, items = recommend.ratings(archive, 1)
    assert len(users) == len(items) == 20 * USERS
    assert set(users) == set(range(USERS)) and items.max() < ITEMS
    times = np.bincount(items)
    kept = recommend.ratings(archive, 10)[1]
    assert len(kept) == times[times >= 10].sum() < len(items)
    assert set(kept) == set(range(np.sum(times >= 10)))


def test_a_missing_archive_says_where_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no .*none.zip: get ml-latest-small"):
        recommend.ratings(str(tmp_path / "none.zip"), 1)


def test_parts_share_nothing_and_lose_nothing(archive):
    users, items = recommend.ratings(archive, 1)
    parts = recommend.parted(users, items, 0)
    whole = np.zeros((USERS, items.max() + 1))
    whole[users, items] = 1
    np.testing.assert_array_equal(sum(parts), whole)
    assert np.all(parts.valid.sum(1) == 2) and np.all(parts.test.sum(1) == 2)
    other = recommend.parted(users, items, 1)
    assert np.any(other.test != parts.test)


def test_a_ranking_among_unseen_items_does_not_see_the_others():
    random = np.random.default_rng(0)
    ours, theirs = (jnp.asarray(random.normal(size=(2, 8))) for _ in range(2))
    label = jnp.zeros((2, 8)).at[:, :3].set(1)
    spec = {"on": "logits", "loss": "rrd", "k": 2, "per": "example", "unseen": True}
    goal = recommend._goal({"kd": spec})

    def total(theirs):
        views = seen(Outputs(ours), Outputs(theirs))
        options = dict(aux={}, step=0, key=None)
        return goal.compute(views, {"label": label}, **options)[1]["kd"][0]

    found = total(theirs)
    hidden = jnp.where(label > 0, -jnp.inf, theirs)
    np.testing.assert_allclose(found, losses.rrd(ours, hidden, k=2).sum(), rtol=1e-6)
    alone = losses.rrd(ours[:, 3:], theirs[:, 3:], k=2)
    np.testing.assert_allclose(found, alone.sum(), rtol=1e-6)
    np.testing.assert_array_equal(total(theirs + 100 * label), found)


def test_every_method_runs_and_goes_on_from_where_it_was(archive, tmp_path):
    c = config.get_config("smoke")
    c.data.archive = archive
    every = {"alone": {}, **config.methods(k=3)}
    c.methods = {name: every[name] for name in ("alone", "rd", "de-rrd")}
    rows = list(recommend.run(c, tmp_path / "runs"))
    names = {row["stage"] for row in rows}
    assert names == {"teacher", *c.methods.keys()}
    assert all(0 <= row["ndcg"] <= 1 for row in rows if row["stage"] in names)
    assert not [row for row in rows if "accuracy" in row]
    sizes = {row["stage"]: row["bytes"] for row in rows if "bytes" in row}
    assert sizes["de-rrd"] == sizes["alone"] < sizes["teacher"]
    assert list(recommend.run(c, tmp_path / "runs")) == rows
