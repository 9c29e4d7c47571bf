"""Data sets of the catalogue are prepared offline, or say what is missing."""

import importlib.util

import pytest
import tensorflow_datasets

from jdistill import data
from jdistill.data import _tfds

pytestmark = pytest.mark.filterwarnings("default")
NO_TENSORFLOW = importlib.util.find_spec("tensorflow") is None


def test_an_unknown_data_set_is_named(tmp_path, alone):
    with pytest.raises(ValueError, match="no data set 'mnistt'"):
        data.tfds("mnistt", data_dir=tmp_path)


def test_data_that_are_not_there_say_what_to_do(tmp_path, alone):
    message = "'mnist' is not prepared in .* cannot be reached: .* manual_dir="
    with pytest.raises(ValueError, match=message):
        data.tfds("mnist", data_dir=tmp_path)


def test_an_archive_that_is_not_the_registered_one_is_refused(tmp_path, alone):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"idx3-ubyte.gz is not .* trust_local=True"):
        data.tfds("mnist", data_dir=tmp_path / "data", manual_dir=tmp_path)


def test_the_true_hash_is_stated_only_while_preparing(tmp_path):
    builder = tensorflow_datasets.builder("mnist", data_dir=tmp_path, try_gcs=False)
    before = dict(builder.url_infos)
    url = next(iter(before))
    (tmp_path / "a.gz").write_bytes(b"four")
    archive = _tfds.Archive(url, tmp_path / "a.gz", "0" * 64, False)
    with _tfds._stated(builder, [archive]):
        stated = type(builder).url_infos[url]
        assert (stated.size, stated.checksum) == (4, "0" * 64)
        assert stated.filename == "a.gz"
    assert type(builder).url_infos == before


@pytest.mark.realdata
@pytest.mark.skipif(not NO_TENSORFLOW, reason="TensorFlow is installed")
def test_unpacking_without_tensorflow_names_the_extra(data_folder, tmp_path):
    with pytest.raises(ValueError, match=r"pip install 'jdistill\[tfds\]'"):
        data.tfds("mnist", data_dir=tmp_path)


@pytest.mark.realdata
def test_a_repacked_archive_is_refused_unless_it_is_trusted(data_folder, tmp_path):
    with pytest.raises(ValueError, match=r"pneumoniamnist\.npz is not the archive"):
        data.tfds("pneumonia_mnist", data_dir=tmp_path)
