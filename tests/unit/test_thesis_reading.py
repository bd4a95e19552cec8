"""Runs of the facts layout that others wrote: what is there is read, what is wrong is said."""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from studygrid.errors import NoRunsError
from studygrid.interchange.thesis import load_runs, read_runs
from tests.unit.thesis_files import (
    config_of,
    event,
    fake_run,
    foreign_run,
    no_metrics,
    perplexity,
    read_rows,
    write_events,
)

GUIDE_COLUMNS = [
    "run_dir", "encoder", "tokenizer", "seed", "latent_dim", "epochs", "best_epoch",
    "loss.total_best", "loss.total_final", "loss.recon_best", "total_time_s", "throughput_mean",
    "metric_perplex_final",
]  # fmt: skip


def reason_of(folder: Path) -> str:
    """Return why a run beside a good one is left out."""
    foreign_run(folder.parent / "good")
    facts = read_runs(run_dirs=[folder, folder.parent / "good"])
    assert facts.order == [str(folder.parent / "good")]
    ((name, reason),) = facts.incomplete
    assert name == str(folder)
    return reason


def problems_of(folder: Path) -> list[str]:
    """Return what is wrong with the files of a run that is read."""
    facts = read_runs(run_dirs=[folder])
    assert not facts.incomplete
    return [f"{Path(path).name}: {reason}" for path, reason in facts.problems]


# --- A run that is well


def test_the_table_has_the_columns_of_the_guide(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "run_a", overrides=["phase1/latent_space=vq", "phase1.lr=1e-3"])
    runs_df, per_epoch, order = load_runs(run_dirs=[str(folder)])
    assert order == list(per_epoch) == [str(folder)]
    row = runs_df.iloc[0]
    assert {name: row[name] for name in GUIDE_COLUMNS} == {
        "run_dir": str(folder),
        "encoder": "mlp",
        "tokenizer": "vq",
        "seed": 42,
        "latent_dim": 32,
        "epochs": 3,
        "best_epoch": 1,
        "loss.total_best": 0.5,
        "loss.total_final": 0.6,
        "loss.recon_best": 0.5,
        "total_time_s": 7.5,
        "throughput_mean": 100,
        "metric_perplex_final": 12,
    }
    assert (row["git_commit"], row["globals_weight"], row["latent_space"]) == ("abc123", 0.1, "vq")
    assert row["lr"] == pytest.approx(1e-3)
    assert len(row["config_sha1"]) == 40
    epochs = per_epoch[str(folder)]
    assert list(epochs["epoch"]) == [0, 1, 2]
    assert set(epochs["split"]) == {"val"}
    assert list(epochs["metric_perplex"]) == [10, 11, 12]


def test_the_run_of_the_guides_own_test_is_read(tmp_path: Path) -> None:
    for literal in (True, False):
        folder = fake_run(tmp_path / f"fake_{literal}", literal)
        facts = read_runs(run_dirs=[folder])
        row = facts.runs_df.iloc[0]
        assert (row["epochs"], row["best_epoch"], row["loss.total_best"]) == (1, 0, 0.5)
        assert row["tokenizer"] == "none"
        assert math.isnan(row["total_time_s"])
        assert facts.problems == []


def test_rows_of_both_splits_are_kept_apart(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "run", metrics=no_metrics, both_splits=True)
    runs_df, per_epoch, _ = load_runs(run_dirs=folder)
    epochs = per_epoch[str(folder)]
    train, val = (epochs.loc[epochs["split"] == split] for split in ("train", "val"))
    assert (len(train), len(val)) == (3, 3)
    assert train["val_loss"].isna().all()
    assert runs_df.iloc[0]["total_time_s"] == 7.5
    assert runs_df.iloc[0]["epochs"] == 3


def test_the_reconstruction_is_taken_of_the_histories_where_no_column_has_it(
    tmp_path: Path,
) -> None:
    folder = foreign_run(tmp_path / "run", metrics=no_metrics)
    assert read_runs(run_dirs=[folder]).runs_df.iloc[0]["loss.recon_best"] == 0.25


def test_the_time_is_the_sum_of_the_epochs_where_the_end_has_none(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "run")
    rows = read_rows(folder)
    del rows[-1]["total_time_s"]
    write_events(folder, rows)
    assert read_runs(run_dirs=[folder]).runs_df.iloc[0]["total_time_s"] == 6


