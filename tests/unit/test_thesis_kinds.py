"""Columns of runs that mean nothing for a kind of model are null."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from studygrid.interchange.thesis import export_facts, read_runs
from studygrid.interchange.thesis_kinds import has_loss_of_its_own, is_fitted, tokenizer_of
from studygrid.records import TrainRecord, read_record
from studygrid.spec import TrainSpec
from tests.unit.thesis_studies import study_of, tokenizer_study

FITTED = ["isolation_forest", "supervised"]
CODEBOOK = ["codebook_size", "codes", "codebook_decay", "restart_below", "commitment"]
LOSSES = ["loss.total_best", "loss.total_final", "loss.recon_best", "loss.rec_globals_best"]


@pytest.fixture(params=["study", "export"])
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> pd.DataFrame:
    study = tokenizer_study(tmp_path / "study")
    if request.param == "study":
        return read_runs(study.folder).runs_df
    export_facts(study, tmp_path / "out")
    return read_runs(tmp_path / "out").runs_df


def test_models_without_a_tokenizer_are_not_taken_for_tokenizers(runs: pd.DataFrame) -> None:
    tokenizers = runs.drop_duplicates("model").set_index("model")["tokenizer"]
    assert tokenizers[["mlp_vq", "mlp_linear", "mlp_none"]].tolist() == ["vq", "linear", "none"]
    assert tokenizers[FITTED].isna().all()


def test_losses_of_other_units_are_not_ranked_with_those_of_the_autoencoders(
    runs: pd.DataFrame,
) -> None:
    is_fitted = runs["model"].isin(FITTED)
    assert runs.loc[is_fitted, LOSSES].isna().to_numpy().all()
    assert runs.loc[~is_fitted, ["loss.total_best", "loss.total_final"]].notna().to_numpy().all()
    kinds = runs.drop_duplicates("model").set_index("model")["loss_kind"]
    assert kinds["mlp_none"] == kinds["mlp_vq"] == "reconstruction"
    assert kinds[FITTED].tolist() == ["isolation", "separation"]
    best = runs["loss.total_best"].astype(float).argmin()
    assert runs["loss_kind"].tolist()[best] == "reconstruction"


def test_settings_of_a_codebook_are_those_of_vq_alone(runs: pd.DataFrame) -> None:
    has_codes = runs["model"] == "mlp_vq"
    assert (runs.loc[has_codes, ["codebook_size", "codes"]] == 64).to_numpy().all()
    assert runs.loc[has_codes, CODEBOOK].notna().to_numpy().all()
    assert runs.loc[~has_codes, CODEBOOK].isna().to_numpy().all()


def test_what_is_fitted_at_once_has_no_weight_and_no_throughput(runs: pd.DataFrame) -> None:
    is_fitted = runs["model"].isin(FITTED)
    names = ["globals_weight", "throughput_mean", "class_weight"]
    assert runs.loc[is_fitted, names].isna().to_numpy().all()
    assert runs.loc[~is_fitted, names].notna().to_numpy().all()
    assert "loss.globals_weight" not in runs


def spec_of(of: str, folder: Path, **changes: object) -> TrainSpec:
    study = study_of(of, folder)
    path = study.folder / "runs" / next(iter(study.facts)).path / "train.json"
    return read_record(path, TrainRecord).spec.model_copy(update=changes)


def test_an_engine_with_the_loss_of_the_networks_is_compared_with_them(tmp_path: Path) -> None:
    specs = {
        name: spec_of("ptychography", tmp_path / name, architecture=name)
        for name in ("pinn", "iterative")
    }
    assert [is_fitted(spec) for spec in specs.values()] == [False, True]
    assert not any(map(has_loss_of_its_own, specs.values()))
    assert {tokenizer_of(spec) for spec in specs.values()} == {"none"}


def test_a_family_that_is_a_file_is_not_run_by_reading(tmp_path: Path) -> None:
    (tmp_path / "family.py").write_text("raise SystemExit('was run')")
    family = f"{tmp_path}/family.py:FAMILY"
    spec = spec_of("classification", tmp_path / "study", family=family)
    assert (tokenizer_of(spec), is_fitted(spec)) == ("none", False)
