"""The registry: papers, head types, relations and probe runs, read, checked and indexed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Self

from catalog import dates
from catalog.arxiv.drafts import check_drafts
from catalog.canonical.layout import out_of_order
from catalog.checks import check_documents, check_future, check_relations, check_runs
from catalog.documents import Document, read_document, validate_entries
from catalog.duplicates import similar_titles
from catalog.effects import EffectRun, read_effects
from catalog.errors import InvalidDataError, Problem, UnknownIdError
from catalog.experiments import ExperimentRun, read_experiments
from catalog.files import data_folder
from catalog.head_operations import HeadOperations, read_head_operations
from catalog.models import HeadType, LeftOut, Paper
from catalog.record_files import AnyRecord
from catalog.relation_checks import RelationCheck, read_relation_checks
from catalog.relation_runs import RelationRun, read_relation_runs
from catalog.relations import Relation, read_documents, read_entries
from catalog.releases import Released, Tombstone, check_releases
from catalog.runs import ProbeRun, read_runs
from catalog.vocabulary import Stage


@dataclass(frozen=True)
class Registry:
    """Everything that data/ holds, with look-up by id."""

    papers: dict[str, Paper]
    head_types: dict[str, HeadType]
    runs: list[ProbeRun] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    effects: list[EffectRun] = field(default_factory=list)
    relations: dict[str, Relation] = field(default_factory=dict)
    relation_runs: list[RelationRun] = field(default_factory=list)
    relation_checks: list[RelationCheck] = field(default_factory=list)
    experiments: list[ExperimentRun] = field(default_factory=list)
    head_operations: list[HeadOperations] = field(default_factory=list)

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Read and check the data files.

        Args:
            folder: Folder with papers.yaml; left out, the one that catalog.files.data_folder finds.

        Returns:
            The registry.

        Raises:
            InvalidDataError: with every problem of every file.
            DataFolderError: the folder or a file in it cannot be read.
        """
        registry, problems = cls._read(data_folder(folder))
        if problems:
            raise InvalidDataError(problems)
        return registry

    @classmethod
    def inspect(cls, folder: Path | None = None, today: date | None = None) -> tuple[Self, list[Problem]]:
        """Read the data files and check them more closely than is needed for using them.

        Args:
            folder: Folder with papers.yaml; left out, the one that catalog.files.data_folder finds.
            today: Day after which nothing may be dated; left out, today in UTC.

        Returns:
            What is right, and every problem of every file in order of place, warnings among them.

        Raises:
            DataFolderError: the folder or a file in it cannot be read.
        """
        folder = data_folder(folder)
        documents: dict[str, Document] = {}
        registry, problems = cls._read(folder, documents)
        return registry, sorted([*problems, *_careful_checks(folder, documents, today or dates.today())])

    @classmethod
    def _read(cls, folder: Path, documents: dict[str, Document] | None = None) -> tuple[Self, list[Problem]]:
        """What the data files hold, and the errors; the documents that were read are added to the given ones."""
        files = {name: read_document(folder / f"{name}.yaml") for name in ("papers", "head_types")}
        files["left_out"] = read_document(folder / "left_out.yaml", is_optional=True)
        papers = {paper.id: paper for paper in validate_entries(files["papers"], Paper)}
        head_types = {head_type.id: head_type for head_type in validate_entries(files["head_types"], HeadType)}
        left_out = list(validate_entries(files["left_out"], LeftOut))
        problems = [problem for document in files.values() for problem in document.problems]
        problems += check_documents(files["papers"], files["head_types"], files["left_out"])
        relation_files = read_documents(folder)
        relations, found = read_entries(relation_files)
        problems += [*found, *check_relations(relation_files, files["papers"], files["head_types"])]
        runs = _read_or_report(read_runs, folder / "runs", problems)
        effects = _read_or_report(read_effects, folder / "effects", problems)
        relation_runs = _read_or_report(read_relation_runs, folder / "relation_runs", problems)
        relation_checks = _read_or_report(read_relation_checks, folder / "relation_checks", problems)
        experiments = _read_or_report(read_experiments, folder / "experiments", problems)
        operations = _read_or_report(read_head_operations, folder / "head_operations", problems)
        problems += check_runs(runs, folder / "runs", files["head_types"])
        if documents is not None:
            documents |= files
        records = (runs, left_out, effects, relations, relation_runs, relation_checks, experiments, operations)
        return cls(papers, head_types, *records), problems

    def paper(self, paper_id: str) -> Paper:
        """Paper with this id or arXiv id.

        Args:
            paper_id: Such as "olsson-2022-induction" or "2209.11895".

        Returns:
            The paper.

        Raises:
            UnknownIdError: there is none; names the nearest ids.
        """
        by_arxiv = {paper.arxiv_id: paper for paper in self.papers.values() if paper.arxiv_id}
        found = self.papers.get(paper_id) or by_arxiv.get(paper_id)
        if found is None:
            raise UnknownIdError("paper", paper_id, self.papers)
        return found

    def head_type(self, head_type_id: str) -> HeadType:
        """Head type with this id.

        Args:
            head_type_id: Such as "previous_token".

        Returns:
            The head type.

        Raises:
            UnknownIdError: there is none; names the nearest ids.
        """
        if head_type_id not in self.head_types:
            raise UnknownIdError("head type", head_type_id, self.head_types)
        return self.head_types[head_type_id]

    def relation(self, relation_id: str) -> Relation:
        """Relation with this id.

        Args:
            relation_id: Such as "country_to_capital".

        Returns:
            The relation.

        Raises:
            UnknownIdError: there is none; names the nearest ids.
        """
        if relation_id not in self.relations:
            raise UnknownIdError("relation", relation_id, self.relations)
        return self.relations[relation_id]

    def stages_of(self, paper: Paper) -> list[Stage]:
        """Stages of reasoning that a paper is about: those of its head types.

        Args:
            paper: The paper.

        Returns:
            The stages in their order; empty where the survey places none of the head types.
        """
        found = {self.head_types[name].stage for name in paper.head_types if name in self.head_types}
        return [stage for stage in Stage if stage in found]

    def papers_on(self, head_type_id: str) -> list[Paper]:
        """Papers that name a head type, the one to read first in front, then oldest first.

        Args:
            head_type_id: Id of the head type.

        Returns:
            The papers.
        """
        first = self.head_types[head_type_id].read_first if head_type_id in self.head_types else None
        papers = [paper for paper in self.papers.values() if head_type_id in paper.head_types]
        return sorted(papers, key=lambda paper: (paper.id != first, paper.date, paper.id))

    def runs_on(self, head_type_id: str) -> list[ProbeRun]:
        """Runs that measure a head type, in order of model.

        Args:
            head_type_id: Id of the head type.

        Returns:
            The runs.
        """
        return [run for run in self.runs if run.head_type == head_type_id]

    def experiments_on(self, paper_id: str) -> list[ExperimentRun]:
        """Records of experiments that rebuild a paper.

        Args:
            paper_id: Id of the paper.

        Returns:
            The records, in order of experiment and settings.
        """
        return [run for run in self.experiments if run.paper == paper_id]

    def runs_of(self, model_slug: str) -> list[ProbeRun]:
        """Runs on one model, in order of probe.

        Args:
            model_slug: Name of the model's folder.

        Returns:
            The runs.
        """
        return [run for run in self.runs if run.model.slug == model_slug]


def _read_or_report(read: Callable[[Path], list[AnyRecord]], folder: Path, problems: list[Problem]) -> list[AnyRecord]:
    """Records of a folder; if any is at fault, none, and its problems join the list."""
    try:
        return read(folder)
    except InvalidDataError as error:
        problems += error.problems
        return []


def _careful_checks(folder: Path, documents: dict[str, Document], today: date) -> Iterator[Problem]:
    """Problems that keep nobody from using the data: order, likely duplicates, drafts, the future, vanished entries."""
    released = read_document(folder / "released.yaml", is_optional=True)
    tombstones = read_document(folder / "tombstones.yaml", is_optional=True)
    for _ in (*validate_entries(released, Released), *validate_entries(tombstones, Tombstone)):
        pass  # only their problems matter
    for document in (*documents.values(), tombstones):
        yield from out_of_order(document)
    yield from (*released.problems, *tombstones.problems)
    yield from similar_titles(documents["papers"])
    yield from check_drafts(documents["papers"])
    yield from check_future((*documents.values(), tombstones), today)
    yield from check_releases(documents["papers"], documents["head_types"], released, tombstones)
