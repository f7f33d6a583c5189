from datetime import date

import pytest

from catalog.arxiv.drift import find_drift
from catalog.arxiv.records import ArxivRecord


def record_of(paper, **changes):
    values = {
        "arxiv_id": paper.arxiv_id,
        "version": 1,
        "title": paper.title,
        "authors": paper.authors,
        "submitted": date(2021, 5, 4),
        "updated": date(2024, 2, 4),
        "comment": None,
        "journal_ref": None,
        "doi": None,
    }
    return ArxivRecord(**(values | changes))


@pytest.mark.parametrize(
    ("ours", "changes"),
    [
        ({}, {}),
        ({}, {"title": "ECHO HEADS in small ponds."}),
        ({"title": "BERT’s “Echo”"}, {"title": "BERT's ``Echo''"}),
        ({"authors": ["Ekin Akyürek", "B. Heron"]}, {"authors": ["Ekin Akyurek", "B Heron"]}),
        ({"venue": "PondConf 2022"}, {"journal_ref": "Proceedings of PondConf"}),
        ({"doi": "10.1/Pond"}, {"doi": "10.1/pond"}),
        ({}, {"comment": "12 pages"}),
        ({"added": "2024-02-03"}, {"version": 2, "updated": date(2024, 2, 3)}),
    ],
    ids=["same", "capitals", "quotes", "accents", "venue-known", "doi-capitals", "comment", "version-known"],
)
def test_spelling_is_no_drift(make_paper, ours, changes):
    paper = make_paper(**ours)
    assert list(find_drift(paper, record_of(paper, **changes))) == []


@pytest.mark.parametrize(
    ("ours", "changes", "what"),
    [
        ({}, {"title": "Echo Heads in Large Ponds"}, "title"),
        ({}, {"authors": ["Bo Heron", "Ada Grebe"]}, "authors"),
        ({"added": "2024-02-03"}, {"version": 2, "updated": date(2024, 2, 4)}, "version"),
        ({}, {"comment": "withdrawn: an error in lemma 2"}, "withdrawn"),
        ({"venue": None}, {"journal_ref": "PondConf 2022"}, "journal reference"),
        ({"doi": "10.1/pond"}, {"doi": "10.2/pond"}, "DOI"),
    ],
    ids=["title", "order-of-authors", "version", "withdrawn", "journal-reference", "doi"],
)
def test_change_is_drift(make_paper, ours, changes, what):
    paper = make_paper(**ours)
    assert [drift.what for drift in find_drift(paper, record_of(paper, **changes))] == [what]
