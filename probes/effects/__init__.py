"""Effects, one file each: metrics of a model that ablating heads may change; found because of where they lie."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.plugins import names_in
from probes.errors import UnknownEffectError

if TYPE_CHECKING:
    from probes.effects.base import Effect


def names() -> list[str]:
    """Names of all effects, in alphabetical order; nothing is imported.

    Returns:
        The names.
    """
    return names_in(Path(__file__).parent)


def load(name: str) -> Effect:
    """Effect of this name.

    Args:
        name: Such as "repetition_accuracy".

    Returns:
        The effect.

    Raises:
        UnknownEffectError: there is none; names the nearest ones.
    """
    if name not in names():
        raise UnknownEffectError(name, names())
    effect: Effect = import_module(f"probes.effects.{name}").EFFECT
    return effect
