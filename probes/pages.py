"""Pages of the site about the detectors, made from the text at the top of their files.

They are written into site/docs/detectors, where they are kept like hand-written pages: the site is built without torch.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import fields
from html import escape
from pathlib import Path

from catalog.files import write_text
from catalog.registry import Registry
from probes import detectors
from probes.detectors.base import Detector, PassDetector, WeightDetector
from probes.recipes.base import Recipe

FAMILIES = {
    "pattern": "Where heads look",
    "weight": "What their weights do",
    "direct effect": "What they write to the logits",
    "causal": "What is lost without them",
}
"""Head of the index for each family of scores, in order."""

_PAPER_ID = re.compile(r"\b[a-z]+-\d{4}-[a-z0-9]+\b")
_CODE = re.compile(r"(`[^`]*`)")
_MARKUP = re.compile(r"[*\[\]|]|(?<!\w)_|_(?!\w)")


def collect(registry: Registry) -> dict[str, str]:
    """All pages about detectors.

    Args:
        registry: Papers and head types that the pages link to.

    Returns:
        Markdown by file name.
    """
    loaded = [detectors.load(name) for name in detectors.names()]
    pages = {f"{detector.name}.md": _page(detector, registry) for detector in loaded}
    return {"index.md": _index(loaded)} | pages


def write(registry: Registry, folder: Path) -> list[Path]:
    """Write the pages; remove those of detectors that are gone.

    Args:
        registry: Papers and head types that the pages link to.
        folder: Folder of these pages and nothing else.

    Returns:
        The files that were written or removed.

    Raises:
        OSError: a file cannot be written.
    """
    pages = collect(registry)
    changed = []
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
            changed.append(path)
    for path in sorted(folder.glob("*.md")):
        if path.name not in pages:
            path.unlink()
            changed.append(path)
    return changed


def _index(loaded: list[Detector]) -> str:
    parts = [
        _head("Detectors", "Every detector of HeadAtlas: what it measures, on what input, and in which unit."),
        "Each detector gives every head of a model a score, a standard error and a null. Not sure which one answers",
        "your question? [Start here](../which-detector.md). How a score becomes a call:",
        "[how we measure](../measuring.md). A detector of your own: [in one file](../add-a-detector.md).",
        "Which models can be read: [architectures](../architectures.md).\n",
    ]
    for family, heading in FAMILIES.items():
        members = [detector for detector in loaded if detector.family == family]
        if members:
            rows = [f"| {_link(one.name)} | {_text(_first_line(one))} | {one.unit} |" for one in members]
            parts += [f"## {heading}\n", "| Detector | Measures | Unit |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(parts).rstrip() + "\n"


def _page(detector: Detector, registry: Registry) -> str:
    first, _, rest = detectors.describe(detector.name).partition("\n")
    facts = [f"| {name} | {value} |" for name, value in _facts(detector, registry)]
    return "\n".join(
        [
            _head(detector.name, first, trail='<p class="ha-trail"><a href="index.html">Detectors</a></p>\n\n'),
            f"{_linked(_text(first), registry)}\n",
            "| | |",
            "| --- | --- |",
            *facts,
            "",
            _linked(_text(rest.strip()), registry),
            "",
            "```sh",
            f"headatlas probe run {detector.name} --model demo",
            "```",
            "",
            "```python",
            "from probes import load_model, run",
            "",
            f'run(load_model("demo"), "{detector.name}")["{detector.name}"].top(5)',
            "```",
            "",
        ]
    )


def _facts(detector: Detector, registry: Registry) -> Iterator[tuple[str, str]]:
    low, high = detector.value_range
    ends = [f"{end:g}" if math.isfinite(end) else "no limit" for end in (low, high)]
    known = registry.head_types.get(detector.head_type)
    yield (
        "Head type",
        f"[{_text(known.name)}](../head-types/{known.id}.md)" if known else _text(detector.head_type),
    )
    yield "Kind of score", f"{FAMILIES[detector.family].lower()} ({detector.family})"
    yield "Unit", f"{_text(detector.unit)}, from {ends[0]} to {ends[1]}"
    source = _linked(_text(detector.threshold_source), registry)
    yield "Called from", f"{detector.threshold:g} ({source}), if it beats its null"
    if isinstance(detector, PassDetector):
        yield "Reads", _recipe(detector.recipe)
        yield "Models", "decoders and encoders" if detector.for_encoders else "decoders"
    if isinstance(detector, WeightDetector):
        yield "Reads", _text(detector.inputs)
        yield "Models", "decoders whose weights we know by head"
    if known:
        yield "Results", f"[models measured so far](../head-types/{known.id}.md#measured)"


def _recipe(recipe: Recipe) -> str:
    """What a detector reads: the first line on its recipe, and the recipe's settings."""
    line = (type(recipe).__doc__ or "").partition("\n")[0]
    values = ((field.name, getattr(recipe, field.name)) for field in fields(recipe))
    settings = ", ".join(f"{name} {value}" for name, value in values if isinstance(value, int | str))
    return f"{_text(line)} Settings: {_text(settings)}."


def _head(title: str, description: str, trail: str = "") -> str:
    quoted = description.replace("\\", "").replace('"', "'")
    return f'---\ntitle: {title}\ndescription: "{quoted}"\nhide: [navigation]\n---\n\n{trail}# {_text(title)}\n'


def _first_line(detector: Detector) -> str:
    return detectors.describe(detector.name).partition("\n")[0]


def _link(name: str) -> str:
    return f"[{_text(name)}]({name}.md)"


def _text(text: str) -> str:
    """Text of a docstring as Markdown: what stands in backticks stays code, nothing else is markup."""
    parts = _CODE.split(text)
    return "".join(part if number % 2 else _plain(part) for number, part in enumerate(parts))


def _plain(text: str) -> str:
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", escape(text, quote=False))


def _linked(text: str, registry: Registry) -> str:
    """Ids of papers in a text become citations that lead to their pages."""

    def link(match: re.Match[str]) -> str:
        paper = registry.papers.get(match[0])
        return match[0] if paper is None else f"[{_text(paper.short_citation)}](../papers/{paper.id}.md)"

    return _PAPER_ID.sub(link, text)
