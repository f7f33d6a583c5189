"""Answers to every form that are right in the pond of tests/fixtures, and the pond as a folder that may be changed."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from catalog.submissions.bodies import render
from catalog.submissions.forms import FREE, LOOKED, OWN_WORDS, form_named
from catalog.submissions.intake import take_in

POND = Path(__file__).parents[2] / "fixtures" / "pond"

RIGHT = {
    "add-a-paper": {
        "title": "Sonar Heads in Deep Lakes",
        "authors": "Mia Coot\nJo Rail",
        "head_types": "Echo heads, mirror head\nfar_echo",
        "link": "https://example.org/sonar",
        "arxiv_id": "arXiv:2406.01234v2",
        "venue": "LakeConf 2024",
        "models": "Lake-2; Pond-1",
        "innovation": "Names sonar heads.",
        "tasks": "Looks at two lakes.",
        "result": "Sonar takes < 5 % of the heads.",
        "claim": "Sonar heads are few.",
        "methods": ("ablation", "attention patterns"),
        "modalities": ("text",),
        "confirmation": (LOOKED, OWN_WORDS, FREE),
    },
    "correct-a-paper": {
        "paper": "grebe-2021-echo",
        "field": "venue",
        "value": "PondConf 2021",
        "source": "the proceedings",
        "confirmation": (OWN_WORDS, FREE),
    },
    "report-a-claim": {
        "paper": "2105.00010",
        "form": "heads",
        "statement": "Three further heads echo.",
        "where": "table 2",
        "head_type": "far-echo",
        "model": "invented/pond-1",
        "heads": "L0H1, l2h3\nL4H5",
        "scores": "0.5, 0.25, -1",
        "measure": "echo score",
        "evidence": "primary",
        "confirmation": (OWN_WORDS, FREE),
    },
    "request-a-probe": {
        "head_type": "Echo head",
        "model": "invented/pond-1",
        "why": "Does it echo?",
        "papers": "grebe-2021-echo\n2105.00010",
    },
}


def _make_body(form_name, **changes):
    return render(form_named(form_name), RIGHT[form_name] | changes)


@pytest.fixture
def make_body():
    """Function that makes the body of a right submission; keyword arguments change answers."""
    return _make_body


@pytest.fixture
def pond(tmp_path):
    """Folder with the data of the pond."""
    return Path(shutil.copytree(POND, tmp_path / "pond"))


@pytest.fixture
def submit(pond):
    """Function that takes a body in against the pond, on a fixed day."""

    def submit(body, **options):
        return take_in(body, data=pond, today=date(2026, 11, 22), **options)

    return submit
