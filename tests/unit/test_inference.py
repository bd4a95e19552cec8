"""The inference phase: the same scores as the evaluation's, on any split, at any batch size."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from studygrid import inference
from studygrid.errors import RecordError
from studygrid.families import BUILT_IN, load_family
from studygrid.families.classification.task import ClassificationTask
from studygrid.inference import infer
from studygrid.records import InferenceRecord, Status, read_record
from studygrid.spec import InferSpec
from studygrid.study import Inference
from tests.unit import events_bench, ptychography_bench, segmentation_bench, tagvae_bench
from tests.unit.conftest import _BASE, Bench, Ran, prepare_patterns

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "classifier": ("classification", {}),
    "unet": ("segmentation", {"training": {"steps": 40}}),
    "vae": ("tagvae", {}),
    "nearest_neighbour": ("tagvae", {"architecture": "nearest_neighbour", "options": {}}),
    "pinn": ("ptychography", {}),
    "iterative": ("ptychography", {"architecture": "iterative"}),
    "event_tokenizer": ("events", {}),
    "isolation_forest": ("events", {"architecture": "isolation_forest", "options": {"trees": 8}}),
    "supervised": ("events", {"architecture": "supervised", "options": {"trees": 8}}),
}
FITTED = ("nearest_neighbour", "iterative", "isolation_forest", "supervised")
NETWORKS = [name for name in MODELS if name not in FITTED]
_BASES = {
    "classification": _BASE,
    "segmentation": segmentation_bench.BASE,
    "tagvae": tagvae_bench.BASE,
    "ptychography": ptychography_bench.BASE,
    "events": events_bench.BASE,
}
# Every family: one that has no model here has no test here either.
assert set(_BASES) == set(BUILT_IN) == {family for family, _ in MODELS.values()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Bench, Ran]]:
    """Return a function that trains one of `MODELS`, once."""
    folder = tmp_path_factory.mktemp("inference")
    data: dict[str, Path] = {}
    made: dict[str, tuple[Bench, Ran]] = {}

    def prepared(family: str) -> Path:
        if family == "classification":
            return prepare_patterns(folder / family, noise_seed=0)
        writers: dict[str, Callable[[Path], Path]] = {
            "segmentation": segmentation_bench.write_squares,
            "tagvae": tagvae_bench.write_tags,
            "ptychography": ptychography_bench.write_scans,
            "events": events_bench.write_events,
        }
        return writers[family](folder / family)

    def train(name: str) -> tuple[Bench, Ran]:
        family, changes = MODELS[name]
        if family not in data:
            data[family] = prepared(family)
        if name not in made:
            base = _BASES[family]
            if name in FITTED:
                base = ptychography_bench.ENGINE if name == "iterative" else {**base, "options": {}}
            bench = Bench(folder, data[family], base)
            made[name] = (bench, bench.train(name, **changes))
        return made[name]

    return train


def scored(
    made: tuple[Bench, Ran], folder: Path, device: str = "cpu", **settings: Any
) -> InferenceRecord:
    bench, ran = made
    options = Inference.model_validate({"autocast": False, **settings})
    return infer(ran.folder / "train.json", bench.data, options, device, folder)


def arrays(folder: Path, name: str | None) -> dict[str, np.ndarray[Any, Any]]:
    assert name is not None
    with np.load(folder / name) as found:
        return dict(found)


# By which scores may differ between batch sizes on the CPU: sums of float32 in another order.
# Measured: at most 3e-7 of events, 1e-6 elsewhere (metrics of the ptychography network).
ROUNDING = {"events": 1e-6}
ROUNDING_ELSEWHERE = 1e-5


def close(
    name: str, one: float | None, other: float | None, rel: float = 1e-4, off: float = 1e-6
) -> bool:
    # A fresh network's amplitude is all but constant, and its Fourier ring correlation of noise.
    rel = 0.05 if "frc" in name else rel
    return one == (None if other is None else pytest.approx(other, rel=rel, abs=off))


# --- Scores


@pytest.mark.parametrize("name", MODELS)
def test_it_scores_the_test_split_as_the_evaluation_does(
    trained: Any, tmp_path: Path, name: str
) -> None:
    bench, ran = trained(name)
    family = load_family(bench.base["family"])
    evaluated = bench.evaluate(ran, *family.metric_names, batch_size=16, save_scores=True)
    record = scored((bench, ran), tmp_path, batch_size=16, persist_raw_scores=True)
    assert record.status is Status.OK
    assert record.metrics == evaluated.metrics
    assert record.undefined == evaluated.undefined
    assert record.chance == evaluated.chance
    assert record.facts == evaluated.facts
    assert record.tables == evaluated.tables
    assert (record.split, record.count) == ("test", evaluated.test_count)
    assert record.checkpoint_sha256 == evaluated.checkpoint_sha256
    kept = arrays(ran.folder, evaluated.scores_file)
    for array, values in arrays(tmp_path, record.scores_file).items():
        assert np.array_equal(values, kept[array], equal_nan=values.dtype.kind == "f"), array


@pytest.mark.parametrize("name", MODELS)
def test_scores_do_not_depend_on_the_batch_size(trained: Any, tmp_path: Path, name: str) -> None:
    made = trained(name)
    rounding = ROUNDING.get(MODELS[name][0], ROUNDING_ELSEWHERE)
    records, kept = [], []
    for size in (1, 7, 512):
        folder = tmp_path / str(size)
        records.append(scored(made, folder, batch_size=size, persist_raw_scores=True))
        kept.append(arrays(folder, records[-1].scores_file))
    first = records[0]
    for record, found in zip(records[1:], kept[1:], strict=True):
        assert record.undefined == first.undefined
        for metric, value in first.metrics.items():
            assert close(metric, record.metrics[metric], value, rounding, 1e-9), metric
        for array, values in kept[0].items():
            other = found[array]
            assert np.allclose(other, values, rtol=rounding, atol=1e-9, equal_nan=True), array


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("split", ["validation", "train"])
def test_any_split_has_facts_tables_scores_and_examples(
    trained: Any, tmp_path: Path, name: str, split: str
) -> None:
    bench, ran = trained(name)
    record = scored((bench, ran), tmp_path, dataset_split=split, persist_raw_scores=True)
    on_test = scored((bench, ran), tmp_path / "test")
    facts = bench.prepared().record.splits[split]
    assert (record.split, record.count) == (split, facts.count)
    assert record.metrics.keys() == on_test.metrics.keys()
    assert record.metrics != on_test.metrics
    assert record.facts.keys() == on_test.facts.keys()
    # Only the test split of events has signals.
    if bench.base["family"] != "events":
        assert record.tables.keys() == on_test.tables.keys()
    assert (record.examples_file is None) == (on_test.examples_file is None)
    index = arrays(tmp_path, record.scores_file)["index"]
    assert set(index.tolist()) == set(bench.prepared().indices(split).tolist())
    assert len(set(index.tolist())) == facts.count


def test_the_widths_of_masks_are_those_of_the_split_that_is_scored(
    trained: Any, tmp_path: Path
) -> None:
    record = scored(trained("unet"), tmp_path, dataset_split="validation", persist_raw_scores=True)
    found = arrays(tmp_path, record.scores_file)
    assert np.isnan(found["width_px"]).tolist() == (found["foreground_px"] == 0).tolist()
    assert (
        sum(row[2] for row in record.tables["iou_by_width"]) == (found["foreground_px"] > 0).sum()
    )


def test_the_loss_after_each_epoch_is_that_of_inference_on_validation(
    trained: Any, tmp_path: Path
) -> None:
    bench, ran = trained("classifier")
    record = scored((bench, ran), tmp_path, dataset_split="validation")
    assert record.metrics["loss"] == pytest.approx(ran.record.best_validation_loss, rel=1e-5)


# --- Autocast


@pytest.mark.parametrize("name", NETWORKS)
def test_autocast_is_of_the_forward_pass_alone_and_its_effect_is_recorded(
    trained: Any, tmp_path: Path, name: str
) -> None:
    made = trained(name)
    plain = scored(made, tmp_path / "float32")
    record = scored(made, tmp_path / "bfloat16", autocast=True)
    assert (plain.precision, plain.autocast_effect) == ("float32", None)
    assert record.precision == "bfloat16"
    assert record.autocast_effect is not None
    assert record.autocast_effect.keys() == record.metrics.keys()
    for metric, effect in record.autocast_effect.items():
        values = record.metrics[metric], plain.metrics[metric]
        if None in values:
            assert effect is None
        else:
            assert effect == pytest.approx(values[0] - values[1], abs=1e-12)  # type: ignore[operator]
    # bfloat16 keeps 8 bits: that is seen in the loss.
    assert 0 < abs(record.autocast_effect["loss"]) < 0.05 * abs(plain.metrics["loss"])  # type: ignore[arg-type]


def test_under_autocast_layers_compute_in_bfloat16_and_scores_in_float32(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers: list[torch.dtype] = []
    outputs: list[tuple[torch.dtype, bool]] = []
    build = ClassificationTask.build_model
    score = ClassificationTask.score

    def spied(self: ClassificationTask) -> nn.Module:
        model = build(self)
        layer = next(part for part in model.modules() if isinstance(part, nn.Conv2d))
        layer.register_forward_hook(lambda *call: layers.append(call[2].dtype))
        return model

    def looking(self: Any, model: nn.Module, *arguments: Any, **named: Any) -> Any:
        made = model.register_forward_hook(
            lambda *call: outputs.append((call[2].dtype, torch.is_autocast_enabled("cpu")))
        )
        found = score(self, model, *arguments, **named)
        made.remove()
        return found

    monkeypatch.setattr(ClassificationTask, "build_model", spied)
    monkeypatch.setattr(ClassificationTask, "score", looking)
    scored(trained("classifier"), tmp_path, autocast=True)
    assert layers == [torch.bfloat16, torch.float32]
    assert outputs == [(torch.float32, False)] * 2


@pytest.mark.parametrize("name", FITTED)
def test_what_is_fitted_stays_float32_under_autocast(
    trained: Any, tmp_path: Path, name: str
) -> None:
    made = trained(name)
    record = scored(made, tmp_path / "on", autocast=True)
    assert (record.precision, record.autocast_effect) == ("float32", None)
    assert record.metrics == scored(made, tmp_path / "off").metrics


def test_auto_is_float32_on_a_cpu(trained: Any, tmp_path: Path) -> None:
    assert scored(trained("classifier"), tmp_path, autocast="auto").precision == "float32"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", MODELS)
def test_a_gpu_gives_the_scores_of_the_cpu(trained: Any, tmp_path: Path, name: str) -> None:
    made = trained(name)
    here = scored(made, tmp_path / "cpu")
    there = scored(made, tmp_path / "cuda", device="cuda")
    for metric, value in here.metrics.items():
        assert close(metric, there.metrics[metric], value, 2e-3), metric
    halves = scored(made, tmp_path / "auto", device="cuda", autocast="auto")
    assert halves.precision == ("float32" if name in FITTED else "bfloat16")


# --- Files


def test_scores_of_samples_are_kept_only_where_that_is_asked_for(
    trained: Any, tmp_path: Path
) -> None:
    made = trained("classifier")
    record = scored(made, tmp_path, persist_raw_scores=True)
    assert record.scores_file == "inference_scores.npz"
    assert len(arrays(tmp_path, record.scores_file)["label"]) == record.count
    again = scored(made, tmp_path)
    assert again.scores_file is None
    assert {path.name for path in tmp_path.iterdir()} == {"inference.json"}
    assert read_record(tmp_path / "inference.json", InferenceRecord) == again


def test_it_writes_nothing_but_into_its_folder(trained: Any, tmp_path: Path) -> None:
    bench, ran = trained("unet")
    before = {path: path.stat().st_mtime_ns for path in ran.folder.rglob("*")}
    scored((bench, ran), tmp_path / "here", persist_raw_scores=True)
    assert {path: path.stat().st_mtime_ns for path in ran.folder.rglob("*")} == before
    assert {path.name for path in (tmp_path / "here").iterdir()} == {
        "inference.json",
        "inference_scores.npz",
        "inference_examples.npz",
    }


def test_the_throughput_is_samples_through_the_model_by_the_time_of_its_passes(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(1000))
    monkeypatch.setattr("studygrid.forward_pass.time.perf_counter", lambda: float(next(ticks)))
    bench, ran = trained("classifier")
    record = scored((bench, ran), tmp_path, batch_size=7)
    # Each pass takes a second here; the first, of 7 samples, does not count.
    passes = -(-record.count // 7)
    assert record.throughput_samples_per_sec == pytest.approx((record.count - 7) / (passes - 1))


# --- What fails


def test_a_run_that_failed_keeps_its_status_and_its_reason(trained: Any, tmp_path: Path) -> None:
    bench, _ = trained("classifier")
    ran = bench.train("diverged", training={"learning_rate": 1e30, "optimizer": "sgd"})
    assert ran.record.status is Status.DIVERGED
    record = scored((bench, ran), tmp_path)
    assert (record.status, record.reason) == (Status.DIVERGED, ran.record.reason)
    assert set(record.metrics.values()) == {None}
    assert record.throughput_samples_per_sec is None


def test_memory_that_runs_out_is_a_result(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")

    made = trained("classifier")
    monkeypatch.setattr(ClassificationTask, "score", score)
    record = scored(made, tmp_path)
    assert record.status is Status.OOM
    assert record.reason == "in inference: CUDA out of memory. Tried to allocate 2 GiB."


def _without_checkpoint(folder: Path) -> None:
    (folder / "best_model.pth").unlink()


def _folder_for_checkpoint(folder: Path) -> None:
    (folder / "best_model.pth").unlink()
    (folder / "best_model.pth").mkdir()


def _corrupt_checkpoint(folder: Path) -> None:
    (folder / "best_model.pth").write_bytes(b"\x80 no weights")


def _other_weights(folder: Path) -> None:
    """Name weights of another shape, hash and all."""
    import hashlib

    content = torch.load(folder / "best_model.pth", weights_only=True)
    name = next(name for name, value in content["model"].items() if value.dim() > 1)
    content["model"][name] = torch.zeros(1, 2)
    torch.save(content, folder / "best_model.pth")
    record = json.loads((folder / "train.json").read_text())
    sha256 = hashlib.sha256((folder / "best_model.pth").read_bytes()).hexdigest()
    record["checkpoint"]["sha256"] = sha256
    (folder / "train.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_without_checkpoint, "missing"),
        (_folder_for_checkpoint, "cannot be read"),
        (_corrupt_checkpoint, "is not the checkpoint that its train record names"),
        (_other_weights, "does not fit the model tiny"),
    ],
)
def test_weights_that_cannot_be_used_give_one_clear_error(
    trained: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    words: str,
) -> None:
    bench, ran = trained("classifier")
    folder = tmp_path / "run"
    shutil.copytree(ran.folder, folder)
    damage(folder)
    with pytest.raises(RecordError, match=words) as error:
        scored((bench, Ran(folder)), tmp_path / "out")
    assert str(folder / "best_model.pth") in str(error.value)
    assert f"delete {folder / 'train.json'} to train again" in str(error.value)
    assert not (tmp_path / "out").exists()
    assert run_job(bench, Ran(folder)) == 1
    assert words in capsys.readouterr().err
    assert not (folder / "inference.json").exists()


def test_a_run_of_other_data_is_refused(trained: Any, tmp_path: Path) -> None:
    _, ran = trained("classifier")
    other = prepare_patterns(tmp_path / "other", noise_seed=1)
    with pytest.raises(RecordError, match="was trained on other data than"):
        infer(ran.folder / "train.json", other, Inference(), "cpu", tmp_path / "out")


def test_weights_may_lie_elsewhere(trained: Any, tmp_path: Path) -> None:
    bench, ran = trained("classifier")
    exported = tmp_path / "exported"
    exported.mkdir()
    shutil.copy(ran.folder / "train.json", exported / "train.json")
    shutil.copy(ran.weights_file, exported / "best_val.pt")
    record = infer(
        exported / "train.json",
        bench.data,
        Inference(autocast=False),
        "cpu",
        tmp_path / "out",
        checkpoint=exported / "best_val.pt",
    )
    assert record.metrics == scored((bench, ran), tmp_path / "other").metrics


# --- The job


def run_job(bench: Bench, ran: Ran, **settings: Any) -> int:
    metrics = load_family(bench.base["family"]).metric_names
    spec = InferSpec.of(Inference.model_validate({"autocast": False, **settings}), metrics)
    return inference.main(
        [
            *("--spec", spec.to_json()),
            *("--code", "some code"),
            *("--data", str(bench.data)),
            *("--train", str(ran.folder / "train.json")),
            *("--output", str(ran.folder / "inference.json")),
            *("--log", str(ran.folder / "inference.log")),
            *("--device", "cpu"),
        ]
    )


def test_the_job_writes_the_record_that_the_function_returns(trained: Any, tmp_path: Path) -> None:
    bench, ran = trained("classifier")
    events = ran.events
    assert run_job(bench, ran, dataset_split="val") == 0
    record = read_record(ran.folder / "inference.json", InferenceRecord)
    assert record.origin.code == "some code"
    assert record.metrics == scored((bench, ran), tmp_path, dataset_split="validation").metrics
    # What trains and evaluates a run tells its story; inference adds nothing to it.
    assert ran.events == events
    assert "validation: " in (ran.folder / "inference.log").read_text()


def test_the_job_tries_again_alone_where_others_took_the_memory(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, ran = trained("classifier")
    done, calls = ClassificationTask.score, []

    def score(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return done(*arguments, **named)

    monkeypatch.setattr(ClassificationTask, "score", score)
    assert run_job(bench, ran) == 0
    assert read_record(ran.folder / "inference.json", InferenceRecord).status is Status.OK
    assert len(calls) == 2
