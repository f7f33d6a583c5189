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
        ("  Ada \n Grebe\x00 ", ("Grebe", "Ada", "")),
    ],
)
def test_name_is_taken_apart(name, parts):
    assert _citation.split_name(name) == Name(*parts)


@pytest.mark.parametrize(
    ("venue", "kind", "date"),
    [
        ("TMLR 2024", Kind.ARTICLE, [2024]),
        ("ASRU 2025", Kind.CONFERENCE, [2025]),
        ("Alignment Forum 2023", Kind.WEB, [2023]),
        (None, Kind.PREPRINT, [2021, 5, 4]),
    ],
)
def test_kind_and_date_follow_the_venue(make_paper, venue, kind, date):
    paper = make_paper(venue=venue)
    assert (_citation.kind(paper), _citation.date_parts(paper)) == (kind, date)
