"""TensorBoard: a folder of events a run, with its hyperparameters."""

from __future__ import annotations

import io
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from studygrid.records import write_atomically
from studygrid.trackers.content import TrackedRun


class EventFiles:
    """Writes one event file a run, by TensorBoard's own record writer.

    The same run gives the same bytes. TensorBoard holds scalars in 32 bits.
    """

    environment: ClassVar[dict[str, str]] = {}

    def __init__(self, output: Path) -> None:
        self._output = output

    def open(self) -> None:
        """Import TensorBoard."""
        import tensorboard.plugins.hparams.summary_v2
        import tensorboard.summary.writer.record_writer  # noqa: F401

    def write(self, run: TrackedRun) -> Path:
        """Write a run; return its event file."""
        from tensorboard.summary.writer.record_writer import RecordWriter

        buffer = io.BytesIO()
        writer = RecordWriter(buffer)
        for event in _events(run):
            writer.write(event.SerializeToString(deterministic=True))
        path = self._place(run) / f"events.out.tfevents.{int(run.started_sec)}.studygrid"
        write_atomically(path, buffer.getvalue())
        return path

    def remove(self, run: TrackedRun, place: Path | None) -> None:
        """Delete an earlier export."""
        shutil.rmtree(self._place(run), ignore_errors=True)

    def close(self) -> None:
        """Nothing is kept open."""

    def how_to_view(self) -> str:
        """Return the command that shows the files."""
        return f"tensorboard --logdir {shlex.quote(str(self._output))}"

    def _place(self, run: TrackedRun) -> Path:
        return self._output / run.name


def _events(run: TrackedRun) -> Iterator[Any]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams import summary_v2

    start = run.started_sec
    yield Event(wall_time=start, file_version="brain.Event:2")
    parameters = {name: _plain(value) for name, value in run.parameters.items()}
    parameters |= {name: value for name, value in run.tags.items() if name not in parameters}
    session = summary_v2.hparams_pb(parameters, trial_id=run.name, start_time_secs=start)
    yield Event(wall_time=start, summary=session)
    for point in run.curve:
        yield Event(wall_time=point.time_sec, step=point.epoch, summary=_scalars(point.values))
    end = run.finished_sec
    yield Event(wall_time=end, step=run.kept_epoch, summary=_scalars(run.metrics))
    yield Event(wall_time=end, summary=_end(run))


def _plain(value: Any) -> Any:
    return "null" if value is None else value


def _scalars(values: Any) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=tag, simple_value=v) for tag, v in values.items()])


def _end(run: TrackedRun) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    status = api_pb2.STATUS_SUCCESS if run.ok else api_pb2.STATUS_FAILURE
    info = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=run.finished_sec)
    value = Summary.Value(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(
            plugin_data_pb2.HParamsPluginData(session_end_info=info)
        ),
        tensor=metadata.NULL_TENSOR,
    )
    return Summary(value=[value])
