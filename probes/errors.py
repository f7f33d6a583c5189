"""What can go wrong while probing: one family of errors, each with the value, the place and the way out."""

from collections.abc import Iterable
from pathlib import Path

from catalog import errors
from catalog.errors import HeadAtlasError, unknown_name_message


class ProbeError(HeadAtlasError):
    """Base of all errors that the probes raise on purpose."""


class UnknownDetectorError(ProbeError, KeyError):
    """No detector carries this name; names the nearest ones."""

    exit_code = 2

    def __init__(self, wanted: str, known: Iterable[str]) -> None:
        self.wanted = wanted
        super().__init__(unknown_name_message("detector", wanted, known))

    def __str__(self) -> str:
        return str(self.args[0])


class ModelNotFoundError(ProbeError, FileNotFoundError):
    """No model can be loaded under this name."""

    exit_code = 2

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        super().__init__(f"model '{name}': {reason}")


class ModelCacheError(ProbeError, OSError):
    """The dequantised weights of a model cannot be kept in the user's cache."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder = folder
        super().__init__(f"{folder}: cannot keep the weights ({reason}); free some space, or set XDG_CACHE_HOME")


class UnsupportedModelError(ProbeError, ValueError):
    """The model loads, but the probes cannot measure its heads."""


class SelfCheckError(ProbeError, ValueError):
    """Streaming attention and the model's own attention maps disagree."""


class InputTooShortError(ProbeError, ValueError):
    """The input has too few positions or too few samples for a detector."""

    exit_code = 2


class BadInputError(ProbeError, ValueError):
    """The input cannot be used: ids outside the vocabulary, settings that contradict each other."""

    exit_code = 2


class MissingPackageError(ProbeError, errors.MissingPackageError):
    """A package that this step needs is not installed."""


class InterruptedRunError(ProbeError):
    """Ctrl-C in the middle of a run."""

    def __init__(self) -> None:
        super().__init__("interrupted; no file was written, run the same command again to start over")


class RunNotSavedError(ProbeError, OSError):
    """A finished run could not be written."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder = folder
        super().__init__(f"{folder}: the run was not saved ({reason}); choose another folder with --output")
