"""What an experiment hands back: its record, as tables and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import unknown_name_message
from catalog.experiments import ExperimentRun, write_experiment
from catalog.files import runs_folder
from probes.errors import BadInputError, RunNotSavedError

if TYPE_CHECKING:
    import pandas as pd

    from catalog.pictures.picture import Picture


class Report:
    """The outcome of an experiment."""

    def __init__(self, run: ExperimentRun, weights: Path | None = None) -> None:
        self.run = run
        """The record, as it is written to its file."""

        self.weights = weights
        """Folder with one folder a seed, each a model that load_model takes; None where none was kept."""

    def table(self, name: str | None = None) -> pd.DataFrame:
        """A table of the outcome.

        Args:
            name: One of the tables of the record; left out, all metrics.

        Returns:
            The table.

        Raises:
            BadInputError: there is no such table.
        """
        import pandas as pd

        if name is None:
            rows = [
                {"metric": key, "mean": metric.mean, "spread": metric.spread, "description": metric.description}
                for key, metric in self.run.metrics.items()
            ]
            return pd.DataFrame(rows)
        if name not in self.run.tables:
            raise BadInputError(unknown_name_message("table", name, self.run.tables))
        table = self.run.tables[name]
        return pd.DataFrame(table.rows, columns=table.columns)

    def plot(self, name: str) -> Picture:
        """A picture of the outcome; notebooks show it, its save() writes it to a file.

        Args:
            name: One of the figures of the record.

        Returns:
            The picture.

        Raises:
            PictureError: there is no such figure.
        """
        from catalog.pictures.experiment_figures import draw

        return draw(self.run, name)

    def save(self, folder: Path | None = None) -> Path:
        """Write the record.

        Args:
            folder: Folder of all records; data/experiments if left out.

        Returns:
            The file.

        Raises:
            RunNotSavedError: the folder cannot be written; a file that was there is untouched.
        """
        folder = folder or runs_folder().with_name("experiments")
        try:
            return write_experiment(folder, self.run)
        except OSError as error:
            raise RunNotSavedError(folder, error.strerror or str(error)) from error

    def __repr__(self) -> str:
        return f"Report({self.run.experiment}, seeds {self.run.seeds}, {self.run.settings})"
