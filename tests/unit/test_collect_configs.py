"""What runs claim to be: of one configuration, of a known status, with scores that can be."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import studygrid
from studygrid.interchange.foreign.bounds import without_impossible
from studygrid.interchange.foreign.comparing import compared
from studygrid.interchange.foreign.configurations import config_key, labels
from studygrid.interchange.foreign.layouts import Item
from studygrid.interchange.foreign.merging import placed
from studygrid.interchange.foreign.runs import ForeignRun
from studygrid.interchange.foreign.study import collected_study
from studygrid.interchange.foreign.vae_layout import read
from tests.unit import resomap_studies
from tests.unit.foreign_files import resomap_cell, write_experiment, write_json, write_vae


def summary(loss: float = 10.0, **changes: Any) -> dict[str, Any]:
    """Return a summary of a guide's run; `changes` are of its config."""
    test = {"test_loss": loss, "test_bce": loss - 3, "test_kld": 3.0}
    return {"config": {"model_name": "vae_final", **changes}, "metrics": {"test": test}}


def write_runs(folder: Path, *configs: dict[str, Any]) -> Path:
    """Write runs as the guide's runner does, all under one name."""
    for at, config in enumerate(configs):
        place = folder / "outputs" / "vae_training" / f"run{at}" / "summary.json"
        write_json(place, summary(10.0 + at, **config))
    return folder


def model(latent: int, beta: float) -> dict[str, Any]:
    return {"model": {"latent_dim": latent, "beta": beta}}


def run(seed: int | None = None, name: str = "a", score: float = 0.5, **config: Any) -> ForeignRun:
    """Return a run; `config` are sections of its settings."""
    path = Path(f"{name}{seed}{score}{json.dumps(config, default=str)}")
    return ForeignRun("vae", name, (path,), seed=seed, metrics={"bce": score}, config=config)


# --- Configs


def test_runs_of_one_name_with_other_configs_are_no_seeds_of_one(tmp_path: Path) -> None:
    write_runs(tmp_path, model(32, 1.0), model(64, 4.0), model(64, 4), model(128, 10.0))
    found = studygrid.collect(tmp_path)
    assert found.frame[["model", "seed"]].to_numpy().tolist() == [
        ["vae_final [beta=1, latent_dim=32]", 0],
        ["vae_final [beta=4, latent_dim=64]", 0],
        ["vae_final [beta=4, latent_dim=64]", 1],
        ["vae_final [beta=10, latent_dim=128]", 0],
    ]
    (note,) = (note for note in found.notes if "unequal configs" in note)
    assert note.startswith("The 4 runs called vae_final have 3 unequal configs, so they are no")
    table = compared(found).comparison.table
    assert table["test_bce_mean"].tolist() == [7.0, 8.5, 10.0]


