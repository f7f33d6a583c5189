import re

import pytest

from catalog.errors import UnknownIdError
from catalog.exporters import _citation, bibtex, load
from catalog.registry import Registry


def fields(entry):
    return dict(re.findall(r"^  (\w+) = \{(.*)\},?$", entry, flags=re.MULTILINE))


def test_unknown_exporter_names_the_nearest():
    with pytest.raises(UnknownIdError, match=r"unknown export format .*did you mean bibtex"):
        load("bibtexx")


def test_entry_of_a_conference_paper_is_complete(make_paper):
    paper = make_paper(venue="ICLR 2022")
    assert bibtex.entry(paper) == "\n".join(
        [
            "@inproceedings{grebe-2021-echo,",
            "  title = {{Echo Heads in Small Ponds}},",
            "  author = {Grebe, Ada and Heron, Bo},",
            "  year = {2022},",
            "  booktitle = {ICLR 2022},",
            "  eprint = {2105.00001},",
            "  archivePrefix = {arXiv},",
            "  url = {https://example.org/echo}",
            "}",
        ]
    )


def test_nothing_is_invented_where_the_registry_is_silent(make_paper):
    entry = bibtex.entry(make_paper(venue=None, arxiv_id=None))
    assert entry.startswith("@misc{")
    assert fields(entry).keys() == {"title", "author", "year", "url"}
    assert fields(entry)["year"] == "2021"


@pytest.mark.parametrize(
    ("venue", "kind", "field"),
    [
        ("Proceedings of the 63rd Meeting", "inproceedings", "booktitle"),
        ("BlackboxNLP 2024", "inproceedings", "booktitle"),
        ("TMLR 2024", "article", "journal"),
        ("Patterns 6(2), 2025", "article", "journal"),
        ("Transformer Circuits Thread 2021", "misc", "howpublished"),
        ("PondConf 2022", "misc", "howpublished"),
    ],
)
def test_kind_follows_what_the_venue_says(make_paper, venue, kind, field):
    entry = bibtex.entry(make_paper(venue=venue))
    assert entry.startswith(f"@{kind}{{")
    assert fields(entry)[field] == bibtex.escape(venue)


def test_latex_characters_are_escaped(make_paper):
    title = "100% of $k$ & #1_2 {x} ~ ^ \\end"
    escaped = fields(bibtex.entry(make_paper(title=title)))["title"]
    signs = r"\textasciitilde{} \textasciicircum{} \textbackslash{}end"
    assert escaped == r"{100\% of \$k\$ \& \#1\_2 \textbraceleft{}x\textbraceright{} " + signs + "}"


@pytest.mark.parametrize("brace", ["}{", "{", "}", "\\{", "{{{ \\"])
def test_braces_stay_balanced_whatever_the_text(make_paper, hostile, brace):
    text = f"{hostile} {brace} \n"
    entry = bibtex.entry(make_paper(title=text, authors=[text], venue=text, doi="10.1/}{\\"))
    depth = 0
    for character in entry:  # BibTeX counts those behind a backslash too
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert entry.count("\n  ") == len(fields(entry))


def test_name_that_bibtex_would_take_apart_is_braced(make_paper):
    paper = make_paper(authors=["Bird and Pond Society", "Ada Grebe"])
    assert fields(bibtex.entry(paper))["author"] == "{Bird and Pond Society} and Grebe, Ada"


def test_file_of_many_papers_has_one_entry_each(world):
    text = bibtex.export(world)
    assert re.findall(r"^@\w+\{(.+),$", text, flags=re.MULTILINE) == [paper.id for paper in world.papers.values()]
    assert text.endswith("}\n")


