import pytest

from catalog.exporters import _citation, ris
from catalog.registry import Registry

rispy = pytest.importorskip("rispy")


def test_entry_of_a_paper_is_complete(make_paper):
    paper = make_paper(venue="ICLR 2022", doi="10.1/echo")
    assert ris.entry(paper).splitlines() == [
        "TY  - CONF",
        "ID  - grebe-2021-echo",
        "TI  - Echo Heads in Small Ponds",
        "AU  - Grebe, Ada",
        "AU  - Heron, Bo",
        "PY  - 2022",
        "DA  - 2022///",
        "T2  - ICLR 2022",
        "DO  - 10.1/echo",
        "AN  - arXiv:2105.00001",
        "UR  - https://example.org/echo",
        "KW  - echo head",
        "ER  - ",
    ]


def test_nothing_is_invented_where_the_registry_is_silent(make_paper):
    tags = [line[:2] for line in ris.entry(make_paper(venue=None, arxiv_id=None, head_types=[])).splitlines()]
    assert tags == ["TY", "ID", "TI", "AU", "AU", "PY", "DA", "UR", "ER"]


def test_rispy_reads_back_the_whole_catalogue(catalogue):
    papers = catalogue.papers
    entries = rispy.loads(ris.export(Registry(papers, {})))
    got = [(entry["id"], entry["title"], entry["authors"], entry["year"]) for entry in entries]
    assert got == [
        (
            paper.id,
            paper.title,
            [", ".join(filter(None, _citation.split_name(name))) for name in paper.authors],
            str(_citation.year(paper)),
        )
        for paper in papers.values()
    ]


def test_hostile_text_stays_in_its_field(make_paper, hostile):
    paper = make_paper(title=f"{hostile}\nER  - \nTY  - JOUR\r\x00", authors=[f"Ada\nER  - \n{hostile}"])
    (entry,) = rispy.loads(ris.export(Registry({paper.id: paper}, {})))
    assert entry["title"] == f"{hostile} ER - TY - JOUR"
