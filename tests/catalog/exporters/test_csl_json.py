import json
import re
from pathlib import Path

import pytest

from catalog.exporters import _citation, csl_json

citeproc = pytest.importorskip("citeproc")
DATA = Path(citeproc.__file__).parent / "data"


@pytest.fixture(scope="module")
def items(catalogue):
    return json.loads(csl_json.export(catalogue))


def words_of_the_schema(file):
    return set(re.findall(r'"([A-Za-z_-]+)"', (DATA / "schema/schemas/styles" / file).read_text(encoding="utf-8")))


def test_types_and_fields_are_those_of_the_csl_schema(items):
    assert {item["type"] for item in items} <= words_of_the_schema("csl-types.rnc")
    assert {field for item in items for field in item} - {"id", "type"} <= words_of_the_schema("csl-variables.rnc")


def test_names_and_dates_have_the_parts_that_csl_allows(items):
    for item in items:
        assert all(set(name) in ({"family", "given"}, {"literal"}) for name in item["author"])
        ((*parts,),) = item["issued"]["date-parts"]
        assert 1 <= len(parts) <= 3
        assert all(type(part) is int for part in parts)


def test_items_say_what_the_catalogue_says(items, catalogue):
    for item, paper in zip(items, catalogue.papers.values(), strict=True):
        assert (item["id"], item["title"]) == (paper.id, paper.title)
        assert [name.get("literal") or f"{name['given']} {name['family']}" for name in item["author"]] == paper.authors
        assert item["issued"]["date-parts"][0][0] == _citation.year(paper)


def test_citation_processor_prints_every_paper(items):
    from citeproc.source.json import CiteProcJSON

    style = citeproc.CitationStylesStyle(str(DATA / "styles/harvard-cite-them-right.csl"), validate=True)
    bibliography = citeproc.CitationStylesBibliography(style, CiteProcJSON(items), citeproc.formatter.plain)
    for item in items:
        bibliography.register(citeproc.Citation([citeproc.CitationItem(item["id"])]))
    printed = [str(line) for line in bibliography.bibliography()]
    assert len(printed) == len(items)
    assert any(line.startswith("Olsson, C. et al. (2022) In-context Learning and Induction Heads") for line in printed)


def test_group_is_a_literal_name_and_silence_stays_silent(make_paper):
    item = csl_json.item(make_paper(authors=["Bird and Pond Society"], venue=None, arxiv_id=None, head_types=[]))
    assert item == {
        "id": "grebe-2021-echo",
        "type": "article",
        "title": "Echo Heads in Small Ponds",
        "author": [{"literal": "Bird and Pond Society"}],
        "issued": {"date-parts": [[2021, 5, 4]]},
        "URL": "https://example.org/echo",
    }
