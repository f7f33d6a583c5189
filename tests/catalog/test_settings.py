"""Settings in words."""

import pytest

from catalog.settings import differing_settings, setting_in_words


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("n_layers", 2, "2 layers"),
        ("n_layers", 1, "1 layer"),
        ("n_warmup", 1, "1 warmup"),
        ("has_norms", False, "has norms: no"),
        ("is_deep", True, "is deep: yes"),
        ("depth", 3, "depth 3"),
        ("targets", "every link", "targets every link"),
        ("model", None, "model None"),
    ],
    ids=str,
)
def test_setting_is_said_in_words(name, value, words):
    assert setting_in_words(name, value) == words


def test_records_are_told_apart_by_the_settings_in_which_they_differ(make_experiment):
    runs = [make_experiment(settings={"depth": depth, "n_heads": 2, "shape": "round"}) for depth in (1, 2)]
    assert [differing_settings(run, runs) for run in runs] == ["depth 1", "depth 2"]
    assert differing_settings(runs[0], runs[:1]) == differing_settings(runs[0], []) == ""
