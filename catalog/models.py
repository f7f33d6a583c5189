"""The records of the catalogue: papers, head types and the claims that papers make about heads."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    HttpUrl,
    StringConstraints,
    model_validator,
)

from catalog.ids import ArxivId, ClaimId, Head, HeadTypeId, PaperId
from catalog.vocabulary import DateBasis, Domain, FactSource, Method, Modality, ModelFamily, Stage


def _check_day(text: str) -> str:
    if len(text) == len("YYYY-MM-DD"):
        date.fromisoformat(text)
    return text


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
PartialDate = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?$"),
    AfterValidator(_check_day),
]
Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\d$"), AfterValidator(_check_day)]
Unit = Literal["query head", "key-value head"]
Share = Annotated[float, Field(ge=0, le=1)]


class Record(BaseModel):
    """Base of every record: unknown fields are refused, records do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HeadType(Record):
    """One kind of attention head, as the literature names it."""

    id: HeadTypeId = Field(description="Name in small letters with underscores; never changes.")
    name: Text = Field(description="Name as it is written in prose, in the singular.")
    aliases: list[Text] = Field(default=[], description="Other spellings and names in use.")
    definition: Text = Field(description="What such a head does, in our own words.")
    stage: Stage | None = Field(default=None, description="Stage of reasoning, where the survey places it.")
    broader: list[HeadTypeId] = Field(default=[], description="Head types that this one is a special case of.")
    evidence: Text | None = Field(default=None, description="What would count as evidence that a head is of this type.")
    detectors: list[HeadTypeId] = Field(default=[], description="Detectors of the probes that measure it.")
    read_first: PaperId | None = Field(default=None, description="The paper to read first on this head type.")


def _check_link(link: HttpUrl) -> HttpUrl:
    if link.username or link.password:
        raise ValueError("a link with a name or a password in front of its host; leave them out")
    if "." not in (link.host or "").strip("."):
        raise ValueError(f"'{link.host}' is no host on the internet; give the public address")
    return link


Link = Annotated[HttpUrl, AfterValidator(_check_link)]


class Links(Record):
    """Where a paper and what belongs to it can be found."""

    paper: Link = Field(description="The paper itself.")
    code: Link | None = Field(default=None, description="Code by the authors.")
    project: Link | None = Field(default=None, description="Project page or demonstration by the authors.")
    data: Link | None = Field(default=None, description="Data released by the authors.")


class Summary(Record):
    """A paper in three answers, in our own words."""

    innovation: Text = Field(description="What is new in the paper.")
    tasks: Text = Field(description="What was done and on which models or data.")
    result: Text = Field(description="What came out.")
    written_by: Literal["person", "language model"] = Field(description="Who wrote this summary.")
    reviewed_by: Text | None = Field(default=None, description="Person who checked it against the paper, if any.")


class Findings(Record):
    """A longer account of a paper that many build on, in our own words."""

    methodology: Text = Field(description="How the paper finds out about heads.")
    key_results: Text = Field(description="What came out, with the numbers that a source states.")
    significance: Text = Field(description="Why it matters to people who study heads.")
    limitations: Text = Field(description="What the evidence does not cover.")
    future_work: Text = Field(description="What the paper leaves open.")


class Tags(Record):
    """Where a paper belongs, in controlled words."""

    methods: list[Method] = Field(default=[], description="How it finds out about heads.")
    domains: list[Domain] = Field(default=[], description="What it studies heads for.")
    modalities: list[Modality] = Field(default=[], description="What its models read.")
    model_families: list[ModelFamily] = Field(default=[], description="Families of the models it studies.")


class LeftOut(Record):
    """A paper that was considered for the catalogue and left out."""

    title: Text = Field(description="Title as published.")
    arxiv_id: ArxivId | None = Field(default=None, description="arXiv id in quotes, without a version.")
    link: Link | None = Field(default=None, description="Where to find it, if it has no arXiv id.")
    reason: Text = Field(description="Why it was left out.")