def test_what_is_of_a_run_alone_makes_no_other_configuration(tmp_path: Path) -> None:
    write_runs(
        tmp_path,
        *(
            {**model(32, 1.0), "seed": seed, "run_id": f"r{seed}", "timestamp": f"2025-01-0{seed}"}
            | {"trainer": {"log_dir": f"logs/{seed}", "device": f"cuda:{seed}", "max_epochs": 5}}
            for seed in (1, 2, 3)
        ),
    )
    found = studygrid.collect(tmp_path)
    assert found.frame[["model", "seed"]].to_numpy().tolist() == [
        ["vae_final", 1], ["vae_final", 2], ["vae_final", 3],
    ]  # fmt: skip
    assert not [note for note in found.notes if "unequal" in note]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"data": {"path": "a.csv"}}, {"data": {"path": "b.csv"}}),
        ({"training": {"data_path": "a.csv"}}, {"training": {"data_path": "b.csv"}}),
        ({"training": {"optimizer": {"name": "adam"}}}, {"training": {"optimizer": {"name": "a"}}}),
        ({"options": {"hidden": [8, 4]}}, {"options": {"hidden": [8, 8]}}),
        ({"options": {"norm": True}}, {"options": {"norm": 1}}),
        ({"options": {"norm": True}}, {}),
    ],
)
def test_other_settings_make_another_configuration(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    found = placed([run(0, **one), run(1, **other)])
    assert len({place.model for place in found.runs}) == 2


def test_a_run_without_a_config_is_of_its_own() -> None:
    found = placed([run(0, options={"latent": 2}), run(1)])
    assert [(at.model, at.seed) for at in found.runs] == [("a", 0), ("a [no config]", 1)]


def test_long_differences_are_numbers_and_names_stay_unlike() -> None:
    options = [{f"option_{key}": at for key in range(5)} for at in range(2)]
    configs: list[dict[str, Any]] = [{"options": own} for own in options]
    assert labels([run(**config) for config in configs], []) == [" [1]", " [2]"]
    runs = [run(name="x" * 80 + end, **own) for end in "ab" for own in configs]
    names = [at.model for at in placed(runs).runs]
    assert len(set(names)) == 4
    assert max(map(len, names)) <= 64


def test_a_setting_that_stands_twice_is_named_once_unless_it_differs() -> None:
    same = [run(training={"beta": beta}, loss={"beta": beta}) for beta in (1, 4)]
    assert labels(same, []) == [" [beta=1]", " [beta=4]"]
    other = [run(training={"rate": 1}, loss={"rate": 2}), run(training={"rate": 2}, loss={"x": 0})]
    assert "training.rate=1" in labels(other, [])[0]


def test_one_seed_with_two_configs_is_two_runs() -> None:
    found = placed([run(0, options={"latent": 2}), run(0, score=0.6, options={"latent": 4})])
    assert [at.model for at in found.runs] == ["a [latent=2]", "a [latent=4]"]
    assert found.problems == []


def test_configs_of_other_sizes_are_told_apart_by_these_alone() -> None:
    runs = [
        ForeignRun("vae", "a", (Path(str(size)),), n_train=size, config={"options": {"x": size}})
        for size in (8, 16)
    ]
    assert [at.model for at in placed(runs).runs] == ["a", "a"]
    assert config_key(run()) is None


def test_experiments_of_one_name_with_other_settings_are_split(tmp_path: Path) -> None:
    write_experiment(tmp_path / "1", "swin", iou=0.6, batch_size=4)
    write_experiment(tmp_path / "2", "swin", iou=0.7, batch_size=8)
    names = studygrid.collect(tmp_path).frame["model"].tolist()
    assert names == ["swin [batch_size=4]", "swin [batch_size=8]"]


# --- Losses


def test_a_loss_that_the_runs_of_a_model_do_not_share_is_not_known(tmp_path: Path) -> None:
    def own(size: int, loss: dict[str, float]) -> ForeignRun:
        return ForeignRun(
            "vae", "a", (Path(str(size)),), n_train=size, seed=0, metrics={"loss": 9.0},
            config={"loss": loss}, written_here=True,
        )  # fmt: skip

    runs = [own(8, {"beta": 8.0, "beta_warmup": 0.0}), own(9, {"beta": 4.0, "beta_warmup": 0.0})]
    study = collected_study(runs, "s", tmp_path)
    assert study.plan.models["a"].loss.model_dump() == {}
    (best,) = studygrid.compare({"s": _collected(runs, tmp_path)}, metrics=["loss"]).best("loss")
    assert "nothing says what that was" in str(best.not_comparable)
    equal = collected_study([runs[0]], "s", tmp_path)
    assert equal.plan.models["a"].loss.model_dump()["beta"] == 8.0


def _collected(runs: list[ForeignRun], folder: Path) -> Any:
    from studygrid.interchange.foreign.collecting import CollectedRuns

    return CollectedRuns({"tagvae": collected_study(runs, "s", folder)}, [])


# --- Scores that cannot be


def test_scores_outside_their_bounds_are_null_and_named(tmp_path: Path) -> None:
    for name, hamming, kl in (("honest", 0.1, 3.0), ("percent", -12.0, -3.0)):
        test = {"test_bce": 5.0, "test_kld": kl, "test_hamming_loss": hamming}
        content = {"test": test, "val": {"val_jaccard_index": 68.0, "val_bce": -1.0}}
        write_json(tmp_path / f"{name}_metrics.json", content)
    found = studygrid.collect(tmp_path)
    row = found.frame.set_index("model").loc["percent"]
    assert row[["test_kl", "test_hamming_loss", "test_elbo", "validation_bce"]].isna().all()
    assert row["test_bce"] == 5.0
    path = tmp_path / "percent_metrics.json"
    assert {one.reason for one in found.problems if one.path == path} == {
        "validation_bce is -1, below 0, which it cannot be: left out",
        "test_kl is -3, below 0, which it cannot be: left out",
        "hamming_loss is -12, outside its bounds, 0 to 1: left out",
        "validation_jaccard_index is 68, outside its bounds, 0 to 1: left out",
    }
    for metric in ("kl", "hamming_loss"):
        assert studygrid.compare(found).best(metric)[0].name == "honest"


def test_percentages_of_other_families_are_left_out_too(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", resomap_cell(accuracy=89.0))
    place = write_experiment(tmp_path, "swin", iou=70.0)
    found = studygrid.collect(tmp_path)
    assert found.studies["classification"].frame["test_accuracy"].isna().all()
    reasons = [one.reason for one in found.problems if one.path == place]
    assert "validation_iou is 70.01, outside its bounds, 0 to 1: left out" in reasons
    assert any("epoch 1: validation_iou is 11.6667" in reason for reason in reasons)
    assert found.epochs["validation_iou"].isna().all()


def test_rounding_is_within_the_bounds() -> None:
    scores = {"a": 1 + 1e-9, "b": -1e-12, "c": None, "d": 1.01}
    kept, reasons = without_impossible(scores, dict.fromkeys("abcd", (0, 1)))
    assert kept == {**scores, "d": None}
    assert len(reasons) == 1


# --- Status


@pytest.mark.parametrize("status", ["diverged", "oom", "missing"])
def test_scores_of_runs_that_are_not_ok_are_left_out(status: str, tmp_path: Path) -> None:
    for at, said in enumerate(("ok", None, status)):
        content = {**summary(10.0 * 10**at, seed=at), **({"status": said} if said else {})}
        write_json(tmp_path / f"{at}_summary.json", content)
    found = studygrid.collect(tmp_path)
    assert found.frame["status"].tolist() == ["ok", "ok", status]
    means = found.studies["tagvae"].summary.set_index("metric")["mean"]
    assert means["test_loss"] == 55.0


def test_a_run_of_an_unknown_status_is_listed_and_not_used(tmp_path: Path) -> None:
    write_vae(tmp_path, "good")
    path = write_json(tmp_path / "b_summary.json", {**summary(), "status": "weird"})
    found = studygrid.collect(tmp_path)
    assert found.frame["model"].tolist() == ["good"]
    words = "its status is 'weird', which is none of ok, diverged, oom, missing"
    assert [(one.path, one.reason) for one in found.problems] == [(path, words)]
    assert read([Item(path, {**summary(), "status": "weird"})]).runs == []


def test_experiments_that_are_not_ok_have_no_scores(tmp_path: Path) -> None:
    write_experiment(tmp_path / "x", "good")
    write_experiment(tmp_path / "x", "bad", iou=0.9, status="diverged")
    odd = write_experiment(tmp_path / "x", "odd", status="weird")
    found = studygrid.collect(tmp_path / "x")
    scores = found.frame.set_index("model")["validation_iou"]
    assert scores["good"] == pytest.approx(0.71)
    assert pd.isna(scores["bad"])
    assert [one.path for one in found.problems] == [odd]


# --- The same folder twice


def test_a_folder_that_is_named_twice_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resomap_studies.finished(tmp_path / "ours")
    (tmp_path / "link").symlink_to("ours")
    monkeypatch.chdir(tmp_path)
    once = compared("ours")
    for again in ("ours", "./ours/", str(tmp_path / "ours"), Path("link")):
        found = compared(["ours", again])
        assert len(found.comparison.table) == len(once.comparison.table)
        assert found.notes[0].startswith(os.fspath(again))
        assert found.notes[0].endswith("was named twice: it counts once.")