def test_old_runs_have_a_cfg_yaml(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "run")
    (folder / ".hydra" / "config.yaml").rename(folder / "cfg.yaml")
    assert read_runs(run_dirs=[folder]).runs_df.iloc[0]["encoder"] == "mlp"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"phase1": {"encoder": "gnn", "tokenizer": {"name": "vq"}}}, ("gnn", "vq")),
        ({"phase1": {"encoder": {"_target_": "thesis_ml.MLPEncoder"}}}, ("mlpencoder", "none")),
        ({"enc": "mlp", "phase1": {"encoder": "${enc}"}}, ("mlp", "none")),
        ({"phase1": {"encoder": "${phase1.encoder}"}}, (None, "none")),
        ({"phase1": ["encoder"]}, (None, "none")),
        ({}, (None, "none")),
    ],
)
def test_configs_of_several_kinds_are_understood(
    tmp_path: Path, config: Mapping[str, Any], expected: tuple[str | None, str]
) -> None:
    row = read_runs(run_dirs=[foreign_run(tmp_path / "run", config=config)]).runs_df.iloc[0]
    encoder = row["encoder"] if isinstance(row["encoder"], str) else None
    assert (encoder, row["tokenizer"]) == expected


def test_an_override_never_takes_the_place_of_a_column(tmp_path: Path) -> None:
    config = config_of()
    overrides = ["phase1.trainer.epochs=50", "+model.loss=mse", "seed=42", "loss.loss=x"]
    folder = foreign_run(tmp_path / "run", config=config, overrides=overrides)
    row = read_runs(run_dirs=[folder]).runs_df.iloc[0]
    assert (row["epochs"], row["phase1.trainer.epochs"]) == (3, 50)
    assert (row["model.loss"], row["loss.loss"]) == ("mse", "x")
    assert row["seed"] == 42


def test_overrides_are_found_in_hydras_section_too(tmp_path: Path) -> None:
    config = config_of(hydra={"overrides": {"task": ["phase1/encoder=gnn", "trainer.lr=0.1"]}})
    folder = foreign_run(tmp_path / "run", config=config)
    (folder / ".hydra" / "overrides.yaml").unlink()
    assert read_runs(run_dirs=[folder]).runs_df.iloc[0]["lr"] == 0.1


# --- Runs that have not ended


def test_a_run_without_an_end_is_listed_with_the_reason(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "cut", ends=False)
    reason = reason_of(folder)
    assert reason == ("has no on_train_end among its 4 events; the last is on_epoch_end of epoch 2")


def test_a_run_that_failed_says_why(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "failed", ends=False)
    rows = [*read_rows(folder), event("on_exception", error="RuntimeError:\n out of memory")]
    write_events(folder, rows)
    assert reason_of(folder) == "has no on_train_end: RuntimeError: out of memory"


def test_an_end_that_is_cut_off_is_none(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "torn")
    path = folder / "facts" / "events.jsonl"
    path.write_text(path.read_text()[:-30])
    assert reason_of(folder).endswith("of epoch 2; its last line is cut off")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "facts/events.jsonl").unlink(), "has no facts/events.jsonl"),
        (lambda folder: (folder / "facts/scalars.csv").unlink(), "has no facts/scalars.csv"),
        (
            lambda folder: (folder / ".hydra/config.yaml").unlink(),
            "has no .hydra/config.yaml and no cfg.yaml",
        ),
        (
            lambda folder: (folder / ".hydra/config.yaml").write_text("a: [1"),
            ".hydra/config.yaml: is no YAML that can be used",
        ),
        (
            lambda folder: (folder / ".hydra/config.yaml").write_text("- 1"),
            ".hydra/config.yaml: is no YAML of sections",
        ),
        (
            lambda folder: (folder / "facts/events.jsonl").write_text(""),
            "events.jsonl has no event",
        ),
        (
            lambda folder: (folder / "facts/events.jsonl").write_bytes(b"\xff\xfe{}\n"),
            "events.jsonl has no event (line 1: is not JSON",
        ),
        (lambda folder: (folder / "facts/scalars.csv").write_text(""), "scalars.csv: is empty"),
        (
            lambda folder: (folder / "facts/scalars.csv").write_text("epoch,loss\n0,1\n"),
            "scalars.csv: has no column split, val_loss",
        ),
        (
            lambda folder: (folder / "facts/scalars.csv").write_text(
                "epoch,split,val_loss,val_loss\n0,val,1,2\n"
            ),
            "scalars.csv: has the column val_loss twice",
        ),
        (
            lambda folder: (folder / "facts/scalars.csv").write_bytes(b"epoch,split\xff\n"),
            "scalars.csv: is no CSV in UTF-8",
        ),
    ],
)
def test_files_that_cannot_be_used_are_the_reason(
    tmp_path: Path, spoil: Callable[[Path], Any], said: str
) -> None:
    folder = foreign_run(tmp_path / "run")
    spoil(folder)
    assert reason_of(folder).startswith(said)