class BaseClaim(Record):
    """What every claim has, whatever its form."""

    id: ClaimId = Field(description="Name of the claim, unique within its paper; never changes.")
    statement: Text = Field(description="What the paper claims, in one sentence of our own.")
    where: Text | None = Field(default=None, description="Where in the paper or its release it stands.")


class ScoredClaim(BaseClaim):
    """A claim that the scores of a detector can bear out."""

    detectors: list[HeadTypeId] | None = Field(
        default=None,
        description="Detectors that measure what the paper means; left out, the first one of the head type.",
    )


class HeadsClaim(ScoredClaim):
    """These heads of this model are of this type."""

    form: Literal["heads"] = Field(description="Form of the claim.")
    head_type: HeadTypeId = Field(description="Type that the heads are said to be of.")
    model: Text = Field(description="Model, as a Hugging Face id where one exists.")
    found_on: Text | None = Field(default=None, description="Task, relation or data that the heads were found on.")
    heads: list[Head] = Field(min_length=1, description="The heads, most important first where the source ranks them.")
    scores: list[FiniteFloat] = Field(default=[], description="Published score of each head, in the same order.")
    measure: Text | None = Field(default=None, description="Name of the published score.")
    unit: Unit = Field(default="query head", description="What an index counts.")
    evidence: Literal["primary", "secondary"] = Field(description="The authors' own release, or someone else's.")

    @model_validator(mode="after")
    def _scores_fit_heads(self) -> Self:
        if len(set(self.heads)) != len(self.heads):
            raise ValueError("a head is listed twice; list each head once")
        if self.scores and len(self.scores) != len(self.heads):
            raise ValueError(f"{len(self.scores)} scores for {len(self.heads)} heads; give one score a head, or none")
        if bool(self.scores) != bool(self.measure):
            raise ValueError("scores and measure belong together; give both or neither")
        return self


class ShareClaim(ScoredClaim):
    """The share of heads of a type lies in a range, in one model or in any."""

    form: Literal["share"] = Field(description="Form of the claim.")
    head_type: HeadTypeId = Field(description="Type whose share is claimed.")
    model: Text | None = Field(default=None, description="Model as a Hugging Face id; left out for any model.")
    at_least: Share = Field(default=0.0, description="Smallest share of all heads, from 0 to 1.")
    at_most: Share = Field(default=1.0, description="Largest share of all heads, from 0 to 1.")
    unit: Unit = Field(default="query head", description="What is counted.")

    @model_validator(mode="after")
    def _range_says_something(self) -> Self:
        if self.at_least > self.at_most:
            raise ValueError(f"at_least {self.at_least} is above at_most {self.at_most}; swap them")
        if (self.at_least, self.at_most) == (0.0, 1.0):
            raise ValueError("a share from 0 to 1 claims nothing; give at_least or at_most")
        return self


class EffectClaim(BaseClaim):
    """Ablating the heads of a type changes a metric by at least this much, against random heads."""

    form: Literal["effect"] = Field(description="Form of the claim.")
    head_type: HeadTypeId = Field(description="Type whose heads are ablated.")
    model: Text | None = Field(default=None, description="Model as a Hugging Face id; left out for any model.")
    metric: Text = Field(description="What is measured with and without the heads.")
    direction: Literal["rises", "falls"] = Field(description="Which way the metric goes when the heads are ablated.")
    at_least: FiniteFloat | None = Field(
        default=None, gt=0, description="Smallest change beyond random heads, if published."
    )
    unit: Text | None = Field(default=None, description="Unit of at_least.")
    effect: HeadTypeId | None = Field(default=None, description="Effect of the probes that measures the metric.")

    @model_validator(mode="after")
    def _size_has_a_unit(self) -> Self:
        if (self.at_least is None) != (self.unit is None):
            raise ValueError("at_least and unit belong together; give both or neither")
        return self


