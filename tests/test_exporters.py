"""The same questions asked of every export format, on the real catalogue and on hostile texts."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from catalog import exporters
from catalog.exporters.base import Exporter
from catalog.models import HeadType, LeftOut, Paper, Summary
from catalog.registry import Registry

ROOT = Path(__file__).parents[1]
HOSTILE = (
    "=1+1 }{ \\ <script>alert(\"x\")</script> ]]> --> 'it' | # {{ 7*7 }} % & _end_ $k$\r\n\nER  - \n@misc{x,\n"
    "- [x](javascript:alert(1))\x00\x1b[31m\x0b\u2028\u202e\ufffe"
)
CONTROLS = {chr(code) for code in (*range(10), *range(11, 32), *range(127, 160), 0x2028, 0x202E, 0xFFFE)}
DIGESTS = """
import hashlib
from catalog import exporters
from catalog.registry import Registry
for path, text in exporters.site_files(Registry.load()):
    print(path, hashlib.sha256(text.encode()).hexdigest())
"""

each_format = pytest.mark.parametrize("name", exporters.names())


@pytest.fixture(scope="module")
def hostile(catalogue):
    """Two papers and a head type in which every free text is hostile."""
    summary = Summary(innovation=HOSTILE, tasks=HOSTILE, result=HOSTILE, written_by="person", reviewed_by=HOSTILE)
    changes = {"title": HOSTILE, "venue": HOSTILE, "doi": HOSTILE, "licence": HOSTILE, "summary": summary}
    changes |= {"authors": [HOSTILE, "Ada Grebe"], "models": [HOSTILE]}
    papers = [paper.model_copy(update=changes) for paper in list(catalogue.papers.values())[:2]]
    head_types = [
        head_type.model_copy(update={"name": HOSTILE, "definition": HOSTILE})
        for head_type in catalogue.head_types.values()
    ]
    return Registry(
        {paper.id: Paper.model_validate(paper.model_dump(mode="json")) for paper in papers},
        {head_type.id: HeadType.model_validate(head_type.model_dump(mode="json")) for head_type in head_types},
        catalogue.runs,
        [LeftOut(title=HOSTILE, reason=HOSTILE)],
    )


@each_format
def test_format_says_what_it_is(name):
    exporter = exporters.load(name)
    assert isinstance(exporter, Exporter)
    assert exporter.description.strip()
    assert len(exporter.description.splitlines()) == 1
    assert exporter.path in {f"downloads/{exporter.file_name}", exporter.file_name}
    assert exporter.media_type.count("/") == 1


def test_no_two_formats_share_a_file():
    paths = [exporters.load(name).path for name in exporters.names()]
    assert len({path.lower() for path in paths}) == len(paths)


@each_format
def test_export_is_a_text_file_that_ends_with_a_line_break(name, catalogue):
    text = exporters.load(name).export(catalogue)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    text.encode("utf-8")


@each_format
def test_empty_catalogue_can_be_exported(name):
    exporters.load(name).export(Registry({}, {}))


@each_format
def test_hostile_text_leaves_no_control_character(name, hostile):
    text = exporters.load(name).export(hostile).replace("\r\n", "\n")
    # JSON keeps them, written as escapes; that is its way to be lossless.
    found = CONTROLS & set(text) - ({"\u2028", "\u202e", "\ufffe", "\x7f"} if name == "json_api" else set())
    assert not found


@each_format
def test_exporting_twice_gives_the_same_bytes(name, catalogue):
    exporter = exporters.load(name)
    assert exporter.export(catalogue) == exporter.export(catalogue)


def test_exports_do_not_depend_on_hash_seed_or_time_zone(tmp_path):
    data = shutil.copytree(ROOT / "data", tmp_path / "data")

    def digests(seed, zone):
        environment = {"PYTHONHASHSEED": seed, "TZ": zone, "PYTHONUTF8": "1", "HEADATLAS_DATA": str(data)}
        done = subprocess.run(
            [sys.executable, "-c", DIGESTS], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    assert digests("0", "UTC") == digests("1", "Asia/Tokyo") != ""


def test_site_files_are_all_formats(catalogue):
    files = dict(exporters.site_files(catalogue))
    assert files.keys() == {exporters.load(name).path for name in exporters.names()}
    assert "llms.txt" in files


def test_formats_are_the_files_of_the_folder():
    assert "base" not in exporters.names()
    assert {"bibtex", "ris", "csl_json", "json_api", "csv_table", "reading_list", "llms_txt"} <= set(exporters.names())
    assert exporters.load("bibtex").file_name == "papers.bib"


def test_listing_formats_imports_none():
    code = "import sys; from catalog import exporters; exporters.names(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not [name for name in done.stdout.split() if name.startswith("catalog.exporters.")]
