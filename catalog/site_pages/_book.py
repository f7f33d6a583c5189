"""What every page is made from: the registry, its ledger, and the templates."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from statistics import fmean

from catalog.claims import Check, is_about, ledger, overall
from catalog.effects import EffectRun
from catalog.experiments import ExperimentRun
from catalog.exporters import bibtex
from catalog.head_operations import HeadOperations
from catalog.ids import HeadName
from catalog.models import BaseClaim, HeadsClaim, Paper
from catalog.pictures.head_map import number
from catalog.portraits import Portrait, portraits
from catalog.registry import Registry
from catalog.relation_runs import SIGNS, RelationRun, Sign
from catalog.runs import MeasuredModel, ProbeRun
from catalog.site_pages import _words
from catalog.site_pages._markup import make_environment
from catalog.texts import authorship

N_CLAIMS_OPEN = 8
"""Claims about named heads that a page shows one by one; more of them are folded up by head type and model."""


class Book:
    """The registry with what is derived from it once for all pages; fills templates."""

    def __init__(self, registry: Registry, templates: Path) -> None:
        self.registry = registry
        self._environment = make_environment(templates)
        self._environment.globals |= self._names()

    def fill(self, template: str, values: Mapping[str, object] | None = None, root: str = "../") -> str:
        """A filled template.

        Args:
            template: Its name without the ending ".md.jinja".
            values: What the template prints, besides what every template may use.
            root: Way from the page to the top of the site: "" or "../" and so on.

        Returns:
            The text of the page.

        Raises:
            TemplateError: the template is broken.
        """
        return self._environment.get_template(f"{template}.md.jinja").render(values or {}, root=root)

    @cached_property
    def checks(self) -> list[Check]:
        """The ledger of all claims."""
        return ledger(self.registry)

    @cached_property
    def checks_by_claim(self) -> dict[tuple[str, str], list[Check]]:
        """Lines of the ledger by paper and claim."""
        by_claim: dict[tuple[str, str], list[Check]] = {}
        for check in self.checks:
            by_claim.setdefault((check.paper.id, check.claim.id), []).append(check)
        return by_claim

    @cached_property
    def models(self) -> dict[str, MeasuredModel]:
        """Every measured model by slug, as its latest run describes it."""
        runs: list[ProbeRun | EffectRun] = [*self.registry.effects, *self.registry.runs]
        runs.sort(key=lambda run: (run.model.slug, run.provenance.created))
        return {run.model.slug: run.model for run in runs}

    @cached_property
    def portraits(self) -> dict[str, dict[HeadName, Portrait]]:
        """What is recorded about every head, by slug of the model and name of the head; each has a page."""
        return {slug: portraits(self.registry, model) for slug, model in self.models.items()}

    @cached_property
    def experiments(self) -> dict[str, list[ExperimentRun]]:
        """Records of every experiment, by its name; each has a page."""
        by_name: dict[str, list[ExperimentRun]] = {}
        for run in self.registry.experiments:
            by_name.setdefault(run.experiment, []).append(run)
        return by_name

    @cached_property
    def relations_of_heads(self) -> dict[tuple[str, HeadName], list[tuple[RelationRun, Sign]]]:
        """Relations in which a head stands out, by slug of the model and name of the head; called ones first."""
        found: dict[tuple[str, HeadName], list[tuple[RelationRun, Sign]]] = {}
        for run in self.registry.relation_runs:
            for sign in SIGNS if run.is_defined else ():
                for name in run.ranked(sign):
                    if run.stands_out(name, sign):
                        found.setdefault((run.model.slug, name), []).append((run, sign))
        for (_, name), standing in found.items():
            standing.sort(key=lambda one: (not one[0].is_called(name, one[1]), -one[0].score(name, one[1])))
        return found

    @cached_property
    def operations(self) -> dict[tuple[str, HeadName], HeadOperations]:
        """What heads make of words, by slug of the model and name of the head."""
        return {(one.model.slug, HeadName.parse(one.head)): one for one in self.registry.head_operations}

    def has_page(self, slug: str, head: HeadName | str) -> bool:
        """Whether a head has a page: one of a model that only relations were measured on has none."""
        return HeadName.parse(str(head)) in self.portraits.get(slug, {})

    def checks_of(self, paper: Paper, claim: BaseClaim) -> list[Check]:
        """Lines of the ledger on one claim.

        Args:
            paper: The paper.
            claim: One of its claims.

        Returns:
            At least one line.
        """
        return self.checks_by_claim[paper.id, claim.id]

    def slug_of(self, claim: HeadsClaim) -> str | None:
        """Slug of the measured model whose query heads a claim names; None where there is no such model."""
        if claim.unit != "query head":
            return None
        return next((slug for slug, model in self.models.items() if is_about(claim.model, model)), None)

    def name_of(self, head_type: str) -> str:
        """Name of a head type for people; its id where the vocabulary lacks it."""
        known = self.registry.head_types
        return known[head_type].name if head_type in known else head_type

    def relation_name(self, relation: str) -> str:
        """Name of a relation for people; its id where the catalogue lacks it."""
        known = self.registry.relations
        return known[relation].name if relation in known else relation

    def _names(self) -> dict[str, object]:
        """What every template may use; functions take and give plain values."""
        return {
            "registry": self.registry,
            "models": self.models,
            "checks_of": self.checks_of,
            "documented": {name for one in self.registry.head_types.values() for name in one.detectors},
            "overall": overall,
            "slug_of": self.slug_of,
            "name_of": self.name_of,
            "relation_name": self.relation_name,
            "has_page": self.has_page,
            "relations_of": lambda paper: [one for one in self.registry.relations.values() if paper.id in one.papers],
            "stages": self.registry.stages_of,
            "n_claims_listed": N_CLAIMS_OPEN,
            "n_heads_listed": _words.N_TOP,
            "authorship": lambda paper: authorship(paper.summary),
            "bibtex": bibtex.entry,
            "mean": fmean,
            "number": number,
            "claim_form": _words.claim_form,
            "in_prose": _words.in_prose,
            "measured": _words.measured,
            "millions": _words.millions,
            "percent": _words.percent,
            "plain": _words.plain,
            "plural": _words.plural,
            "rate": _words.rate,
            "rounded": _words.rounded,
            "spoken": _words.spoken,
            "sentence": _words.sentence,
            "top_heads": _words.top_heads,
            "top_heads_title": _words.top_heads_title,
            "with_article": _words.with_article,
        }
