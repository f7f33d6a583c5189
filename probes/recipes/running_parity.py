"""Lists of random bits with their running parities, a task in which every step needs one item and the state before it.

Source: cabannes-2024-iteration, whose models are trained on such sequences: items, a mark for their end, one state an
item. Differs from it: the sequence is written in words for models that were not trained for it. Of the paper's tasks
this one is chosen since no state follows from what stood behind its like earlier; in lists that are copied, or changed
item by item, such as into capitals, induction finds the item just as well.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from probes.adapters.base import ProbedModel
from probes.errors import BadInputError
from probes.recipes.prompts import Prompt, Prompts


@dataclass(frozen=True)
class RunningParity(Prompts):
    """Lists of different lengths.

    Marks, positions filled up with -1: `item_1`, `item_2` and so on, the tokens of each bit; `state_1` and so on, those
    of the parity up to that bit. A list with fewer items repeats its last one.
    """

    fewest_items: int = 6
    most_items: int = 12
    """Lengths differ, so that no fixed distance leads from a step to its item."""

    def describe(self) -> str:
        """What the model reads, in words."""
        return f"{self.fewest_items} to {self.most_items} random bits, then their running parities"

    def prompts(self, model: ProbedModel) -> Sequence[Prompt]:
        """The lists, each with its states."""
        if not 2 <= self.fewest_items <= self.most_items:
            raise BadInputError(f"{self.fewest_items} to {self.most_items} items; at least 2 are needed")
        draw = random.Random(self.seed)
        return [self._prompt(draw) for _ in range(self.n_samples)]

    def _prompt(self, draw: random.Random) -> Prompt:
        bits = [draw.randint(0, 1) for _ in range(draw.randint(self.fewest_items, self.most_items))]
        parities = [sum(bits[: number + 1]) % 2 for number in range(len(bits))]
        text, spans = "", {}
        for opening, name, digits in (("Bits:", "item", bits), ("\nRunning parity:", "state", parities)):
            text += opening
            for number in range(self.most_items):
                text += f" {digits[number]}" if number < len(digits) else ""
                spans[f"{name}_{number + 1}"] = (len(text) - 1, len(text))
        return Prompt(text, spans)