class ExperimentClaim(BaseClaim):
    """An experiment that rebuilds the paper gives a number in this range."""

    form: Literal["experiment"] = Field(description="Form of the claim.")
    head_type: HeadTypeId | None = Field(default=None, description="Type the claim is about, if it is about one.")
    experiment: HeadTypeId = Field(description="Name of the experiment.")
    settings: dict[str, int | float | str | bool | None] = Field(
        default={}, description="Settings that a run must have to bear on the claim; any others are free."
    )
    metric: HeadTypeId = Field(description="Metric of the experiment that the claim is read as.")
    at_least: FiniteFloat | None = Field(default=None, description="Smallest number that bears the claim out.")
    at_most: FiniteFloat | None = Field(default=None, description="Largest number that bears the claim out.")
    partly_at_least: FiniteFloat | None = Field(
        default=None, description="Smallest number that bears it out in part, below at_least."
    )
    reading: Text = Field(description="How the sentence is read as a number, which the paper may not give.")

    @model_validator(mode="after")
    def _range_says_something(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("any number would do; give at_least or at_most")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least {self.at_least} is above at_most {self.at_most}; swap them")
        if self.partly_at_least is not None and (self.at_least is None or self.partly_at_least >= self.at_least):
            raise ValueError("partly_at_least must lie below at_least")
        return self


class UntestableClaim(BaseClaim):
    """A claim that no probe can check, with the reason."""

    form: Literal["untestable"] = Field(description="Form of the claim.")
    head_type: HeadTypeId | None = Field(default=None, description="Type the claim is about, if it is about one.")
    reason: Text = Field(description="Why no probe can check it.")


Claim = Annotated[
    HeadsClaim | ShareClaim | EffectClaim | ExperimentClaim | UntestableClaim, Field(discriminator="form")
]


class Paper(Record):
    """One paper on attention heads: facts, our summary, and what it claims."""

    id: PaperId = Field(description="First author's surname, year and a word; never changes.")
    title: Text = Field(description="Title as published.")
    authors: list[Text] = Field(min_length=1, description="Authors in the order of the paper.")
    date: PartialDate = Field(description="Day, month or year of the first public version (YYYY-MM-DD, YYYY-MM, YYYY).")
    date_basis: DateBasis = Field(description="What the date stands for.")
    arxiv_id: ArxivId | None = Field(default=None, description="arXiv id in quotes, without a version.")
    doi: Text | None = Field(default=None, description="DOI without a resolver in front.")
    venue: Text | None = Field(default=None, description="Where it was published, with the year.")
    licence: Text | None = Field(default=None, description="Licence of the text, where a source states it.")
    links: Links = Field(description="Where to find it.")
    head_types: list[HeadTypeId] = Field(default=[], description="Head types that it names, measures or uses.")
    models: list[Text] = Field(default=[], description="Models or model families that it studies.")
    tags: Tags = Field(default=Tags(), description="Where it belongs, in controlled words.")
    facts_from: list[FactSource] = Field(default=[], description="Kinds of source of the facts above.")
    added: Day = Field(description="Day on which the entry joined the catalogue (YYYY-MM-DD).")
    superseded_by: PaperId | None = Field(default=None, description="Entry that replaces this one, if any.")
    summary: Summary = Field(description="The paper in three answers.")
    findings: Findings | None = Field(default=None, description="A longer account, for papers that many build on.")
    claims: list[Claim] = Field(min_length=1, description="What it claims about heads, machine-readable.")

    @property
    def year(self) -> int:
        """Year of the date."""
        return int(self.date[:4])

    @property
    def first_author(self) -> str:
        """Last word of the first author's name."""
        return self.authors[0].split()[-1]

    @property
    def short_citation(self) -> str:
        """Citation for running text, such as "Olsson et al., 2022"."""
        match self.authors:
            case [_]:
                names = self.first_author
            case [_, second]:
                names = f"{self.first_author} and {second.split()[-1]}"
            case _:
                names = f"{self.first_author} et al."
        return f"{names}, {self.year}"
