import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jdistill import projections
from tests.projections.members import arrays

KEY = jax.random.key(0)


def passing(channels):
    """Parameters whose convolutions give positive maps back as they are."""
    kernel = np.zeros((3, 3, channels, channels), np.float32)
    kernel[1, 1] = np.eye(channels)
    layer = {"kernel": jnp.asarray(kernel), "bias": jnp.zeros(channels)}
    return {"enter": layer, "leave": layer}


@pytest.mark.parametrize("per", ["position", "channel"])
@pytest.mark.parametrize("mask_ratio", [0.0, 0.3, 0.65])
def test_the_ratio_of_positions_or_channels_is_masked(per, mask_ratio):
    ones = np.ones((40, 8, 9, 30), np.float32)
    projection = projections.generation(mask_ratio=mask_ratio, per=per)
    found = np.asarray(projection.apply(passing(30), ones, ones, key=KEY))
    assert set(np.unique(found)) <= {0.0, 1.0}
    assert 1 - found.mean() == pytest.approx(mask_ratio, abs=0.03)
    axes = (1, 2) if per == "channel" else 3
    assert np.array_equal(found.max(axes), found.min(axes))
    if mask_ratio:
        assert not np.array_equal(found[0], found[1])


def test_without_a_key_nothing_is_masked():
    ones = np.ones((2, 4, 4, 3), np.float32)
    projection = projections.generation()
    assert np.array_equal(projection.apply(passing(3), ones, ones), ones)


def test_widths_are_aligned_only_where_they_differ():
    wide, same = (
        jax.eval_shape(projections.generation().init, KEY, arrays((4, 4, 3)), like)
        for like in (arrays((4, 4, 5)), arrays((4, 4, 3)))
    )
    assert wide["align"]["kernel"].shape == (3, 5) and "align" not in same


def test_what_it_does_not_take_is_named():
    with pytest.raises(ValueError, match="mask_ratio must be from 0 to below 1, got 1"):
        projections.generation(mask_ratio=1.0)
    with pytest.raises(
        ValueError, match="per must be one of 'position', 'channel', got"
    ):
        projections.generation(per="x")
    with pytest.raises(ValueError, match=r"from \(4, 2, 2, 3\) to \(4, 4, 4, 3\): hei"):
        projections.generation().init(KEY, arrays((2, 2, 3)), arrays((4, 4, 3)))
