"""The commands about circuits: what they print, and how they refuse."""

import json
import sys

import pytest

from catalog.cli import main
from probes.tiny.architectures import tiny_model
from probes.tiny.planted import planted_llama


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "planted"
    planted_llama().save_pretrained(path)
    return path


@pytest.fixture
def headatlas(monkeypatch, capsys):
    """Run the command in this process; gives exit code, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["headatlas", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def test_composition_prints_the_planted_pair_first_and_draws(headatlas, folder, tmp_path):
    picture = tmp_path / "map.svg"
    code, out, err = headatlas("probe", "composition", "--kind", "K", "--model", folder, "--output", picture)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("K-composition in planted: ")
    assert lines[3].split()[:2] == ["L0H1", "L1H2"]
    assert "written:" in err
    assert "L0H1 → L1H2" in picture.read_text(encoding="utf-8")


def test_composition_of_all_kinds_as_json(headatlas, folder):
    code, out, _ = headatlas("probe", "composition", "--model", folder, "--top", 1, "--bare", "--json")
    records = json.loads(out)
    assert code == 0
    assert [record["kind"] for record in records] == ["Q", "K", "V"]
    assert not records[1]["folded_norms"]
    (best,) = records[1]["pairs"]
    assert (best["writer"], best["reader"], best["percentile"]) == ("L0H1", "L1H2", 100)
    assert best["excess"] == pytest.approx(best["score"] - records[1]["baseline"])


def test_circuits_of_a_head_for_people_and_machines(headatlas, folder):
    code, out, _ = headatlas("probe", "circuits", "L1H2", "--model", folder, "--directions", 1)
    assert code == 0
    assert "copies what it attends to      100.0% of 64 tokens" in out
    assert "  reads    L0H1 " in out
    assert out.count("% of the circuit") == 2
    record = json.loads(headatlas("probe", "circuits", "L1H2", "--model", folder, "--json")[1])
    assert record["head"] == "L1H2"
    assert record["partners"]["K"]["reads_from"][0]["writer"] == "L0H1"
    assert record["copying"]["found"] == 1


def test_head_of_zeros_is_plain_json(headatlas, folder):
    out = headatlas("probe", "circuits", "L0H3", "--model", folder, "--json")[1]
    assert "NaN" not in out
    assert json.loads(out)["qk"][0]["share"] is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("circuits", "5.1"), "'5.1' is not a head; write layer and head from 0, like L5H1"),
        (("circuits", "L9H0"), "L9H0: planted has 2 layers of 4 heads, counted from 0"),
    ],
    ids=["no head name", "no such head"],
)
def test_head_that_is_none_is_one_line_of_error(headatlas, folder, arguments, reason):
    code, out, err = headatlas("probe", *arguments, "--model", folder)
    assert (code, out) == (2, "")
    assert err.strip().splitlines()[-1] == f"headatlas: {reason}"


def test_model_without_weights_by_head_is_refused_with_the_reason(headatlas, tmp_path):
    tiny_model("bitnet").save_pretrained(tmp_path)
    code, out, err = headatlas("probe", "composition", "--model", tmp_path)
    assert (code, out) == (1, "")
    assert "norms what the heads give before the output projection" in err
