"""Chains of facts that point to facts, and a question whose answer stands at the end of one chain: the task R(D, C).

Each of C chains is a row of D + 1 symbols c_0 .. c_D, all symbols of a sequence distinct and drawn anew for every
sequence. A fact is two adjacent tokens, a key c_i and its value c_(i+1). The facts of a chain stand definition first,
from i = D - 1 down to 0; the chains are interleaved at random; the last token asks for c_0 of one chain. The answer is
c_D, and D = 1 is the task of an induction head.

Source: musat-2024-stacked-heads for the problem and for definitions that come first. Symbols, interleaving, lengths and
the number of chains are ours; four chains give the guess level of the paper's prompts, one in four.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from jaxtyping import Int
from torch import Tensor

from probes.errors import BadInputError
from probes.shapes import Tokens
from probes.tiny.tasks.base import Batch, DrawnTask

Targets = Literal["every link", "last link", "mixed"]
"""What is asked for: c_1 .. c_D of the chain of c_0, by D read-outs; c_D alone; or c_D where the query is any c_s."""


@dataclass(frozen=True)
class ChainSequences:
    """Sequences of facts with their queries, and where everything of the queried chain stands."""

    tokens: Tokens
    """Facts, then the query; shape (batch, 2 C D + 1), ids below C (D + 1)."""

    chain: Int[Tensor, "batch link"]
    """Symbols c_0 .. c_D of the queried chain, shape (batch, D + 1)."""

    key_positions: Int[Tensor, "batch fact"]
    """Where the key c_i of fact i of that chain stands, shape (batch, D)."""

    start: Int[Tensor, " batch"]
    """Which c_s the last token is; 0 but for the mixed control."""

    @property
    def value_positions(self) -> Int[Tensor, "batch fact"]:
        """Where the value c_(i+1) of fact i of the queried chain stands."""
        return self.key_positions + 1

    @property
    def answers(self) -> Int[Tensor, "batch depth"]:
        """The symbols c_1 .. c_D, shape (batch, D)."""
        return self.chain[:, 1:]


@dataclass(frozen=True)
class RetrievalChains(DrawnTask[ChainSequences]):
    """The task R(D, C)."""

    evaluation_seed: ClassVar[int] = 2411_12118

    depth: int = 3
    """D, facts in a chain."""

    n_chains: int = 4
    """C, chains in a sequence; guessing among their ends is right once in C."""

    targets: Targets = "every link"
    """What the model has to say."""

    n_evaluated: int = 512
    """Sequences in the evaluation set."""

    def __post_init__(self) -> None:
        """Refuse sizes that leave nothing to retrieve.

        Raises:
            BadInputError: names the setting.
        """
        if self.depth < 1:
            raise BadInputError(f"depth is {self.depth}; a chain needs at least 1 fact")
        if self.n_chains < 2:
            raise BadInputError(f"n_chains is {self.n_chains}; with fewer than 2 there is nothing to choose from")
        if self.targets not in get_args(Targets):
            raise BadInputError(f"targets is '{self.targets}'; choose one of {', '.join(get_args(Targets))}")
        if self.n_evaluated < 1:
            raise BadInputError(f"{self.n_evaluated} sequences cannot be evaluated; give 1 or more")

    @property
    def d_vocab(self) -> int:
        """Number of symbols."""
        return self.n_chains * (self.depth + 1)

    @property
    def n_ctx(self) -> int:
        """Tokens of a sequence."""
        return 2 * self.n_chains * self.depth + 1

    @property
    def n_readouts(self) -> int:
        """Read-outs that the model needs; the last one says c_D."""
        return self.depth if self.targets == "every link" else 1

    def asked(self, sequences: ChainSequences) -> Batch:
        """What a model has to say to sequences.

        Args:
            sequences: From draw.

        Returns:
            The batch; read-out number d - 1 says c_d where every link is asked for.
        """
        targets = sequences.answers[:, -self.n_readouts :]
        return Batch(sequences.tokens, (self.n_ctx - 1,) * self.n_readouts, targets, tuple(range(self.n_readouts)))

    def draw(self, n: int, generator: torch.Generator) -> ChainSequences:
        """Fresh sequences.

        Args:
            n: How many.
            generator: Source of the draw.

        Returns:
            The sequences; the queried chain is drawn evenly.
        """
        chains = self._symbols(n, generator)
        owner, link = self._order_of_facts(n, generator)
        rows = torch.arange(n)
        keys, values = (chains[rows[:, None], owner, link + step] for step in (0, 1))
        asked = torch.randint(self.n_chains, (n,), generator=generator)
        start = torch.zeros_like(asked)
        if self.targets == "mixed":
            start = torch.randint(self.depth, (n,), generator=generator)
        facts = torch.stack([keys, values], dim=2).flatten(1)
        chain = chains[rows, asked]
        return ChainSequences(
            tokens=torch.cat([facts, chain[rows, start][:, None]], dim=1),
            chain=chain,
            key_positions=2 * _places_of(asked, owner).flip(1),
            start=start,
        )

    def _symbols(self, n: int, generator: torch.Generator) -> Int[Tensor, "batch chain link"]:
        """Symbols of every chain, without repeats within a sequence."""
        drawn = torch.rand(n, self.d_vocab, generator=generator).argsort(1)
        return drawn.view(n, self.n_chains, self.depth + 1)

    def _order_of_facts(
        self, n: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, "batch place"], Int[Tensor, "batch place"]]:
        """Which chain's and which fact stands at each place: every chain from its last fact to its first."""
        moments = torch.rand(n, self.n_chains, self.depth, generator=generator).sort(2).values
        order = moments.flatten(1).argsort(1)
        return order // self.depth, self.depth - 1 - order % self.depth


def _places_of(asked: Int[Tensor, " batch"], owner: Int[Tensor, "batch place"]) -> Int[Tensor, "batch fact"]:
    """Places of the facts of one chain, from the first in reading order to the last."""
    is_asked = owner == asked[:, None]
    return is_asked.nonzero()[:, 1].view(len(asked), -1)


TASK = RetrievalChains