@pytest.mark.parametrize("version", [2, "1", None, True])
def test_an_unknown_version_is_refused(tmp_path: Path, version: Any) -> None:
    folder = foreign_run(tmp_path / "run")
    rows = read_rows(folder)
    rows[2]["schema_version"] = version
    write_events(folder, rows)
    assert reason_of(folder) == (
        f"events.jsonl, line 3: schema_version is {str(version)!r}; version 1 alone can be read"
    )


def test_a_run_that_was_started_again_counts_by_its_last_training(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "run", losses=(0.9, 0.8, 0.1))
    first, lines = read_rows(folder), (folder / "facts/scalars.csv").read_text().splitlines()
    second = foreign_run(tmp_path / "second", losses=(0.7, 0.6))
    write_events(folder, [*first, *read_rows(second)])
    more = (second / "facts/scalars.csv").read_text().splitlines()[1:]
    (folder / "facts/scalars.csv").write_text("\n".join([*lines, *more]) + "\n")
    facts = read_runs(run_dirs=[folder])
    row = facts.runs_df.iloc[0]
    assert (row["epochs"], row["loss.total_best"]) == (2, 0.6)
    said = [reason for _, reason in facts.problems]
    assert "line 6: training starts again; this one counts" in said
    assert (
        "line 5: is of epoch 0 again: the 3 earlier rows from there on are of an attempt that was "
        "given up, and are left out"
    ) in said
    write_events(folder, [*first, *read_rows(second)[:-1]])
    with pytest.raises(NoRunsError, match="has no on_train_end among its 3 events"):
        read_runs(run_dirs=[folder])


def test_no_run_at_all_is_said_with_the_reasons(tmp_path: Path) -> None:
    foreign_run(tmp_path / "a", ends=False)
    (tmp_path / "b" / "facts").mkdir(parents=True)
    with pytest.raises(NoRunsError) as error:
        read_runs(tmp_path)
    assert str(error.value).splitlines() == [
        f"No valid runs found in {tmp_path}.",
        f"  {tmp_path / 'a'}: has no on_train_end among its 4 events; the last is on_epoch_end of "
        "epoch 2",
        f"  {tmp_path / 'b'}: has no .hydra/config.yaml and no cfg.yaml",
    ]


# --- Lines that cannot be used


def test_lines_that_are_no_json_are_left_out_and_named(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "run")
    lines = [json.dumps(row) for row in read_rows(folder)]
    spoilt = ["\ufeff" + lines[0], "{oops", *lines[1:], "[1]", '{"moment": "x", "moment": "y"}', ""]
    (folder / "facts/events.jsonl").write_text("\n".join([*spoilt, '{"moment": "on_te']))
    assert problems_of(folder) == [
        "events.jsonl: line 2: is not JSON (Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)): left out",
        "events.jsonl: line 7: is no JSON object: left out",
        "events.jsonl: line 8: is not JSON (the key 'moment' stands twice in one object): left out",
        "events.jsonl: line 10: is cut off: left out",
    ]


def test_nan_and_infinity_are_no_values(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "run", losses=(math.nan, 0.5, math.inf))
    facts = read_runs(run_dirs=[folder])
    row = facts.runs_df.iloc[0]
    assert (row["loss.total_best"], row["best_epoch"], row["epochs"]) == (0.5, 1, 3)
    assert math.isnan(row["loss.total_final"])
    said = " ".join(reason for _, reason in facts.problems)
    assert "val_loss is NaN, which is no number: left out" in said
    assert "val_loss is inf: read as no value" in said


def test_a_run_without_any_loss_has_a_row_without_values(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "run", losses=(math.nan, math.nan), metrics=no_metrics)
    row = read_runs(run_dirs=[folder]).runs_df.iloc[0]
    assert row["epochs"] == 2
    for name in ("best_epoch", "loss.total_best", "loss.total_final", "loss.recon_best"):
        assert math.isnan(row[name])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x,val,1,1,2,100,", "names no epoch and split: left out"),
        ("0.5,val,1,1,2,100,", "names no epoch and split: left out"),
        ("-1,val,1,1,2,100,", "names no epoch and split: left out"),
        ("7,elsewhere,1,1,2,100,", "names no epoch and split: left out"),
        ("7,val,1,one,2,100,", "val_loss is 'one', no number: row left out"),
        ("7,val,1,1e999,2,100,", "val_loss is 1e999: read as no value"),
        ("7,va", "names no epoch and split: left out"),
        ("7,val,1", "has 3 cells, the header 7: left out"),
    ],
)
def test_rows_that_cannot_be_used_are_named(tmp_path: Path, line: str, said: str) -> None:
    folder = foreign_run(tmp_path / "run", metrics=no_metrics)
    with (folder / "facts/scalars.csv").open("a") as file:
        file.write(line)
    assert problems_of(folder) == [f"scalars.csv: line 5: {said}"]
    assert read_runs(run_dirs=[folder]).runs_df.iloc[0]["loss.total_best"] == 0.5


