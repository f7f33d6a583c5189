"""Settings of experiments in words: one of them, and those that tell a record from the others of its experiment."""

from __future__ import annotations

from collections.abc import Iterable

from catalog.experiments import ExperimentRun, Setting


def differing_settings(run: ExperimentRun, others: Iterable[ExperimentRun]) -> str:
    """What tells a record from others of its experiment.

    Args:
        run: The record.
        others: The others; it may be among them.

    Returns:
        The settings in which they differ, such as "depth 3, 2 layers"; empty if there are none.
    """
    settings = [other.settings for other in others]
    differing = (name for name, value in run.settings.items() if any(other.get(name) != value for other in settings))
    return ", ".join(setting_in_words(name, run.settings[name]) for name in differing)


def setting_in_words(name: str, value: Setting) -> str:
    """A setting as a reader says it.

    Args:
        name: Its name.
        value: Its value.

    Returns:
        Such as "2 layers" for n_layers, "has norms: no" for has_norms, and "depth 3" for depth.
    """
    if isinstance(value, bool):
        return f"{name.replace('_', ' ')}: {'yes' if value else 'no'}"
    if name.startswith("n_"):
        counted = name.removeprefix("n_").replace("_", " ")
        return f"{value} {counted.removesuffix('s') if value == 1 else counted}"
    return f"{name} {value}"
