"""A bench on which tiny runs are trained and scored in this process, by the jobs' own `main`."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from studygrid import evaluation, preparation
from studygrid.families.prepared import PreparedData
from studygrid.records import EvaluateRecord, TrainRecord, read_record
from studygrid.spec import DataSpec, EvaluateSpec, TrainSpec
from studygrid.training import job
from tests.conftest import ROOT

CLASS_COUNTS = (48, 24, 24)
SIDE = 16
TIMES = ("epoch_time_sec", "samples_per_sec")

_BASE: dict[str, Any] = {
    "family": "classification",
    "model": "tiny",
    "architecture": "tiny_cnn",
    "options": {"width": 2},
    "resolution": SIDE,
    "n_train": 32,
    "seed": 0,
    "training": {"steps": 6, "validations": 3, "batch_size": 8, "learning_rate": 0.05},
    "loss": {"label_smoothing": 0.0, "class_weights": "none"},
    "augmentation": {"horizontal_flip": 0.0, "vertical_flip": 0.0, "crop_padding": 0},
}


@dataclass(frozen=True)
class Ran:
    """What a run left in its folder."""

    folder: Path

    @property
    def record(self) -> TrainRecord:
        return read_record(self.folder / "train.json", TrainRecord)

    @property
    def applied(self) -> dict[str, Any]:
        applied = self.record.applied
        assert applied is not None
        return applied.model_dump()

    @property
    def weights_file(self) -> Path:
        return self.folder / "best_model.pth"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.weights_file.read_bytes()).hexdigest()

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        content: dict[str, Any] = torch.load(self.weights_file, weights_only=True)
        return dict(content["model"])

    @property
    def epochs(self) -> list[dict[str, Any]]:
        return json_lines(self.folder / "epochs.jsonl")

    @property
    def curve(self) -> list[dict[str, Any]]:
        """The epochs without what the clock decides."""
        return [{k: v for k, v in row.items() if k not in TIMES} for row in self.epochs]

    @property
    def events(self) -> list[dict[str, Any]]:
        return json_lines(self.folder / "events.jsonl")

    @property
    def resumed(self) -> int:
        """How often training went on from a resume point."""
        return len(self.record.attempts) - 1

    @property
    def moments(self) -> list[str]:
        return [event["moment"] for event in self.events]

    @property
    def outcome(self) -> dict[str, Any]:
        """All that two attempts at the same run must have in common."""
        record = self.record.model_dump(mode="json")
        timed = {"attempts", "train_time_sec", "samples_per_sec", "origin"}
        kept = {k: v for k, v in record.items() if k not in timed and "memory_mb" not in k}
        return {**kept, "sha256": self.sha256, "curve": self.curve}


class Bench:
    """Trains and scores, in folders of its own, on prepared data.

    Without `base`, it is of three unequal classes.
    """

    def __init__(self, folder: Path, data: Path, base: dict[str, Any] | None = None) -> None:
        self.folder, self.data, self.base = folder, data, base or _BASE

    def spec(self, **changes: Any) -> TrainSpec:
        """Return the spec of a run of 6 steps in 3 epochs, with changes section by section."""
        content = {**self.base, **changes}
        for section in ("options", "training", "loss", "augmentation"):
            content[section] = {**self.base[section], **changes.get(section, {})}
        if changes.get("training", {}).get("epochs") is not None:
            content["training"].pop("steps")
        return TrainSpec.model_validate(content)

    def arguments(
        self,
        name: str,
        spec: TrainSpec,
        code: str = "code",
        data: Path | None = None,
        device: str = "cpu",
    ) -> list[str]:
        folder = self.folder / name
        return [
            *("--spec", spec.to_json()),
            *("--code", code),
            *("--data", str(data or self.data)),
            *("--output", str(folder / "train.json")),
            *("--log", str(folder / "training.log")),
            *("--device", device),
        ]

    def train(
        self,
        name: str = "run",
        *,
        code: str = "code",
        data: Path | None = None,
        device: str = "cpu",
        extra: tuple[str, ...] = (),
        expected: int = 0,
        **changes: Any,
    ) -> Ran:
        """Train as `scripts/train.py` does; a stop by SIGTERM shows as its exit status."""
        arguments = self.arguments(name, self.spec(**changes), code, data, device)
        try:
            status = job.main([*arguments, *extra])
        except SystemExit as end:
            status = int(str(end.code))
        assert status == expected, (self.folder / name / "training.log").read_text()
        return Ran(self.folder / name)

    def evaluate(
        self,
        ran: Ran,
        *metrics: str,
        data: Path | None = None,
        device: str = "cpu",
        expected: int = 0,
        **options: Any,
    ) -> EvaluateRecord:
        spec = EvaluateSpec.model_validate(
            {"metrics": metrics or ("loss", "accuracy"), "evaluation": options}
        )
        status = evaluation.main(
            [
                *("--spec", spec.to_json()),
                *("--data", str(data or self.data)),
                *("--train", str(ran.folder / "train.json")),
                *("--output", str(ran.folder / "evaluate.json")),
                *("--log", str(ran.folder / "evaluate.log")),
                *("--device", device),
            ]
        )
        assert status == expected, (ran.folder / "evaluate.log").read_text()
        return read_record(ran.folder / "evaluate.json", EvaluateRecord)

    def prepared(self) -> PreparedData:
        return PreparedData(self.data)

    def normalised(self, indices: np.ndarray[Any, Any]) -> torch.Tensor:
        """Return images as the models get them, computed anew from the prepared arrays."""
        data = self.prepared()
        images = data.array("images")[indices].astype(np.float32)
        mean, std = (np.asarray(data.record.facts[key], np.float32) for key in ("mean", "std"))
        return torch.from_numpy((images - mean[:, None, None]) / std[:, None, None])

    def labels(self, indices: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.asarray(self.prepared().array("labels")[indices])


def json_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of strict JSON, one object a line, the last line ended too."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{path.name} holds {name}")

    text = path.read_text("utf-8")
    assert text == "" or text.endswith("\n"), f"{path.name} ends within a line"
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def prepare_patterns(folder: Path, noise_seed: int) -> Path:
    """Prepare noisy patterns of three classes; return the data record's path."""
    generator = np.random.default_rng(noise_seed)
    labels = np.repeat(np.arange(len(CLASS_COUNTS)), CLASS_COUNTS)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    patterns = np.stack([(rows // 3) % 2, (columns // 3) % 2, (rows // 3 + columns // 3) % 2])
    noise = generator.normal(0, 60, (len(labels), SIDE, SIDE))
    images = np.clip(96 + 64 * patterns[labels] + noise, 0, 255).astype(np.uint8)
    folder.mkdir(parents=True)
    np.savez(folder / "patterns.npz", images=images, labels=labels)
    spec = DataSpec(
        family="classification",
        dataset="arrays",
        options={"file": str(folder / "patterns.npz")},
        resolution=SIDE,
        source="made here",
    )
    record = folder / "data" / "data.json"
    arguments = ["--spec", spec.to_json(), "--output", str(record)]
    assert preparation.main([*arguments, "--log", str(folder / "prepare.log")]) == 0
    return record


@pytest.fixture(scope="session")
def patterns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare_patterns(tmp_path_factory.mktemp("patterns") / "patterns", noise_seed=0)


@pytest.fixture
def bench(tmp_path: Path, patterns: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Return a bench, and leave PyTorch's settings as they were."""
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    benchmark = torch.backends.cudnn.benchmark
    mode = torch.get_deterministic_debug_mode()
    yield Bench(tmp_path, patterns)
    torch.set_deterministic_debug_mode(mode)
    torch.backends.cudnn.benchmark = benchmark


def script(name: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """Return the command and environment of a job's script in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if k != "STUDYGRID_WORKER"}
    environment["PYTHONPATH"] = str(ROOT / "src")
    return [sys.executable, str(ROOT / "scripts" / name), *arguments], environment
