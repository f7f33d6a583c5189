import csv
import io

from catalog.exporters import csv_scores
from catalog.registry import Registry


def rows(registry):
    return list(csv.DictReader(io.StringIO(csv_scores.export(registry), newline="")))


def test_every_score_of_every_run_has_a_row_with_the_recorded_numbers(world):
    found = {(row["model"], row["detector"], row["head"]): row for row in rows(world)}
    assert len(found) == sum(len(list(run.heads())) for run in world.runs) == len(rows(world))
    for run in world.runs:
        for name in run.heads():
            row = found[run.model.slug, run.probe, str(name)]
            assert float(row["score"]) == run.score(name)
            assert float(row["q_value"]) == run.q_values[name.layer][name.head]
            assert (row["called"] == "yes") == run.is_called(name)


def test_rank_follows_the_score(world):
    run = world.runs[0]
    ranked = [row["head"] for row in sorted(rows(Registry({}, {}, [run])), key=lambda row: int(row["rank"]))]
    assert ranked == [str(name) for name in run.ranked()]


def test_head_without_a_score_has_no_row(make_run):
    run = make_run(n_layers=1, n_heads=3).model_copy(update={"scores": [[0.5, None, 0.25]]})
    assert [row["head"] for row in rows(Registry({}, {}, [run]))] == ["L0H0", "L0H2"]
