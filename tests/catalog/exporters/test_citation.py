import pytest

from catalog.exporters import _citation
from catalog.exporters._citation import Kind, Name


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Ada Grebe", ("Grebe", "Ada", "")),
        ("Michael I. Jordan", ("Jordan", "Michael I.", "")),
        ("Jorge García-Carrasco", ("García-Carrasco", "Jorge", "")),
        ("Ludwig van der Pond", ("van der Pond", "Ludwig", "")),
        ("Bo Heron Jr.", ("Heron", "Bo", "Jr.")),
        ("Bo Heron III", ("Heron", "Bo", "III")),
        ("Wu", ("Wu", "", "")),
        ("Bird and Pond Society", ("Bird and Pond Society", "", "")),
        ("Heron, Bo", ("Heron, Bo", "", "")),
        ("others", ("others", "", "")),
        ("  Ada \n Grebe\x00 ", ("Grebe", "Ada", "")),
    ],
)
def test_name_is_taken_apart(name, parts):
    assert _citation.split_name(name) == Name(*parts)


@pytest.mark.parametrize(
    ("venue", "kind", "date"),
    [
        ("TMLR 2024", Kind.ARTICLE, [2024]),
        ("PNAS 2025", Kind.ARTICLE, [2025]),
        ("Proceedings of the National Academy of Sciences 2025", Kind.ARTICLE, [2025]),
        ("ASRU 2025", Kind.CONFERENCE, [2025]),
        ("Alignment Forum 2023", Kind.WEB, [2023]),
        (None, Kind.PREPRINT, [2021, 5, 4]),
    ],
)
def test_kind_and_date_follow_the_venue(make_paper, venue, kind, date):
    paper = make_paper(venue=venue)
    assert (_citation.kind(paper), _citation.date_parts(paper)) == (kind, date)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Kind.WEB, {"Alignment Forum", "LessWrong", "Transformer Circuits Thread"}),
        (Kind.ARTICLE, {"Patterns 6(2),", "PNAS", "TACL", "TMLR"}),
    ],
    ids=["web", "journal"],
)
def test_venues_of_the_catalogue_that_are_no_conference(kind, names, catalogue):
    papers = catalogue.papers.values()
    found = {paper.venue for paper in papers if _citation.kind(paper) is kind}
    assert {venue.rpartition(" ")[0] for venue in found} == names, "a new venue: see the words of _citation.py"
