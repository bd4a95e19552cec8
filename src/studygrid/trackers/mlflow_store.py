"""MLflow: a local store of files, the only one that mlflow-skinny can write alone."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from studygrid.trackers.content import TrackedRun

_ID_TAG = "studygrid.id"
_NOT_IN_NAMES = re.compile(r"[^\w\-. /]", re.ASCII)
# MLflow's own limits on one request and one value.
_METRICS, _PARAMETERS, _TAGS, _LONGEST_VALUE, _LONGEST_TAG = 1000, 100, 100, 500, 5000


class MlflowStore:
    """Writes runs to an MLflow file store: an experiment a study, a run a run."""

    environment: ClassVar[dict[str, str]] = {
        # Newer versions ask for this before they use a file store; the others need a database.
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }

    def __init__(self, output: Path) -> None:
        self._output = output
        self._experiments: dict[str, str] = {}

    def open(self) -> None:
        """Import MLflow."""
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient(tracking_uri=self._output.absolute().as_uri())

    def write(self, run: TrackedRun) -> Path:
        """Write a run; return its folder.

        Raises
        ------
        OSError
            If MLflow cannot write its files; it says so by an error of its own in places.
        """
        from mlflow.exceptions import MlflowException

        try:
            return self._write(run)
        except MlflowException as error:
            raise OSError(str(error)) from error

    def _write(self, run: TrackedRun) -> Path:
        from mlflow.entities import Param, RunTag

        experiment: str = self._experiment(run.study)
        tags = {_ID_TAG: run.id, "mlflow.runName": run.name}
        made = self._client.create_run(
            experiment, start_time=_milliseconds(run.started_sec), tags=tags
        )
        name: str = made.info.run_id
        parameters = [
            Param(_name(key), str(value)[:_LONGEST_VALUE]) for key, value in run.parameters.items()
        ]
        labels = [RunTag(key, value[:_LONGEST_TAG]) for key, value in run.tags.items()]
        for part in _parts(list(_metrics(run)), _METRICS):
            self._client.log_batch(name, metrics=part)
        for part in _parts(parameters, _PARAMETERS):
            self._client.log_batch(name, params=part)
        for part in _parts(labels, _TAGS):
            self._client.log_batch(name, tags=part)
        status = "FINISHED" if run.ok else "FAILED"
        self._client.set_terminated(name, status, _milliseconds(run.finished_sec))
        return self._output / experiment / name

    def remove(self, run: TrackedRun, place: Path | None) -> None:
        """Delete an earlier export, as MLflow deletes: it can be restored until `mlflow gc`."""
        if place is not None:
            names = [place.name] if place.exists() else []
        else:
            filter_string = f"tags.`{_ID_TAG}` = '{run.id}'"
            found = self._client.search_runs([self._experiment(run.study)], filter_string)
            names = [one.info.run_id for one in found]
        for name in names:
            self._client.delete_run(name)

    def close(self) -> None:
        """MLflow keeps nothing open."""

    def how_to_view(self) -> str:
        """Return the command that shows the store; it needs the whole of MLflow."""
        place = shlex.quote(str(self._output))
        return f"MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {place}"

    def _experiment(self, study: str) -> str:
        if study not in self._experiments:
            found = self._client.get_experiment_by_name(study)
            made: str = found.experiment_id if found else self._client.create_experiment(study)
            self._experiments[study] = made
        return self._experiments[study]


def _metrics(run: TrackedRun) -> Iterator[Any]:
    from mlflow.entities import Metric

    for point in run.curve:
        time = _milliseconds(point.time_sec)
        for name, value in point.values.items():
            yield Metric(_name(name), value, time, point.epoch)
    for name, value in run.metrics.items():
        yield Metric(_name(name), value, _milliseconds(run.finished_sec), run.kept_epoch)


def _name(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name)


def _parts(values: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _milliseconds(time_sec: float) -> int:
    return round(1000 * time_sec)