def test_many_faults_of_a_kind_are_one_line(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "run")
    with (folder / "facts/events.jsonl").open("a") as file:
        file.write("[]\n" * 50)
    (said,) = problems_of(folder)
    assert said.endswith("line 6: is no JSON object: left out (and 49 more of such)")


# --- The header that shifts


def later(epoch: int) -> dict[str, float]:
    """Return metrics of which the first row has one alone."""
    return {"rec_tokens": 0.5} if epoch == 0 else {"perplex": 10.0 + epoch, "rec_tokens": 0.25}


def exchanged(epoch: int) -> dict[str, float]:
    """Return as many metrics in each row, but other ones."""
    return {"rec_tokens": 0.5} if epoch == 0 else {"perplex": 10.0 + epoch}


def test_rows_with_more_metrics_than_the_header_are_put_right(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "run", metrics=later)
    assert (folder / "facts/scalars.csv").read_text().splitlines()[2].count(",") == 8
    facts = read_runs(run_dirs=[folder])
    epochs = facts.per_epoch[str(folder)]
    assert epochs["metric_rec_tokens"].tolist() == [0.5, 0.25, 0.25]
    assert epochs["metric_perplex"].tolist()[1:] == [11, 12]
    assert math.isnan(epochs["metric_perplex"][0])
    ((_, said),) = facts.problems
    assert said == (
        "line 3: its metrics are not those of the header, which the first row froze: read as "
        "metric_perplex, metric_rec_tokens, which the events say (and 1 more of such)"
    )


def test_rows_with_other_metrics_than_the_header_are_put_right(tmp_path: Path) -> None:
    facts = read_runs(run_dirs=[foreign_run(tmp_path / "run", metrics=exchanged)])
    epochs = facts.per_epoch[facts.order[0]]
    # Read by the header, the perplexity would be a reconstruction error of 11.
    assert epochs["metric_rec_tokens"].dropna().tolist() == [0.5]
    assert epochs["metric_perplex"].dropna().tolist() == [11, 12]
    assert len(facts.problems) == 1


def test_shifted_metrics_that_no_event_tells_are_left_out(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "run", metrics=later)
    write_events(folder, [event("on_train_end")])
    facts = read_runs(run_dirs=[folder])
    epochs = facts.per_epoch[str(folder)]
    assert epochs["val_loss"].tolist() == [0.9, 0.5, 0.6]
    assert epochs["metric_rec_tokens"].dropna().tolist() == [0.5]
    ((_, said),) = facts.problems
    assert said.startswith(
        "line 3: has 2 metrics, the header 1, and no event tells which they are: its metrics are "
        "left out"
    )


def test_rows_that_fit_are_not_touched(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "run", metrics=perplexity)
    rows = read_rows(folder)
    rows[1]["metrics"] = {"perplex": 99.0}  # the events have less, and other numbers
    write_events(folder, rows)
    facts = read_runs(run_dirs=[folder])
    assert facts.per_epoch[str(folder)]["metric_perplex"].tolist() == [10, 11, 12]
    assert facts.problems == []


# --- Files that want to do harm


def test_a_yaml_of_names_within_names_is_refused(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "run")
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    names = "abcdefgh"
    for before, name in itertools.pairwise(names):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    (folder / ".hydra" / "config.yaml").write_text("\n".join(lines))
    assert "it has more than 100,000 values" in reason_of(folder)


def test_a_yaml_that_names_code_is_refused(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "run")
    (folder / ".hydra" / "config.yaml").write_text("a: !!python/object/apply:os.getcwd []")
    assert "is no YAML that can be used" in reason_of(folder)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    folder = foreign_run(tmp_path / "run")
    (folder / "facts/events.jsonl").unlink()
    os.mkfifo(folder / "facts/events.jsonl")
    assert reason_of(folder) == "facts/events.jsonl: is no plain file"


def test_numbers_that_no_run_has_are_no_error(tmp_path: Path) -> None:
    config = config_of(seed=10**40)
    folder = foreign_run(tmp_path / "run", config=config, overrides=[f"a=1e999,b={10**50}"])
    with (folder / "facts/events.jsonl").open("a") as file:
        file.write('{"moment": "on_test_end", "metrics": {"a": 1e999, "b": "x", "c": 0.5}}\n')
    row = read_runs(run_dirs=[folder]).runs_df.iloc[0]
    assert row["test_c"] == 0.5
    assert "test_b" not in row
    assert yaml.safe_load((folder / ".hydra/config.yaml").read_text())
