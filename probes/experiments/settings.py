"""Settings of experiments: frozen dataclasses whose fields say what they are, read from words and from files.

A field is written `heads: Annotated[int, "Heads of the layer."] = 4`; checks across fields stand in __post_init__.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, ClassVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from catalog.errors import unknown_name_message
from catalog.experiments import Setting
from probes.errors import BadInputError


class Settings:
    """Base of the settings of every experiment; those are frozen dataclasses."""

    version: ClassVar[int] = 1
    """Grows whenever a setting changes its name or its meaning."""

    @classmethod
    def make(cls, chosen: Mapping[str, Any]) -> "Settings":
        """Settings with some of their values chosen.

        Args:
            chosen: Values by name, or words for them such as "8" and "true"; a count may lack its "n_".

        Returns:
            The settings.

        Raises:
            BadInputError: an unknown name, a value that does not fit, or settings that contradict each other.
        """
        types = cls.types()
        values = {}
        for given, value in chosen.items():
            name = given if given in types else f"n_{given}"
            if name not in types:
                raise BadInputError(unknown_name_message("setting", given, types))
            values[name] = _value(name, types[name], value)
        return cls(**values)

    @classmethod
    def types(cls) -> dict[str, Any]:
        """Type of every setting, by name."""
        hints = get_type_hints(cls, include_extras=True)
        return {part.name: hints[part.name] for part in fields(cls)}  # type: ignore[arg-type]

    @classmethod
    def descriptions(cls) -> dict[str, str]:
        """What every setting is, by name."""
        return {name: " ".join(kind.__metadata__) for name, kind in cls.types().items()}

    @classmethod
    def read(cls, path: Path, experiment: str) -> "Settings":
        """Settings out of a file.

        Args:
            path: JSON as `headatlas experiment describe NAME --json` prints it.
            experiment: Name of the experiment that they should be of.

        Returns:
            The settings.

        Raises:
            BadInputError: the file cannot be read, is of another experiment or of another version of its settings.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadInputError(f"{path}: cannot be read as JSON ({error})") from error
        if not isinstance(data, dict) or not isinstance(data.get("settings"), dict):
            way_out = f"headatlas experiment describe {experiment} --json prints a file to start from"
            raise BadInputError(f"{path}: holds no settings; {way_out}")
        if data.get("experiment") != experiment:
            raise BadInputError(f"{path}: holds settings of '{data.get('experiment')}', not of {experiment}")
        if data.get("settings_version") != cls.version:
            raise BadInputError(
                f"{path}: holds settings of version {data.get('settings_version')}, {experiment} now has version "
                f"{cls.version}; compare with headatlas experiment describe {experiment} --json"
            )
        try:
            return cls.make(data["settings"])
        except BadInputError as error:
            raise BadInputError(f"{path}: {error}") from error

    def record(self) -> dict[str, Setting]:
        """Every setting, by name."""
        return asdict(self)  # type: ignore[call-overload]


def _value(name: str, kind: Any, value: Any) -> Any:
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        raise BadInputError(f"setting {name} is '{value}': {reason}") from error
