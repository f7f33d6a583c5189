"""Pages of the site: Markdown and a little HTML, written from the registry before any site builder runs.

What papers, people and runs say is text, never markup: every value that a template prints is escaped for Markdown and
HTML at once, unless Python marked it as finished markup.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from catalog import exporters
from catalog.claims import Check, Verdict, detectors_for, ledger, overall
from catalog.effects import EffectRun
from catalog.errors import SiteBuildError
from catalog.experiment_claims import claimed_range
from catalog.exporters import bibtex
from catalog.files import project_folder, write_text
from catalog.head_map import draw_head_map, number
from catalog.ids import HeadName
from catalog.models import BaseClaim, EffectClaim, ExperimentClaim, HeadsClaim, Paper, ShareClaim, UntestableClaim
from catalog.registry import Registry
from catalog.related import related
from catalog.runs import MeasuredModel, ProbeRun
from catalog.texts import SPACE, authorship

if TYPE_CHECKING:
    from jinja2 import Environment

MANIFEST = ".headatlas-pages.json"
"""Lists the files that the last run wrote, so that only those are ever removed. Site builders pass over dot files."""

N_TOP = 10
N_TOP_UNCALLED = 5
N_CLAIMS_OPEN = 8
"""Claims about named heads that a page shows one by one; more of them are folded up by head type and model."""

_MARKUP = re.compile(r"[!-+<-@\[-^`{-~]|(?<![^\W_])[-_]|[-_](?![^\W_])|(?<=\d)\.")
"""ASCII punctuation that can be markup. A hyphen or underscore inside a word cannot, nor can comma, full stop, slash or
colon, but for a full stop after a digit, which could start a numbered list."""


def write(registry: Registry, folder: Path) -> list[Path]:
    """Write all pages and assets of the site; remove pages that an earlier run wrote and that are no longer due.

    Args:
        registry: What the pages are about.
        folder: Where to write, such as build/docs; files that this function did not write are left alone.

    Returns:
        The files whose content changed.

    Raises:
        DataFolderError: there is no clone with the templates.
        SiteBuildError: two pages would have the same address, or a template is broken.
        OSError: a file cannot be written.
    """
    files = collect(registry)
    manifest = folder / MANIFEST
    earlier = _read_manifest(manifest)
    _write_manifest(manifest, earlier | files.keys())
    changed = [folder / name for name, content in files.items() if _write_if_changed(folder / name, content)]
    for name in earlier - files.keys():
        (folder / name).unlink(missing_ok=True)
    _write_manifest(manifest, files.keys())
    return changed


def collect(registry: Registry) -> dict[str, str]:
    """All files of the site before it is built: hand-written ones and pages made from the registry.

    Args:
        registry: What the pages are about.

    Returns:
        Text by path below the folder of pages.

    Raises:
        DataFolderError: there is no clone with the templates.
        SiteBuildError: two files would have the same address, or a template is broken.
    """
    from jinja2 import TemplateError

    sources = project_folder() / "site"
    files: dict[str, str] = {}
    taken: set[str] = set()
    try:
        for name, text in (*_hand_written(sources / "docs"), *_pages(registry, sources / "templates")):
            if name.lower() in taken:
                raise SiteBuildError(f"two pages would be {name}; rename the paper, head type or model behind one")
            taken.add(name.lower())
            files[name] = text
    except TemplateError as error:
        raise SiteBuildError(f"a template in site/templates cannot be filled: {error}") from error
    return files


def escape(text: str) -> str:
    """Text that reads the same in Markdown, in HTML and inside a quoted attribute, and is markup in none of them.

    Args:
        text: Any text.

    Returns:
        One line; punctuation that could mean something is written as a character reference.
    """
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", SPACE.sub(" ", text))


def _escape_line(line: str) -> str:
    """One line of code: escaped, its indentation kept."""
    text = line.lstrip(" ")
    return " " * (len(line) - len(text)) + escape(text)


def _read_manifest(path: Path) -> set[str]:
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    return (
        {name for name in names if isinstance(name, str) and _stays_inside(name)} if isinstance(names, list) else set()
    )


def _stays_inside(name: str) -> bool:
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _write_manifest(path: Path, names: Iterable[str]) -> None:
    write_text(path, json.dumps(sorted(names), indent=0) + "\n")


def _write_if_changed(path: Path, content: str) -> bool:
    if path.is_file() and path.read_bytes() == content.encode():
        return False
    write_text(path, content)
    return True


def _hand_written(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8")


def _pages(registry: Registry, templates: Path) -> Iterator[tuple[str, str]]:
    models = _models(registry)
    checks = ledger(registry)
    environment = _environment(templates)
    environment.globals |= _helpers(registry) | _verdicts(checks) | {"registry": registry, "models": models}

    def fill(template: str, *, root: str = "../", **values: Any) -> str:
        return environment.get_template(f"{template}.md.jinja").render(root=root, **values)

    yield "index.md", fill("home", root="", **_home(registry))
    yield "papers/index.md", fill("papers", papers=_newest_first(registry.papers.values()))
    nearest = related(registry)
    for paper in registry.papers.values():
        runs = [run for head_type in paper.head_types for run in registry.runs_on(head_type)]
        page = fill("paper", paper=paper, runs=runs, nearest=nearest.get(paper.id, []))
        yield f"papers/{paper.id}.md", page
    yield "head-types/index.md", fill("head_types")
    for head_type in registry.head_types.values():
        narrower = [other.id for other in registry.head_types.values() if head_type.id in other.broader]
        papers, runs = registry.papers_on(head_type.id), registry.runs_on(head_type.id)
        page = fill("head_type", head_type=head_type, narrower=narrower, papers=papers, runs=runs)
        yield f"head-types/{head_type.id}.md", page
    yield "claims/index.md", fill("claims", **_claims_page(registry, checks))
    yield "downloads.md", fill("downloads", root="", formats=[exporters.load(name) for name in exporters.names()])
    yield "models/index.md", fill("models")
    for slug, model in models.items():
        runs = registry.runs_of(slug)
        heads = sorted({name for run in runs for name in run.heads()})
        about: dict[str, Any] = {
            "effects": [effect for effect in registry.effects if effect.model.slug == slug],
            "tested": [check for check in checks if check.model is not None and check.model.slug == slug],
        }
        yield f"models/{slug}.md", fill("model", model=model, runs=runs, heads=heads, **about)


def _environment(templates: Path) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def finish(value: Any) -> Markup:
        """Escape what a template prints, unless it is finished markup."""
        if value is None:
            raise ValueError("a template prints a value that is missing")
        return value if isinstance(value, Markup) else Markup(escape(str(value)))

    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        finalize=finish,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {
        "quoted": lambda text: Markup(json.dumps(escape(text))),
        "lines": lambda text: Markup("\n".join(map(_escape_line, text.splitlines()))),
        "head_map": lambda run: Markup(draw_head_map(run).svg),
    }
    return environment


def _helpers(registry: Registry) -> dict[str, Callable[..., object]]:
    """What templates may call; all of it takes and gives plain values."""

    def name_of(head_type: str) -> str:
        return registry.head_types[head_type].name if head_type in registry.head_types else head_type

    def first_detector(head_types: list[str]) -> str | None:
        known = (registry.head_types[name] for name in head_types if name in registry.head_types)
        return next((detector for head_type in known for detector in head_type.detectors), None)

    return {
        "authorship": lambda paper: authorship(paper.summary),
        "bibtex": bibtex.entry,
        "claim_form": _claim_form,
        "claims_on": _claims_on,
        "first_detector": first_detector,
        "in_prose": _in_prose,
        "sentence": _sentence,
        "mean": fmean,
        "millions": lambda count: f"{count / 1e6:,.0f} million",
        "name_of": name_of,
        "number": number,
        "percent": _percent,
        "plural": _plural,
        "plain": lambda value: f"{value:g}".replace("-", "−"),
        "stages": registry.stages_of,
        "rate": lambda value: "< 0.001" if value < 0.001 else f"{value:.3f}",
        "top_heads": _top_heads,
        "top_heads_title": _top_heads_title,
        "with_article": _with_article,
    }


def _verdicts(checks: list[Check]) -> dict[str, object]:
    """What templates may ask about the verdict on a claim."""
    by_claim: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        by_claim.setdefault((check.paper.id, check.claim.id), []).append(check)

    def checks_of(paper: Paper, claim: BaseClaim) -> list[Check]:
        return by_claim[paper.id, claim.id]

    return {
        "checks_of": checks_of,
        "verdict_on": lambda paper, claim: overall(checks_of(paper, claim)),
        "claim_groups": _claim_groups,
        "n_claims_listed": N_CLAIMS_OPEN,
    }


def _claim_groups(paper: Paper) -> list[tuple[tuple[str, str] | None, list[BaseClaim]]]:
    """Claims of a paper to be shown one by one (group None), then those to be folded up by head type and model."""
    named = [claim for claim in paper.claims if isinstance(claim, HeadsClaim)]
    if len(named) <= N_CLAIMS_OPEN:
        return [(None, list(paper.claims))]
    groups: dict[tuple[str, str] | None, list[BaseClaim]] = {
        None: [claim for claim in paper.claims if not isinstance(claim, HeadsClaim)]
    }
    for claim in named:
        groups.setdefault((claim.head_type, claim.model), []).append(claim)
    return list(groups.items())


def _claims_page(registry: Registry, checks: list[Check]) -> dict[str, Any]:
    """Counts of the ledger, what was tested, and the models whose named heads a detector could test today."""
    by_claim: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        by_claim.setdefault((check.paper.id, check.claim.id), []).append(check)
    verdicts = Counter(map(overall, by_claim.values()))
    waiting: dict[str, list[Check]] = {}
    for check in checks:
        if isinstance(check.claim, HeadsClaim) and check.model is None and detectors_for(registry, check.claim):
            waiting.setdefault(check.claim.model, []).append(check)
    return {
        "counts": [(verdict, verdicts[verdict]) for verdict in Verdict],
        "tested": [check for check in checks if check.model is not None],
        "waiting": sorted(waiting.items(), key=lambda item: (-len(item[1]), item[0])),
        "n_heads": sum(len(check.claim.heads) for check in checks if isinstance(check.claim, HeadsClaim)),
    }


def _models(registry: Registry) -> dict[str, MeasuredModel]:
    """Every measured model by slug, as its latest run describes it."""
    runs: list[ProbeRun | EffectRun] = [*registry.effects, *registry.runs]
    return {run.model.slug: run.model for run in sorted(runs, key=lambda run: (run.model.slug, run.provenance.created))}


def _newest_first(papers: Iterable[Paper]) -> list[Paper]:
    return sorted(papers, key=lambda paper: (paper.date, paper.id), reverse=True)


def _home(registry: Registry) -> dict[str, Any]:
    return {
        "n_claims": sum(len(paper.claims) for paper in registry.papers.values()),
        "best": _best_run(registry),
        "measured": sorted({run.head_type for run in registry.runs}),
    }


def _best_run(registry: Registry) -> ProbeRun | None:
    """Run for the first page: the head type with most models, then most papers; there, the model with most heads."""

    def weight(run: ProbeRun) -> tuple[int, int, int]:
        n_models = len({other.model.slug for other in registry.runs_on(run.head_type)})
        return n_models, len(registry.papers_on(run.head_type)), run.model.n_layers * run.model.n_heads

    return max(registry.runs, key=weight, default=None)


def _claims_on(paper: Paper, head_type: str) -> list[BaseClaim]:
    return [claim for claim in paper.claims if claim.head_type == head_type]


def _top_heads(run: ProbeRun) -> list[HeadName]:
    """Strongest called heads; where none is called, the strongest ones."""
    return run.called()[:N_TOP] or run.ranked()[:N_TOP_UNCALLED]


def _top_heads_title(run: ProbeRun) -> str:
    n_called, n_shown = len(run.called()), len(_top_heads(run))
    if n_called == 0:
        return f"The {n_shown} highest scores; no head is called"
    if n_called == 1:
        return "The called head"
    return (
        f"All {n_called} called heads" if n_called == n_shown else f"The {n_shown} strongest of {n_called} called heads"
    )


def _claim_form(claim: BaseClaim) -> str:
    match claim:
        case HeadsClaim():
            source = " (not from the authors' own release)" if claim.evidence == "secondary" else ""
            found_on = f", found on {claim.found_on}" if claim.found_on else ""
            return (
                f"{len(claim.heads)} named {_counted(claim.unit, len(claim.heads))} in {claim.model}{found_on}{source}"
            )
        case ShareClaim():
            where = f"of the heads of {claim.model or 'any model'}"
            return f"from {_percent(claim.at_least)} to {_percent(claim.at_most)} {where}"
        case EffectClaim():
            size = "" if claim.at_least is None else f" by at least {claim.at_least:g} {claim.unit}"
            model = claim.model or "any model"
            return f"ablated in {model}: {claim.metric} {claim.direction}{size}, against random heads"
        case ExperimentClaim():
            return f"experiment {claim.experiment}, {claimed_range(claim)}. {_sentence(claim.reading)}"
        case UntestableClaim():
            return f"no probe can check this. {_sentence(claim.reason)}"
        case _:
            raise AssertionError(f"claim of an unknown form: {claim!r}")


def _counted(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


def _percent(share: float) -> str:
    return f"{share * 100:g} %"


def _in_prose(name: str) -> str:
    """Name inside a sentence: without its capital, unless that belongs to the word, as in "S-inhibition head"."""
    return name[:1].lower() + name[1:] if name[1:2].islower() else name


def _sentence(text: str) -> str:
    """Text with a capital in front and a full stop behind."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _plural(name: str) -> str:
    return name if name.endswith("s") else f"{name}s"


def _with_article(name: str) -> str:
    """Name with "a" or "an"; a single letter in front is spoken as a letter, as in "an S-inhibition head"."""
    with_an = "aeiou" if name[1:2].islower() else "aefhilmnorsx"
    return f"{'an' if name[:1].lower() in with_an else 'a'} {name}"
