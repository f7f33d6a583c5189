"""Who imports whom, asked in fresh interpreters and read from the sources."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "numpy", "numba", "scipy", "pandas", "transformers", "jaxtyping", "beartype", "mkdocs", "jinja2"}
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from catalog.cli import main; main()"
"""The command where torch cannot be imported, as if it were not installed."""


def python(*arguments):
    environment = {name: value for name, value in os.environ.items() if name != "HEADATLAS_DATA"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        env=environment | {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONUTF8": "1"},
        timeout=60,
        check=False,
    )


def imported_by(statement):
    """Top-level packages that a statement brings into a fresh interpreter."""
    done = python("-c", f"{statement}\nimport json, sys; print(json.dumps(sorted(sys.modules)))")
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


ORDER = [
    {"shapes", "errors", "standard", "options", "peak_memory"},
    {"devices"},
    {"masks", "inputs", "spans", "statistics", "weights", "cuda_kernels"},
    {"scoring", "scratch", "cpu_kernels"},
    {"map_rows", "pairs"},
    {"blocks"},
    {"kernels"},
    {"calls"},
    {"attention", "mapped_calls", "readouts"},
    {"module_hooks"},
    {"adapters"},
    {"pieces", "single_tokens", "teacher_forcing"},
    {"recipes", "forward", "circuits", "interventions", "choices", "needle_hits"},
    {"detectors", "indirect_object"},
    {"measure", "provenance"},
    {"effects", "relations"},
    {"ablation"},
    {"comparison", "roles"},
    {"scores", "finished"},
    {"session"},
    {"service"},
    {"claimed_effects", "workers"},
    {"sweep"},
    {"experiments"},
    {"experiment_sweep"},
    {"cli", "experiment_cli", "pages"},
]
"""Parts of the probes; none imports a part of a later line while it is itself imported."""


def sources(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def imports_in(path, *, at_the_top=False):
    """Modules that a file imports anywhere, or only while it is itself imported."""
    waiting = [ast.parse(path.read_text(encoding="utf-8"))]
    found = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif at_the_top and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        elif at_the_top and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
    return found


def packages(modules):
    return {module.partition(".")[0] for module in modules}


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize(
    "statement",
    [
        "import catalog; [getattr(catalog, name) for name in catalog.__all__]",
        "import catalog.registry; catalog.registry.Registry.load()",
        "import catalog.cli",
        "import catalog.site, catalog.pictures.head_map",
    ],
)
def test_catalog_imports_nothing_heavy_and_no_probes(statement):
    assert not imported_by(statement) & (HEAVY | {"probes"})


@pytest.mark.parametrize(
    "statement",
    ["import probes", "import probes.cli", "import probes.errors", "from probes import detectors; detectors.names()"],
)
def test_listing_probes_imports_nothing_heavy(statement):
    assert not imported_by(statement) & HEAVY


@pytest.mark.parametrize("path", sources("catalog"), ids=name_of)
def test_source_of_the_catalogue_names_no_probe_and_no_heavy_package(path):
    assert not packages(imports_in(path)) & {"probes", "torch", "transformers", "jaxtyping", "mkdocs"}


@pytest.mark.parametrize("path", sources("probes"), ids=name_of)
def test_source_of_the_probes_names_nothing_of_the_site(path):
    modules = imports_in(path)
    assert not packages(modules) & {"mkdocs", "jinja2"}
    assert not [name for name in modules if name.startswith(("catalog.site", "catalog.exporters", "catalog.cli"))]


@pytest.mark.parametrize(
    "path", [path for path in sources("probes") if path.name in {"__init__.py", "cli.py", "commands.py"}], ids=name_of
)
def test_package_and_command_files_import_torch_only_inside_functions(path):
    assert not packages(imports_in(path, at_the_top=True)) & HEAVY


def part_of_the_probes(path):
    return path.relative_to(ROOT / "probes").with_suffix("").parts[0]


def test_every_part_of_the_probes_has_its_place():
    parts = {part_of_the_probes(path) for path in sources("probes")}
    assert parts - {"__init__", "tiny"} == set().union(*ORDER)  # tiny: its models are loaded, its tasks use recipes


@pytest.mark.parametrize("number", range(len(ORDER)))
def test_no_part_of_the_probes_imports_a_later_one(number):
    later = set().union(*ORDER[number + 1 :])
    for path in sources("probes"):
        if part_of_the_probes(path) in ORDER[number]:
            modules = {name.split(".")[1] for name in imports_in(path, at_the_top=True) if name.startswith("probes.")}
            assert not modules & later, path


@pytest.mark.parametrize("path", sources("probes/detectors"), ids=name_of)
def test_detector_imports_no_other_detector_and_no_transformers(path):
    modules = imports_in(path)
    others = {name for name in modules if name.startswith("probes.detectors.")}
    assert {name.split(".")[2] for name in others} <= {"base"}
    assert "transformers" not in packages(modules)


def test_scan_finds_an_import_wherever_it_hides(tmp_path):
    path = tmp_path / "sample.py"
    path.write_text(
        "import a.b\nif TYPE_CHECKING:\n    from c import d\ntry:\n    import e\nexcept ImportError:\n    import f\n"
        "class G:\n    import h\ndef i():\n    from j.k import l\n"
    )
    assert packages(imports_in(path)) == {"a", "c", "e", "f", "h", "j"}
    assert packages(imports_in(path, at_the_top=True)) == {"a", "e", "f", "h"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["--help"], "probe"), (["probe", "--help"], "describe"), (["probe", "list"], "induction")],
    ids=["help", "probe-help", "probe-list"],
)
def test_help_and_list_answer_without_torch(arguments, expected):
    done = python("-c", WITHOUT_TORCH, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert expected in done.stdout


def test_list_without_torch_names_every_detector_file():
    done = python("-c", WITHOUT_TORCH, "probe", "list", "--json")
    files = {path.stem for path in sources("probes/detectors")} - {"__init__", "base"}
    lines = json.loads(done.stdout)
    assert lines.keys() == files
    assert all(lines.values())


def test_run_without_torch_names_the_extra_to_install(tmp_path):
    done = python("-c", WITHOUT_TORCH, "probe", "run", "induction", "--output", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "headatlas: torch is not installed; run: pip install 'headatlas[probes]'\n"
    assert not list(tmp_path.iterdir())


def test_site_folder_holds_no_python():
    assert (ROOT / "site").is_dir()
    assert not sources("site")


def test_tests_are_no_packages_that_could_hide_the_real_ones():
    assert not list((ROOT / "tests").rglob("__init__.py"))
