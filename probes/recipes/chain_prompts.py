"""Prompts whose answer stands at the end of a chain of statements, with four answers to choose from.

Two forms. In `assignments` letters are given the value of other letters, "K = 7" and "B = K"; the question is for B.
In `conditional` people live where somebody else lives, and their trade says who that is: everyone has a teacher and a
cousin, gardeners live near the same place as their teacher and bakers near that of their cousin; only the trade says
which of two chains goes on. Depth D is the number of statements to be followed, D = 1 being a statement of the answer
itself; the statements of a chain come definition first, and four chains are interleaved at random.

Source: musat-2024-stacked-heads for both kinds of prompt and for four candidates. Every text, name and place is ours,
as is the choice by trade; the paper's five wordings were not at hand.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from string import ascii_uppercase

from probes.errors import BadInputError
from probes.recipes.indirect_object import NAMES, PLACES

N_CHAINS = 4
"""Chains, and so candidates: guessing is right once in four."""


RULES = (
    "A gardener lives near the same place as his or her teacher. "
    "A baker lives near the same place as his or her cousin."
)


@dataclass(frozen=True)
class ChoicePrompt:
    """A text that ends in front of its answer, and what might follow."""

    text: str
    candidates: tuple[str, ...]
    """What may follow the text, spaces included."""

    right: int
    """Which candidate is the answer."""


@dataclass(frozen=True)
class Form:
    """A wording."""

    deepest: int
    """Greatest depth that there are enough letters or names for."""

    make: Callable[[int, Random], ChoicePrompt]


def chain_prompts(form: str, depth: int, n_prompts: int, seed: int = 0) -> list[ChoicePrompt]:
    """Prompts of one form and depth.

    Args:
        form: A key of FORMS.
        depth: D, statements to be followed.
        n_prompts: How many.
        seed: Of the draw; every depth has draws of its own.

    Returns:
        The prompts; the right candidate is drawn evenly.

    Raises:
        BadInputError: no such form, or a depth it cannot have.
    """
    if form not in FORMS:
        raise BadInputError(f"there is no form of prompts '{form}'; choose one of {', '.join(FORMS)}")
    if not 1 <= depth <= FORMS[form].deepest:
        raise BadInputError(f"depth is {depth}; form '{form}' has depths 1 to {FORMS[form].deepest}")
    draw = Random(f"{form} {depth} {seed}")
    return [FORMS[form].make(depth, draw) for _ in range(n_prompts)]


def _assignments(depth: int, draw: Random) -> ChoicePrompt:
    letters = draw.sample(ascii_uppercase, N_CHAINS * depth)
    digits = draw.sample("0123456789", N_CHAINS)
    chains = [letters[start : start + depth] for start in range(0, len(letters), depth)]
    statements = [
        [f"{name} = {value}" for name, value in zip(chain, [digit, *chain], strict=False)]
        for chain, digit in zip(chains, digits, strict=True)
    ]
    right = draw.randrange(N_CHAINS)
    asked = chains[right][-1]
    lines = "\n".join(_interleaved(statements, draw))
    text = f"{lines}\nQuestion: what is the value of {asked}?\nAnswer: {asked} ="
    return ChoicePrompt(text, tuple(f" {digit}" for digit in digits), right)


def _conditional(depth: int, draw: Random) -> ChoicePrompt:
    names = draw.sample(NAMES, N_CHAINS * depth)
    places = draw.sample(PLACES, N_CHAINS)
    chains = [names[start : start + depth] for start in range(0, len(names), depth)]
    statements = [[f"{chain[0]} lives near the {place}."] for chain, place in zip(chains, places, strict=True)]
    for step in range(1, depth):
        shift = draw.randrange(1, N_CHAINS)
        for number, chain in enumerate(chains):
            true, false = chain[step - 1], chains[(number + shift) % N_CHAINS][step - 1]
            statements[number].append(_relatives(chain[step], true, false, draw))
    right = draw.randrange(N_CHAINS)
    lines = "\n".join(_interleaved(statements, draw))
    asked = chains[right][-1]
    text = f"{RULES}\n{lines}\nQuestion: near which place does {asked} live?\nAnswer: {asked} lives near the"
    return ChoicePrompt(text, tuple(f" {place}" for place in places), right)


def _relatives(name: str, true: str, false: str, draw: Random) -> str:
    """A person's trade, teacher and cousin; the trade points at the first of the two people given."""
    trade = draw.choice(("gardener", "baker"))
    teacher, cousin = (true, false) if trade == "gardener" else (false, true)
    return f"{name} is a {trade}, has {teacher} as teacher and {cousin} as cousin."


def _interleaved(statements: Sequence[Sequence[str]], draw: Random) -> list[str]:
    """All statements in random order, but those of a chain in theirs."""
    owners = [number for number, chain in enumerate(statements) for _ in chain]
    draw.shuffle(owners)
    waiting = [iter(chain) for chain in statements]
    return [next(waiting[owner]) for owner in owners]


FORMS = {
    "assignments": Form(len(ascii_uppercase) // N_CHAINS, _assignments),
    "conditional": Form(len(NAMES) // N_CHAINS, _conditional),
}
"""The wordings, by name."""
