"""What a recipe is: a hashable description of an input, from which the tokens for one model are made."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import TypeVar

from probes.adapters.base import ProbedModel
from probes.inputs import TokenBatch

AnyRecipe = TypeVar("AnyRecipe", bound="Recipe")


@dataclass(frozen=True, eq=False)
class Recipe(ABC):
    """A description of an input. Detectors whose recipes are equal share their forward passes."""

    @abstractmethod
    def batch(self, model: ProbedModel) -> TokenBatch:
        """What the model reads.

        Args:
            model: The model; its tokenizer and vocabulary decide the tokens.

        Returns:
            The batch.

        Raises:
            InputTooShortError: too few samples or tokens.
            BadInputError: this model cannot read such an input.
        """

    def on(self, own: "Recipe") -> "Recipe | None":
        """What to read in place of this when the caller brings tokens or texts.

        Args:
            own: The caller's input.

        Returns:
            A recipe, or None if the detectors of this recipe cannot use it; most recipes of prompts cannot.
        """
        return None

    def configured(self: AnyRecipe, **settings: int) -> AnyRecipe:
        """The same recipe with other settings.

        Args:
            settings: New values; those that this recipe does not know are passed over.

        Returns:
            The recipe.
        """
        known = {field.name for field in fields(self)}
        return replace(self, **{name: value for name, value in settings.items() if name in known})
