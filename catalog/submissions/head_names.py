"""Names of head types as people write them: found by every spelling, or answered with those near them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches

from catalog.models import HeadType
from catalog.texts import excerpt


class HeadNames:
    """Every spelling of every head type.

    Args:
        head_types: The vocabulary.
    """

    def __init__(self, head_types: Iterable[HeadType]) -> None:
        self._exact: dict[str, list[str]] = defaultdict(list)
        self._loose: dict[str, list[str]] = defaultdict(list)
        self._names: dict[str, str] = {}
        for head_type in head_types:
            self._names[head_type.id] = head_type.name
            for spelling in {head_type.id, head_type.name, *head_type.aliases}:
                self._exact[spelling.casefold()].append(head_type.id)
                if head_type.id not in self._loose[_loosely(spelling)]:
                    self._loose[_loosely(spelling)].append(head_type.id)

    def find(self, name: str) -> list[str]:
        """Head types that a name can mean: by exact spelling, else with plural, hyphens and "head" taken loosely.

        Args:
            name: As somebody wrote it.

        Returns:
            Ids; one if the name is clear.
        """
        return list(dict.fromkeys(self._exact.get(name.casefold()) or self._loose.get(_loosely(name), [])))

    def message(self, name: str) -> str:
        """Why a name is not clear.

        Args:
            name: As somebody wrote it.

        Returns:
            Part of a sentence.
        """
        if found := self.find(name):
            return f"'{name}' can mean {' or '.join(found)}"
        near = self.near(name)
        return f"unknown head type '{excerpt(name)}'" + (f" (did you mean {', '.join(near)}?)" if near else "")

    def near(self, name: str) -> list[str]:
        """Head types that are spelled almost like a name, the nearest first.

        Args:
            name: As somebody wrote it.

        Returns:
            At most three names.
        """
        spellings = get_close_matches(_loosely(name), self._loose, 3, 0.75)
        return list(dict.fromkeys(self._names[self._loose[spelling][0]] for spelling in spellings))


def _loosely(name: str) -> str:
    words = re.sub(r"[\W_]+", " ", name.casefold()).strip()
    return re.sub(r" ?\bheads?$", "", words) or words
