"""Composition on the demo model: heads that are known from how they attend compose by their weights."""

from statistics import median

from catalog.files import runs_folder
from catalog.runs import read_run
from probes.circuits.composition import composition


def called(demo, detector):
    return read_run(runs_folder() / demo.record.slug / f"{detector}.json").called()


def test_previous_token_heads_compose_with_induction_heads_through_keys(demo):
    found = composition(demo, "K")
    pairs = [
        (writer, reader)
        for writer in called(demo, "previous_token")
        for reader in called(demo, "induction")
        if writer.layer < reader.layer
    ]
    assert len(pairs) >= 20
    assert median(found.percentile(*pair) for pair in pairs) > 80
    assert all(found.percentile(*pair) > 50 for pair in pairs)
