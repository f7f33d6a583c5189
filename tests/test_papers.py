"""The real data files: one test case per paper and per head type."""

import re
from pathlib import Path

import pytest

from catalog.documents import read_document
from catalog.errors import Severity
from catalog.models import HeadType, Paper
from catalog.registry import Registry
from catalog.vocabulary import DateBasis
from probes import detectors

DATA = Path(__file__).parents[1] / "data"
LONGEST_SENTENCE = 45
"""Words; longer ones are hard to read on a phone."""


def entries(file):
    """Every entry of a data file as a test case named by its id, even if the entry is wrong."""
    document = read_document(DATA / file)
    return [pytest.param(entry, id=str(entry.get("id"))) for _, entry in document.entries()]


def values(cases, field):
    return [case.values[0][field] for case in cases]


PAPERS = entries("papers.yaml")
HEAD_TYPES = entries("head_types.yaml")

each_paper = pytest.mark.parametrize("entry", PAPERS)
each_head_type = pytest.mark.parametrize("entry", HEAD_TYPES)


def long_sentences(texts):
    sentences = [sentence for text in texts for sentence in re.split(r"(?<=[.!?])\s+", text)]
    return [sentence for sentence in sentences if len(sentence.split()) > LONGEST_SENTENCE]


def test_data_files_are_valid_as_a_whole():
    registry, problems = Registry.inspect(DATA)
    assert [problem for problem in problems if problem.code.severity is Severity.ERROR] == []
    assert list(registry.papers) == values(PAPERS, "id") != []
    assert list(registry.head_types) == values(HEAD_TYPES, "id") != []


@each_paper
def test_paper_is_a_valid_record_that_survives_its_json(entry):
    paper = Paper.model_validate(entry)
    assert Paper.model_validate_json(paper.model_dump_json(exclude_none=True)) == paper


@each_paper
def test_paper_id_carries_the_year_of_the_paper(entry):
    paper = Paper.model_validate(entry)
    assert f"-{paper.year}-" in paper.id


@each_paper
def test_date_that_comes_from_arxiv_has_its_id_beside_it(entry):
    if entry["date_basis"] in {DateBasis.ARXIV_ID, DateBasis.SUBMISSION}:
        assert entry["arxiv_id"]
    if entry["date_basis"] == DateBasis.ARXIV_ID:
        assert len(entry["date"]) == len("YYYY-MM"), "an arXiv id tells no day"


@each_paper
def test_sentences_of_a_paper_are_short(entry):
    texts = [entry["summary"][field] for field in ("innovation", "tasks", "result")]
    texts += [claim[field] for claim in entry["claims"] for field in ("statement", "reason") if field in claim]
    assert not long_sentences(texts)


@each_paper
def test_head_types_of_a_paper_are_defined_and_include_those_of_its_claims(entry):
    defined = {case.values[0]["id"] for case in HEAD_TYPES if case.values[0].get("definition")}
    claimed = {claim["head_type"] for claim in entry["claims"] if "head_type" in claim}
    assert claimed <= set(entry.get("head_types", [])) <= defined


@each_head_type
def test_head_type_is_a_valid_record_in_short_sentences(entry):
    assert not long_sentences([HeadType.model_validate(entry).definition])


@each_head_type
def test_detectors_of_a_head_type_exist(entry):
    assert set(entry.get("detectors", [])) <= set(detectors.names())


@pytest.mark.parametrize("detector", detectors.names())
def test_detector_is_listed_by_one_head_type(detector):
    owners = [case.values[0]["id"] for case in HEAD_TYPES if detector in case.values[0].get("detectors", [])]
    assert len(owners) == 1
