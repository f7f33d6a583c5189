import pytest

from catalog.ids import HeadName
from catalog.portraits import portraits, standings
from catalog.registry import Registry


@pytest.fixture
def of_claim(make_paper, make_run):
    """Function that gives the portraits of a model that one claim is about."""

    def of_claim(**changes):
        claim = {
            "id": "named",
            "form": "heads",
            "statement": "They echo.",
            "head_type": "echo",
            "model": "invented/pond-1",
            "heads": ["L1H0", "L3H1"],
            "evidence": "primary",
        }
        run = make_run(n_heads=4)
        run = run.model_copy(update={"model": run.model.model_copy(update={"n_key_value_heads": 2})})
        paper = make_paper(claims=[claim | changes])
        return portraits(Registry({paper.id: paper}, {}, [run]), run.model)

    return of_claim


def test_tied_heads_share_the_best_rank_and_the_highest_percentile(make_run):
    run = make_run(n_layers=1, n_heads=4)
    run = run.model_copy(update={"scores": [[0.1, 0.9, 0.9, None]]})
    found = {str(one.name): (one.rank, one.percentile) for one in standings(run)}
    assert found == {"L0H0": (3, pytest.approx(100 / 3)), "L0H1": (1, 100), "L0H2": (1, 100)}


def test_runs_that_call_a_head_come_first_then_by_percentile(world):
    for found in portraits(world, world.runs[0].model).values():
        keys = [(not one.is_called, -one.percentile) for one in found.standings]
        assert keys == sorted(keys)
        assert len(keys) == 2


def test_heads_that_a_claim_names_are_mentioned_with_their_scores(of_claim):
    found = of_claim(scores=[0.5, 0.25], measure="loudness")
    mentioned = {str(name): one.mentions[0].score for name, one in found.items() if one.mentions}
    assert mentioned == {"L1H0": 0.5, "L3H1": 0.25}


def test_key_value_head_stands_for_the_query_heads_that_read_it(of_claim):
    found = of_claim(unit="key-value head")
    assert [str(name) for name, one in found.items() if one.mentions] == ["L1H0", "L1H1", "L3H2", "L3H3"]


def test_claim_on_another_model_or_on_heads_that_it_lacks_mentions_none(of_claim):
    assert not any(one.mentions for one in of_claim(model="invented/sea").values())
    found = of_claim(heads=["L9H0", "L1H9"])
    assert HeadName(9, 0) not in found
    assert not any(one.mentions for one in found.values())


def test_measure_of_other_models_is_not_mixed_in(world):
    lake = next(run.model for run in world.runs if run.model.slug == "lake-2")
    assert {one.run.model.slug for found in portraits(world, lake).values() for one in found.standings} == {"lake-2"}
