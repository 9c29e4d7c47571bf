"""Texts by name."""

import pytest

from experiments.tools.texts import DATA, text


def test_the_topics_are_split_once_and_for_all():
    found = text("topics")
    assert not set(found.train) & set(found.test)
    assert 0.1 < len(found.test) / len(found.train + found.test) < 0.4
    assert "Python 3" in found.edition and text("topics") == found


@pytest.mark.parametrize("most", [1, 3000, 10**9])
def test_as_much_is_tested_as_asked(most):
    whole, cut = text("topics"), text("topics", characters=most)
    assert "".join(cut.test) == "".join(whole.test)[:most]
    assert cut.train == whole.train and all(cut.test)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["wikitext2", "shakespeare"])
def test_files_are_read(name, data_folder, monkeypatch):
    monkeypatch.setenv(DATA, str(data_folder))
    found = text(name, characters=100)
    assert len(found.test[0]) == 100 < len(found.train[0])


def test_what_is_not_there_is_named(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="text is 'topic'; valid: shakespeare, topics"):
        text("topic")
    monkeypatch.setenv(DATA, str(tmp_path))
    with pytest.raises(ValueError, match=f"set {DATA} to the folder that has raw/wiki"):
        text("wikitext2")
