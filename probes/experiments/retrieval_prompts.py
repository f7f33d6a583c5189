"""How many statements can a language model follow on its way to the answer, when it may choose among four?

Any Hugging Face decoder reads prompts of two forms, without training or examples: letters that are given the value of
other letters, and people who live where somebody else lives, depending on their trade. The model's answer is the
candidate to which it gives the highest log-probability.

Source: musat-2024-stacked-heads for both kinds of prompt and for four candidates; its wordings, models and accuracies
were not at hand. All texts are ours.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from rich.progress import track

from catalog.experiments import Curve, Figure, Metric, Series, Table
from probes import load_model
from probes.adapters.base import ProbedModel
from probes.choices import candidate_log_probabilities
from probes.errors import BadInputError
from probes.experiments.base import Experiment, Facts, Place, Summary
from probes.experiments.settings import Settings
from probes.recipes.chain_prompts import FORMS, N_CHAINS, chain_prompts

GUESSING = 1 / N_CHAINS
IDENTITY = ("name", "hub_id", "revision", "weights_sha256", "quantization", "architecture", "n_parameters")
"""What the record says about the model."""


@dataclass(frozen=True)
class PromptSettings(Settings):
    """The model and its prompts."""

    model: Annotated[str, "Hugging Face id, folder, GGUF file, or demo."] = "demo"
    form: Annotated[Literal["assignments", "conditional"], "Wording: assignments or conditional."] = "assignments"
    deepest: Annotated[int, "D of the longest chains; all depths from 1 on are asked."] = 6
    n_prompts: Annotated[int, "Prompts of each depth and seed."] = 50

    def __post_init__(self) -> None:
        """Refuse prompts that cannot be made.

        Raises:
            BadInputError: names the setting.
        """
        if not 1 <= self.deepest <= FORMS[self.form].deepest:
            raise BadInputError(
                f"deepest is {self.deepest}; form '{self.form}' has depths 1 to {FORMS[self.form].deepest}"
            )
        if self.n_prompts < 2:
            raise BadInputError(f"n_prompts is {self.n_prompts}; a standard error needs at least 2")

    @property
    def depths(self) -> range:
        """Depths that are asked."""
        return range(1, self.deepest + 1)


class RetrievalPrompts(Experiment):
    """Chains of statements in words."""

    name = "retrieval_prompts"
    question = "How many statements can a language model follow on its way to one of four answers?"
    paper = "musat-2024-stacked-heads"
    choices = (
        "Four chains of statements, definition first, interleaved at random; no examples are shown.",
        "The answer is the candidate with the highest log-probability after the prompt, summed over its tokens.",
        "In the second form a person's trade says whether a teacher or a cousin is the next link; names, places, "
        "trades and all wording are ours.",
    )
    settings = PromptSettings
    attention = "as the model's configuration has it"

    def facts(
        self, settings: PromptSettings, seeds: Sequence[int], place: Place, work: Path
    ) -> Iterable[tuple[int, Facts]]:
        """Right answers by depth; a seed is one draw of prompts."""
        model = load_model(settings.model, device=place.device)
        for seed in seeds:
            counts = [_n_right(model, settings, depth, seed, place) for depth in settings.depths]
            yield seed, {"model": {name: getattr(model.record, name) for name in IDENTITY}, "n_right": counts}

    def summarise(self, settings: PromptSettings, facts: Sequence[Facts]) -> Summary:
        """Accuracy by depth, with its standard error over the prompts of all seeds."""
        n_asked = settings.n_prompts * len(facts)
        shares = {depth: [one["n_right"][depth - 1] / settings.n_prompts for one in facts] for depth in settings.depths}
        metrics = {
            f"acc_{depth}": Metric.over_seeds(f"Share of right answers at depth {depth}", values)
            for depth, values in shares.items()
        }
        rows = [_row(depth, metrics[f"acc_{depth}"].mean, n_asked) for depth in settings.depths]
        return Summary(
            metrics,
            {"accuracy": _curves(settings, rows)},
            {
                "accuracy": Table(
                    description="Share of right answers by depth.",
                    columns=["depth", "prompts", "accuracy", "standard error", "guessing"],
                    rows=rows,
                ),
                "model": Table(
                    description="The model that answered.",
                    columns=["what", "value"],
                    rows=[[name, facts[0]["model"][name]] for name in IDENTITY],
                ),
            },
            {
                "accuracy": Figure(
                    kind="curves",
                    source="accuracy",
                    title=f"{facts[0]['model']['name']}, {settings.form}",
                    caption="Share of right answers by the number of statements to follow, one standard error to "
                    "either side, and guessing.",
                )
            },
        )


def _n_right(model: ProbedModel, settings: PromptSettings, depth: int, seed: int, place: Place) -> int:
    """How many prompts of a depth are answered rightly."""
    prompts = chain_prompts(settings.form, depth, settings.n_prompts, seed)
    bar = track(
        prompts,
        f"Depth {depth}",
        console=Console(stderr=True),
        disable=not place.progress,
        transient=True,
    )
    return sum(
        int(candidate_log_probabilities(model, prompt.text, prompt.candidates).argmax()) == prompt.right
        for prompt in bar
    )


def _row(depth: int, accuracy: float, n_asked: int) -> list[int | float | str | None]:
    error = sqrt(accuracy * (1 - accuracy) / n_asked)
    return [depth, n_asked, round(accuracy, 4), round(error, 4), GUESSING]


def _curves(settings: PromptSettings, rows: Sequence[Sequence[int | float | str | None]]) -> Series:
    depths = [float(depth) for depth in settings.depths]
    accuracy, error = ([float(row[place] or 0) for row in rows] for place in (2, 3))
    lines = {
        "accuracy": accuracy,
        "one standard error above": [mean + spread for mean, spread in zip(accuracy, error, strict=True)],
        "one standard error below": [mean - spread for mean, spread in zip(accuracy, error, strict=True)],
        "guessing": [GUESSING] * len(rows),
    }
    return Series(
        description=f"Share of right answers to prompts of the form '{settings.form}'.",
        x_name="statements to follow, D",
        y_name="accuracy",
        curves=[Curve(name=name, x=depths, y=values) for name, values in lines.items()],
    )


EXPERIMENT = RetrievalPrompts()
run = EXPERIMENT.run
