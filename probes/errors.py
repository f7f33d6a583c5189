"""What can go wrong while probing: one family of errors, each with the value, the place and the way out."""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from catalog import errors
from catalog.errors import HeadAtlasError, unknown_name_message


class ProbeError(HeadAtlasError):
    """Base of all errors that the probes raise on purpose."""


class UnknownNameError(ProbeError, KeyError):
    """Nothing of a kind carries this name; names the nearest ones."""

    exit_code = 2
    kind: ClassVar[str]

    def __init__(self, wanted: str, known: Iterable[str]) -> None:
        self.wanted = wanted
        super().__init__(unknown_name_message(self.kind, wanted, known))

    def __str__(self) -> str:
        return str(self.args[0])


class UnknownDetectorError(UnknownNameError):
    """No detector carries this name."""

    kind = "detector"


class UnknownEffectError(UnknownNameError):
    """No effect carries this name."""

    kind = "effect"


class UnknownTaskError(UnknownNameError):
    """No task carries this name."""

    kind = "task"


class UnknownExperimentError(UnknownNameError):
    """No experiment carries this name."""

    kind = "experiment"


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


class UntrustedModelError(ProbeError, ValueError):
    """Loading the model could run somebody's code, which nobody asked for."""

    exit_code = 2

    @classmethod
    def for_code(cls, name: str) -> "UntrustedModelError":
        """The model brings Python code of its own."""
        way_out = "read it first, then load the model with trust_remote_code=True or --trust-remote-code"
        return cls(f"model '{name}' brings Python code of its own, which is not run unasked; {way_out}")

    @classmethod
    def for_pickles(cls, name: str) -> "UntrustedModelError":
        """The weights are pickles."""
        way_out = "if you trust their source, load them with allow_pickle=True or --allow-pickle"
        return cls(f"model '{name}' has no safetensors, and pickles can run code; {way_out}")


class UnsupportedModelError(ProbeError, ValueError):
    """The model loads, but the probes cannot measure its heads."""


class OutsideInterfaceError(UnsupportedModelError):
    """The model does not compute all its attention through the interface of transformers."""


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


class DescriberError(ProbeError, RuntimeError):
    """A language model that should put a head's operation into words gave no usable answer."""

    def __init__(self, who: str, reason: str) -> None:
        self.who = who
        way_out = "try again, ask another model, or leave --describer out for a description by rule"
        super().__init__(f"{who}: {reason}; {way_out}")


class NotEnoughMemoryError(ProbeError, RuntimeError):
    """Not even one sample fits into memory."""

    def __init__(self, device: str, length: int) -> None:
        self.device, self.length = device, length
        way_out = "shorten the input, choose --dtype bfloat16, or a device with more memory"
        super().__init__(f"one sample of {length} tokens does not fit into the memory of {device}; {way_out}")


class TooManySeedsError(ProbeError, RuntimeError):
    """The parameters and activations of so many models do not fit into memory together."""

    def __init__(self, n_wanted: int, n_fitting: int, device: str) -> None:
        self.n_wanted, self.n_fitting, self.device = n_wanted, n_fitting, device
        fit = f"{n_fitting} fit" if n_fitting else "not even one fits"
        way_out = "train fewer at a time, or a smaller batch"
        super().__init__(f"{n_wanted} seeds do not fit into the memory of {device} together: {fit}; {way_out}")


class DivergedError(ProbeError, ArithmeticError):
    """The loss stopped being a number."""

    def __init__(self, seed: int, step: int, last_good: int, place: str) -> None:
        self.seed, self.step, self.last_good = seed, step, last_good
        way_out = "lower the learning rate or lengthen the warm-up"
        super().__init__(
            f"seed {seed}: the loss is not a number at step {step}; the weights of step {last_good} are kept {place}; "
            f"{way_out}"
        )


class InterruptedRunError(ProbeError):
    """Ctrl-C in the middle of a run."""

    exit_code = 130
    """As shells have it for a process that Ctrl-C ended."""

    def __init__(self, folder: Path | None, n_finished: int, what: str = "detectors") -> None:
        self.folder, self.n_finished = folder, n_finished
        where = f"{n_finished} {what} are finished and kept in {folder}" if n_finished else "no file was written"
        way_on = "run the same command again to go on" if n_finished else "run the same command again to start over"
        super().__init__(f"interrupted; {where}, {way_on}")


class InterruptedSweepError(ProbeError):
    """Ctrl-C in the middle of a sweep."""

    exit_code = 130

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"interrupted; what is finished is kept in {folder}, run the same command again to go on")


class InterruptedExperimentError(ProbeError):
    """Ctrl-C in the middle of an experiment."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__("interrupted; finished seeds and checkpoints are kept, run the same command again to go on")


class RunNotSavedError(ProbeError, OSError):
    """A finished run could not be written."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder = folder
        super().__init__(f"{folder}: the run was not saved ({reason}); choose another folder with --output")
