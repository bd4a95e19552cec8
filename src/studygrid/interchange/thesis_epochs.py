"""From the lines of epochs.jsonl to the rows of the facts layout: one of train, one of val."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from studygrid.interchange.thesis import GUIDE_NAMES, METRIC

# Our splits by the layout's.
SPLITS: Final = {"train": "train", "val": "validation"}
# Our records have megabytes of 1,000,000 bytes.
MIB_PER_MB: Final = 1_000_000 / 2**20
Row = Mapping[str, Any]


def facts_epochs(lines: Sequence[Row], peak_mb: float | None = None) -> list[dict[str, Any]]:
    """Return two rows for each epoch, of its training and of its validation.

    Epochs count from 0 in the layout, and from 1 in ours. Time and throughput are those of
    training, in both rows; throughput is samples a second.

    Parameters
    ----------
    lines
        The lines of epochs.jsonl; of an epoch that is there twice the last one counts.
    peak_mb
        The peak of the device's memory in megabytes. It is known at the end alone, so that
        the last epoch has it.
    """
    by_epoch = {int(line["epoch"]): line for line in lines}
    last = max(by_epoch, default=0)
    peak = None if peak_mb is None else peak_mb * MIB_PER_MB
    rows = []
    for epoch, line in sorted(by_epoch.items()):
        for split in SPLITS:
            loss = f"{split}_loss"
            rows.append(
                {
                    "epoch": epoch - 1,
                    "split": split,
                    "train_loss": None,
                    "val_loss": None,
                    loss: line.get(f"{SPLITS[split]}_loss"),
                    "epoch_time_s": line.get("epoch_time_sec"),
                    "throughput": line.get("samples_per_sec"),
                    "max_memory_mib": peak if epoch == last else None,
                    **{f"{METRIC}{name}": value for name, value in scores_of(line, split)},
                }
            )
    return rows


def scores_of(line: Row, split: str) -> Iterator[tuple[str, float | None]]:
    """Yield the scores of an epoch on a split but its loss, by the layout's names."""
    prefix = f"{SPLITS[split]}_"
    for key, value in line.items():
        name = key.removeprefix(prefix)
        if key.startswith(prefix) and name != "loss":
            yield GUIDE_NAMES.get(name, name), value