def test_bibtexparser_reads_back_every_title_author_and_year(catalogue):
    bibtexparser = pytest.importorskip("bibtexparser")
    from bibtexparser.middlewares import LatexDecodingMiddleware, MergeNameParts, SeparateCoAuthors, SplitNameParts

    decoders = [LatexDecodingMiddleware(), SeparateCoAuthors(), SplitNameParts(), MergeNameParts("first")]
    library = bibtexparser.parse_string(bibtex.export(catalogue), append_middleware=decoders)
    assert library.failed_blocks == []
    got = [(entry.key, entry["title"], entry["author"], int(entry["year"])) for entry in library.entries]
    papers = catalogue.papers.values()
    assert got == [(paper.id, paper.title, paper.authors, _citation.year(paper)) for paper in papers]


def test_pybtex_takes_names_apart_as_we_do(catalogue):
    database = pytest.importorskip("pybtex.database")
    entries = database.parse_string(bibtex.export(catalogue), "bibtex").entries
    for paper in catalogue.papers.values():
        got = [parts_of(person) for person in entries[paper.id].persons["author"]]
        assert got == [_citation.split_name(name) for name in paper.authors]


def parts_of(person):
    """Name that pybtex has read: family name with its particles, given names, suffix."""
    families, givens = person.prelast_names + person.last_names, person.first_names + person.middle_names
    return tuple(" ".join(names) for names in (families, givens, person.lineage_names))


def test_suffix_and_others_are_what_they_are_for_pybtex(make_paper):
    database = pytest.importorskip("pybtex.database")
    paper = make_paper(authors=["Bo van der Heron Jr.", "Wu", "others"])
    text = bibtex.export(Registry({paper.id: paper}, {}))
    assert fields(text)["author"] == "van der Heron, Jr., Bo and Wu and {others}"
    (entry,) = database.parse_string(text, "bibtex").entries.values()
    assert [parts_of(person) for person in entry.persons["author"]] == [
        ("van der Heron", "Bo", "Jr."),
        ("Wu", "", ""),
        ("{others}", "", ""),
    ]


@pytest.mark.parametrize("brace", ["{", "}", "}{", "\\{"])
def test_pybtex_reads_every_entry_of_a_file_with_hostile_text(make_paper, hostile, brace):
    database = pytest.importorskip("pybtex.database")
    text = f"{hostile} {brace}"
    papers = [make_paper(title=text, authors=[text], venue=text, doi=f"10.1/{brace}"), make_paper("heron-2020-old")]
    entries = database.parse_string(bibtex.export(Registry({p.id: p for p in papers}, {})), "bibtex").entries
    assert list(entries) == [paper.id for paper in papers]
    title = entries[papers[0].id].fields["title"].removeprefix("{").removesuffix("}")
    assert title == bibtex.escape(text)


def test_key_is_the_id_so_that_no_two_papers_share_it(make_paper):
    entries = [bibtex.entry(make_paper(paper_id)) for paper_id in ("de-lin-2024-x", "delin-2024-x")]
    assert [entry.partition("{")[2].partition(",")[0] for entry in entries] == ["de-lin-2024-x", "delin-2024-x"]


def test_bibtexparser_reads_back_hostile_text(make_paper, hostile):
    bibtexparser = pytest.importorskip("bibtexparser")
    from bibtexparser.middlewares import LatexDecodingMiddleware

    paper = make_paper(title=f"{hostile} }}{{ \\ 50% & ~ ^\n\x00@misc{{x,", authors=["Bird and Pond", hostile])
    text = bibtex.export(Registry({paper.id: paper}, {}))
    # pylatexenc knows the braces by their names in formulas only
    text = text.replace(r"\textbraceleft", r"\lbrace").replace(r"\textbraceright", r"\rbrace")
    library = bibtexparser.parse_string(text, append_middleware=[LatexDecodingMiddleware()])
    (entry,) = library.entries
    assert library.failed_blocks == []
    decoded = entry["title"].replace("ˆ", "^")  # pylatexenc reads the escape of ^ as the accent
    assert decoded == f"{hostile} }}{{ \\ 50% & ~ ^ @misc{{x,"
