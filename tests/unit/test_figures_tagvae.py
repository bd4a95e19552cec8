"""The figures of tag VAEs: what is drawn is what the records say, and nothing else."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from studygrid.families.base import load_reference
from studygrid.families.tagvae import FAMILY
from studygrid.figures.active_units import active_units
from studygrid.figures.contrasting import contrasting_models
from studygrid.figures.cooccurrence import cooccurrence
from studygrid.figures.diversity_reconstruction import diversity_reconstruction
from studygrid.figures.drawing import Drawing, save
from studygrid.figures.largest_place import largest_place
from studygrid.figures.latent_projection import latent_projection
from studygrid.figures.loss_parts import QUANTITIES, loss_parts
from studygrid.figures.rate_distortion import rate_distortion
from studygrid.figures.style import WIDTH_IN
from studygrid.figures.tag_frequency import tag_frequency
from studygrid.figures.tags_per_row import tags_per_row
from studygrid.grid import Run
from studygrid.results.study_results import StudyResults
from tests.unit.tagvae_studies import (
    BASELINES,
    LARGE,
    ROWS,
    VAE,
    Made,
    examples_of,
    facts_of,
    made,
    metrics_of,
    tables_of,
    tag_names,
    tag_study,
    vaes,
)

pytestmark = pytest.mark.filterwarnings("error")
NAMES = list(FAMILY.figures)
HOSTILE = '<script>alert("x")</script> & $\\frac{1}{2}$ 100% _a|b=c_'
LONG = [f"a_rather_long_model_name_with_number_{number:02d}" for number in range(11)]
Draw = Callable[[str, str], Drawing]


def grid(resolution: int = 16, seeds: int = 2, sizes: tuple[Any, ...] = ("all",)) -> dict[str, Any]:
    return {"resolution": [resolution], "n_train": list(sizes), "seed": seeds}


def fate(run: Run) -> str:
    return {3: "diverged", 5: "oom", 6: "missing"}.get((len(run.path) + run.seed) % 7, "ok")


def hostile_names(count: int) -> list[str]:
    return [HOSTILE, *tag_names(count)][:count]


FEW: dict[str, Any] = {"models": {**vaes(0.5, 1, 4), **BASELINES}, "grid": grid(32, 3)}
STUDIES: dict[str, dict[str, Any]] = {
    "hostile": {
        "name": HOSTILE,
        "fate": fate,
        "names": hostile_names,
        "models": {**vaes(0.5, 1, 4), "large": LARGE, **BASELINES},
        "grid": grid(48, 4),
    },
    "long names": {
        "models": {
            **{name: {**VAE, "loss": {"beta": 0.3 * 1.5**n}} for n, name in enumerate(LONG)},
            **BASELINES,
        },
        "grid": grid(),
    },
    "ten seeds": {"models": {**vaes(1, 10), **BASELINES}, "grid": grid(seeds=10)},
    "one run": {"models": {"small": VAE}, "grid": grid(seeds=1)},
    "nothing": {"fate": lambda run: "missing", "models": {"small": VAE}},
}


def figure(name: str) -> Callable[[StudyResults], Drawing]:
    function: Callable[[StudyResults], Drawing] = load_reference(FAMILY.figures[name])
    return function


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], StudyResults]:
    @cache
    def study(kind: str) -> StudyResults:
        config = FEW if kind == "few" else STUDIES[kind]
        return tag_study(tmp_path_factory.mktemp(kind.replace(" ", "_")), **config)

    return study


@pytest.fixture(scope="module")
def drawn(studies: Callable[[str], StudyResults]) -> Draw:
    @cache
    def draw(kind: str, name: str) -> Drawing:
        return figure(name)(studies(kind))

    return draw


def own(study: StudyResults) -> dict[Run, Made]:
    """Return what the models of the runs that ended well made."""
    ok = study.frame["status"] == "ok"
    runs = [run for run, is_ok in zip(study.plan.runs, ok, strict=True) if is_ok]
    return {run: made(study.plan, run) for run in runs}


def words(drawing: Drawing) -> str:
    return " ".join(text.get_text() for text in drawing.figure.findobj(Text))


# --- Every figure


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", STUDIES)
def test_all_words_are_within_the_figure(drawn: Draw, kind: str, name: str) -> None:
    drawing = drawn(kind, name).figure
    width, height = drawing.get_size_inches()
    assert width == WIDTH_IN
    assert height < 11
    there = drawing.get_tightbbox(FigureCanvasAgg(drawing).get_renderer())  # type: ignore[no-untyped-call]
    assert min(there.x0, there.y0) > -0.02
    assert there.x1 < width + 0.02
    assert there.y1 < height + 0.02


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", STUDIES)
def test_the_columns_are_those_that_are_documented(drawn: Draw, kind: str, name: str) -> None:
    function, drawing = figure(name), drawn(kind, name)
    columns = sys.modules[function.__module__].TABLE_COLUMNS
    described = function.__doc__ or ""
    assert list(drawing.table.columns) == columns
    for column in columns:
        patterns = {column, re.sub("^(data|reconstruction|prior)_", "<kind>_", column)}
        patterns.add(re.sub("^(train|validation)_(bce|kl|loss)", "<split>_<part>", column))
        assert any(f"`{pattern}`" in described for pattern in patterns), column
    assert drawing.table.empty == (kind == "nothing")
    if kind != "nothing":
        assert re.search(r"Of the \d+ runs? planned there", drawing.caption)
        assert "all 1599 samples" in drawing.caption


@pytest.mark.parametrize("name", NAMES)
def test_two_drawings_are_the_same_bytes_and_hold_names_as_they_are(
    studies: Callable[[str], StudyResults], name: str, tmp_path: Path
) -> None:
    for folder in ("first", "second"):
        save(figure(name)(studies("hostile")), tmp_path / folder / name)
    for suffix in (".svg", ".png", ".csv"):
        one, other = ((tmp_path / at / name).with_suffix(suffix) for at in ("first", "second"))
        assert one.read_bytes() == other.read_bytes()
    root = ElementTree.fromstring((tmp_path / "first" / f"{name}.svg").read_bytes())
    assert HOSTILE in "".join(root.itertext())
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", ["diverged", "missing"])
def test_without_a_run_that_ended_well_the_reason_is_drawn(
    tmp_path: Path, name: str, status: str
) -> None:
    config: dict[str, Any] = {"models": {"small": VAE}, "grid": grid()}
    drawing = figure(name)(tag_study(tmp_path, fate=lambda run: status, **config))
    assert drawing.table.empty
    assert "No run has ended well yet" in drawing.caption
    assert status in drawing.caption


@pytest.mark.parametrize("name", NAMES)
def test_what_failed_is_counted(drawn: Draw, name: str) -> None:
    counts = re.search(r"Of the 24 runs planned there: (.*?)\.", drawn("hostile", name).caption)
    assert counts is not None
    found = {part.split(" ", 1)[1]: int(part.split()[0]) for part in counts[1].split(", ")}
    runs = [
        Run(model, 48, "all", seed) for model in STUDIES["hostile"]["models"] for seed in range(4)
    ]
    fates = pd.Series([fate(run) for run in runs]).value_counts()
    assert found["ok"] == fates["ok"]
    assert found["diverged"] == fates["diverged"]
    assert found["missing"] == fates["missing"]
    assert found["ran out of memory"] == fates["oom"]


@pytest.mark.parametrize("name", NAMES)
def test_models_are_compared_at_the_largest_place_that_most_share(
    tmp_path: Path, name: str
) -> None:
    def lacks_the_largest(run: Run) -> str:
        return "missing" if (run.resolution, run.n_train) == (32, "all") else "ok"

    config: dict[str, Any] = {
        "models": {**vaes(1, 4), **BASELINES},
        "grid": {"resolution": [32, 16], "n_train": ["all", 64], "seed": 1},
    }
    drawing = figure(name)(tag_study(tmp_path, fate=lacks_the_largest, **config))
    assert "At 32 tags, 64 samples, the largest vocabulary" in drawing.caption
    table = drawing.table
    assert set(table["resolution"].dropna()) == {32}
    assert set(table["n_train"].dropna()) == {"64"}


@pytest.mark.parametrize("name", ["active_units", "latent_projection", "loss_parts"])
def test_baselines_alone_have_no_latent_space_and_no_curve(tmp_path: Path, name: str) -> None:
    drawing = figure(name)(tag_study(tmp_path, models=BASELINES, grid=grid()))
    assert drawing.table.empty
    assert "No model" in drawing.caption


# --- The parts of the loss


def test_loss_parts_are_those_of_the_epochs(
    studies: Callable[[str], StudyResults], drawn: Draw
) -> None:
    study = studies("few")
    table = loss_parts(study).table
    run = next(run for run in study.facts if run.model == "vae_b4" and run.seed == 1)
    lines = study.epochs.loc[(study.epochs["model"] == "vae_b4") & (study.epochs["seed"] == 1)]
    seed = table.loc[
        (table["kind"] == "seed") & (table["model"] == run.model) & (table["seed"] == 1)
    ]
    assert len(seed) == 12
    for name in QUANTITIES:
        np.testing.assert_allclose(seed[name].astype(float), lines[name].astype(float))
    mean = table.loc[(table["kind"] == "mean") & (table["model"] == "vae_b4")]
    every = study.epochs.loc[study.epochs["model"] == "vae_b4"].groupby("epoch")
    np.testing.assert_allclose(mean["validation_kl"].astype(float), every["validation_kl"].mean())
    assert set(mean["n"]) == {3}


def test_the_baselines_are_levels_and_no_panels(studies: Callable[[str], StudyResults]) -> None:
    study = studies("few")
    drawing = loss_parts(study)
    levels = drawing.table.loc[drawing.table["kind"] == "baseline"].set_index("model")
    assert list(levels.index) == ["independent", "nearest"]
    bce = np.mean([own.bce for run, own in own_of(study, "nearest")])
    assert levels.loc["nearest", "validation_bce"] == pytest.approx(bce)
    titles = [axes.get_title(loc="left") for axes in drawing.figure.axes if axes.axison]
    assert titles == ["vae_b0.5, β = 0.5", "vae_b1, β = 1", "vae_b4, β = 4"]


def own_of(study: StudyResults, model: str) -> list[tuple[Run, Made]]:
    return [(run, one) for run, one in own(study).items() if run.model == model]


def test_a_run_that_failed_ends_at_a_cross(tmp_path: Path) -> None:
    study = tag_study(
        tmp_path,
        fate=lambda run: "diverged" if run.seed == 0 else "ok",
        models={"small": VAE},
        grid=grid(seeds=3),
    )
    drawing = loss_parts(study)
    assert "failed" in words(drawing)
    failed = drawing.table.loc[drawing.table["status"] == "diverged"]
    assert set(failed["seed"]) == {0}
    assert set(drawing.table.loc[drawing.table["kind"] == "mean", "n"]) == {2}


# --- Rate and distortion


def test_rate_and_distortion_are_kl_and_bce(studies: Callable[[str], StudyResults]) -> None:
    study = studies("few")
    table = rate_distortion(study).table
    for run, one in own(study).items():
        row = table.loc[(table["model"] == run.model) & (table["seed"] == run.seed)]
        assert row["rate"].tolist() == pytest.approx([one.kl])
        assert row["distortion"].tolist() == pytest.approx([one.bce])
        assert row["elbo"].tolist() == pytest.approx([-(one.kl + one.bce)])
    means = table.loc[table["kind"] == "mean"].set_index("model")
    kls = [one.kl for _, one in own_of(study, "vae_b1")]
    assert means.loc["vae_b1", "rate"] == pytest.approx(np.mean(kls))
    half = 4.302653 * np.std(kls, ddof=1) / np.sqrt(3)  # Student's t, 97.5 %, two degrees
    assert means.loc["vae_b1", "rate_ci_high"] == pytest.approx(np.mean(kls) + half)
    assert means["beta"].tolist() == pytest.approx([0.5, 1, 4, np.nan, np.nan], nan_ok=True)


def test_a_line_joins_models_that_differ_in_beta_alone(tmp_path: Path) -> None:
    other = {"architecture": "mlp_vae", "options": {"latent": 16}, "loss": {"beta": 2.0}}
    models = {"high": {**VAE, "loss": {"beta": 4.0}}, "other": other, "low": VAE}
    drawing = rate_distortion(tag_study(tmp_path, models=models, grid=grid()))
    assert "A line joins models that differ in β alone." in drawing.caption
    means = drawing.table.loc[drawing.table["kind"] == "mean"].set_index("model")["rate"]
    chains = [
        line.get_xdata().tolist()  # type: ignore[union-attr]
        for line in drawing.figure.axes[0].lines
        if line.get_color() == "#9a9a9a"
    ]
    assert chains == [[means["low"], means["high"]]]
    names = ["β = 4", "β = 2", "β = 1"]
    assert all(name in words(drawing) for name in names)


def test_without_two_betas_no_line_is_spoken_of(drawn: Draw) -> None:
    assert "A line joins" not in drawn("one run", "rate_distortion").caption


def test_lines_of_equal_elbo_are_where_they_say(drawn: Draw) -> None:
    axes = drawn("ten seeds", "rate_distortion").figure.axes[0]
    lines = [line for line in axes.lines if line.get_color() == "#d4d4d4"]
    totals = [np.sum(line.get_xydata(), axis=1) for line in lines]
    named = [
        -float(text.get_text().removeprefix("ELBO ").replace("−", "-"))
        for text in axes.texts
        if text.get_text().startswith("ELBO")
    ]
    assert len(named) == len(lines) > 1
    np.testing.assert_allclose([total[0] for total in totals], named)
    np.testing.assert_allclose([total[1] for total in totals], named)


# --- Active units


def test_active_units_are_counted_and_their_variances_ranked(
    studies: Callable[[str], StudyResults],
) -> None:
    study = studies("few")
    table = active_units(study).table
    assert set(table["model"]) == {"vae_b0.5", "vae_b1", "vae_b4"}
    seeds = table.loc[table["kind"] == "seed"].set_index(["model", "seed"])
    for run, one in own(study).items():
        if one.codes is not None:
            row: Any = seeds.loc[(run.model, run.seed)]
            assert row["active_units"] == one.active_units
            assert row["latent_units"] == 32
            assert row["active_percent"] == pytest.approx(100 * (one.active_units or 0) / 32)
    spectrum = table.loc[(table["panel"] == "spectrum") & (table["model"] == "vae_b1")]
    assert spectrum["rank"].tolist() == list(range(1, 33))
    codes = [one.codes for _, one in own_of(study, "vae_b1") if one.codes is not None]
    ordered = [np.sort(one.var(axis=0))[::-1] for one in codes]
    np.testing.assert_allclose(spectrum["variance"].astype(float), np.median(ordered, axis=0))


def test_the_mean_count_of_units_is_written(studies: Callable[[str], StudyResults]) -> None:
    study = studies("few")
    units = [one.active_units for _, one in own_of(study, "vae_b0.5")]
    mean = round(float(np.mean([unit for unit in units if unit is not None])), 1)
    assert f"{mean:g} of 32" in words(active_units(study))
    assert "Without a latent space: independent, nearest." in active_units(study).caption


@pytest.mark.parametrize("variance", [0.0, 1e-300])
def test_a_latent_space_of_which_nothing_is_used_is_drawn(tmp_path: Path, variance: float) -> None:
    def no_variance(run: Run, made: Made) -> Any:
        return {**tables_of(made), "latent_units": [[variance, 0.0]] * 32}

    study = tag_study(tmp_path, tables=no_variance, models=vaes(1), grid=grid())
    drawing = active_units(study)
    spectrum = drawing.table.loc[drawing.table["panel"] == "spectrum", "variance"]
    assert set(spectrum) == {variance}


# --- Diversity


def test_diversity_is_against_micro_f1_and_the_data_is_a_level(
    studies: Callable[[str], StudyResults],
) -> None:
    study = studies("few")
    table = diversity_reconstruction(study).table
    for run, one in own(study).items():
        values = metrics_of(one)
        for name in ("prior_unique_percent", "prior_entropy_nats"):
            row = table.loc[
                (table["panel"] == name)
                & (table["model"] == run.model)
                & (table["seed"] == run.seed)
            ]
            assert row["diversity"].tolist() == pytest.approx([values[name]])
            assert row["reconstruction"].tolist() == pytest.approx([values["micro_f1"]])
    data = table.loc[table["kind"] == "data"].set_index("panel")["diversity"]
    facts = facts_of(next(iter(own(study).values())))
    assert data["prior_unique_percent"] == pytest.approx(facts["data_unique_percent"])
    assert data["prior_entropy_nats"] == pytest.approx(facts["data_entropy_nats"])


def test_without_prior_samples_diversity_is_not_drawn(tmp_path: Path) -> None:
    def no_samples(run: Run, made: Made) -> dict[str, float | None]:
        values = metrics_of(made)
        return {name: None if name.startswith("prior") else v for name, v in values.items()}

    study = tag_study(tmp_path, metrics=no_samples, models=vaes(1), grid=grid())
    drawing = diversity_reconstruction(study)
    assert drawing.table.empty
    assert "No run has a micro-F1 and prior samples" in drawing.caption


# --- Tag frequency and tags of a row


def test_tag_frequencies_are_added_up_over_the_seeds(
    studies: Callable[[str], StudyResults],
) -> None:
    study = studies("few")
    table = tag_frequency(study).table
    first = table["model"].iloc[0]
    found = table.loc[table["model"] == first]
    runs = [one for _, one in own_of(study, first)]
    for kind, rows in (
        ("data", [one.data for one in runs]),
        ("reconstruction", [one.reconstructed for one in runs]),
        ("prior", [one.samples for one in runs]),
    ):
        counts = np.sum([one.sum(axis=0, dtype=int) for one in rows], axis=0)
        assert found[f"{kind}_count"].tolist() == counts.tolist()
        np.testing.assert_allclose(found[f"{kind}_share"], counts / (3 * ROWS))
        ordered = found.sort_values(f"{kind}_rank")[f"{kind}_count"]
        assert ordered.is_monotonic_decreasing
    assert found["tag_name"].tolist() == tag_names(32)


def test_a_tag_that_no_sample_has_stands_at_nothing(tmp_path: Path) -> None:
    def without_first(run: Run, made: Made) -> Any:
        tables = tables_of(made)
        tables["tag_frequency"][0][2] = 0
        return tables

    study = tag_study(tmp_path, tables=without_first, models=vaes(1), grid=grid())
    drawing = tag_frequency(study)
    assert "In no prior sample: 1 of vae_b1." in drawing.caption
    axes = drawing.figure.axes[0]
    assert "0" in [label.get_text() for label in axes.get_yticklabels()]
    lowest = min(axes.get_yticks())
    marks = next(line for line in axes.lines if line.get_alpha() == 0.65)
    assert min(np.asarray(marks.get_ydata(), float)) == pytest.approx(lowest)


def test_samples_that_were_not_drawn_leave_their_marks_out(tmp_path: Path) -> None:
    def no_samples(run: Run, made: Made) -> Any:
        tables = tables_of(made)
        for row in (*tables["tag_frequency"], *tables["tags_per_row"]):
            row[-1] = 0
        return tables

    study = tag_study(
        tmp_path,
        tables=no_samples,
        facts=lambda run, made: {**facts_of(made), "samples": 0},
        models=vaes(1),
        grid=grid(),
    )
    for draw in (tag_frequency, tags_per_row):
        drawing = draw(study)
        assert drawing.table["prior_share"].isna().all()
        assert drawing.table["data_share"].notna().all()
    assert "In no prior sample" not in tag_frequency(study).caption


def test_shares_of_rows_by_their_tags_add_up_and_are_those_of_the_rows(
    studies: Callable[[str], StudyResults],
) -> None:
    study = studies("few")
    table = tags_per_row(study).table
    for model, found in table.groupby("model", sort=False):
        runs = [one for _, one in own_of(study, str(model))]
        for kind in ("data", "reconstruction", "prior"):
            assert found[f"{kind}_share"].sum() == pytest.approx(1)
        lengths = np.concatenate([one.samples.sum(axis=1, dtype=int) for one in runs])
        counts = np.bincount(lengths, minlength=len(found))
        assert found["prior_count"].tolist() == counts.tolist()
        assert found["tags"].tolist() == list(range(len(found)))
    assert table["model"].unique().tolist() == study.order["model"]


def test_a_share_that_leaves_its_panel_is_written(studies: Callable[[str], StudyResults]) -> None:
    # All reconstructions of independent tags are alike.
    drawing = tags_per_row(studies("few"))
    assert "100 %" in words(drawing)
    assert "Shares that leave a panel are written at its edge." in drawing.caption


# --- Co-occurrence


def test_pairs_are_means_over_the_seeds(studies: Callable[[str], StudyResults]) -> None:
    study = studies("few")
    table = cooccurrence(study).table
    model = table["model"].iloc[0]
    found = table.loc[table["model"] == model]
    assert len(found) == 24 * 23 // 2
    assert (found["first_tag"] < found["second_tag"]).all()
    kept = [examples_of(one) for _, one in own_of(study, model)]
    row = found.loc[(found["first_tag"] == 1) & (found["second_tag"] == 4)].iloc[0]
    for kind in ("data", "reconstruction", "prior"):
        mean = np.mean([float(one[f"cooccurrence_{kind}"][1, 4]) for one in kept])
        assert row[f"{kind}_share"] == pytest.approx(mean)
    assert row["first_tag_name"] == tag_names(5)[1]
    assert row["second_tag_name"] == tag_names(5)[4]
    assert row["n"] == 3


def test_examples_that_cannot_be_read_are_left_out_and_counted(tmp_path: Path) -> None:
    config: dict[str, Any] = {"models": vaes(1), "grid": grid(seeds=3)}
    study = tag_study(tmp_path, **config)
    first, second, _ = sorted(study.facts, key=lambda run: run.seed)
    (tmp_path / "runs" / first.path / "examples.npz").write_bytes(b"PK\x03\x04 no archive")
    (tmp_path / "runs" / second.path / "examples.npz").unlink()
    drawing = cooccurrence(study)
    assert set(drawing.table["n"]) == {1}
    assert "Left out: 2 whose examples cannot be read." in drawing.caption
    assert set(latent_projection(study).table["seed"]) == {2}


def test_without_examples_it_is_said(tmp_path: Path) -> None:
    study = tag_study(tmp_path, examples=lambda run, made: None, models=vaes(1), grid=grid())
    for draw in (cooccurrence, latent_projection):
        drawing = draw(study)
        assert drawing.table.empty
        assert "keeps" in drawing.caption


def test_matrices_that_are_none_are_not_drawn(tmp_path: Path) -> None:
    def odd(run: Run, made: Made) -> dict[str, Any]:
        return {"cooccurrence_data": np.zeros((3, 2)), "projection": np.zeros(4)}

    study = tag_study(tmp_path, examples=odd, models=vaes(1), grid=grid())
    assert cooccurrence(study).table.empty
    assert latent_projection(study).table.empty


def test_tags_without_names_are_numbered(tmp_path: Path) -> None:
    study = tag_study(tmp_path, names=lambda count: ["one"], models=vaes(1), grid=grid())
    assert cooccurrence(study).table["first_tag_name"].iloc[0] == "tag 0"
    assert tag_frequency(study).table["tag_name"].tolist() == [str(n) for n in range(16)]
    assert set(latent_projection(study).table["tag_name"]) <= {f"tag {n}" for n in range(16)} | {
        "one"
    }


@pytest.mark.parametrize("tags", [2, 3])
def test_a_vocabulary_of_few_tags_is_drawn(tmp_path: Path, tags: int) -> None:
    study = tag_study(tmp_path, models={**vaes(1, 4), **BASELINES}, grid=grid(tags))
    for name in NAMES:
        assert not figure(name)(study).table.empty


# --- Which models are looked at closely


def test_the_best_by_elbo_comes_first_and_then_those_of_other_rates(tmp_path: Path) -> None:
    numbers = {"a": (5.0, 3.0), "b": (4.0, 3.2), "c": (4.5, 3.1), "d": (9.0, 0.0)}

    def metrics(run: Run, made: Made) -> dict[str, float | None]:
        bce, kl = numbers.get(run.model, (1.0, 1.0))
        return {**metrics_of(made), "bce": bce, "kl": kl, "elbo": -(bce + kl)}

    models = {**dict.fromkeys(numbers, VAE), **BASELINES}
    study = tag_study(tmp_path, metrics=metrics, models=models, grid=grid(seeds=1))
    place = largest_place(study)
    assert place is not None
    assert contrasting_models(study, place, 3) == ["b", "d", "a"]
    assert contrasting_models(study, place, 1) == ["b"]
    assert contrasting_models(study, place, 9) == ["b", "d", "a", "c"]
    alone = tag_study(tmp_path / "alone", models=BASELINES, grid=grid(seeds=1))
    place = largest_place(alone)
    assert place is not None
    assert set(contrasting_models(alone, place, 9)) == set(BASELINES)


# --- The latent space


def test_points_are_those_of_the_median_run(tmp_path: Path) -> None:
    elbos = {0: -5.0, 1: -3.0, 2: -4.0, 3: -9.0}

    def metrics(run: Run, made: Made) -> dict[str, float | None]:
        return {**metrics_of(made), "elbo": elbos[run.seed]}

    study = tag_study(tmp_path, metrics=metrics, models=vaes(1), grid=grid(seeds=4))
    drawing = latent_projection(study)
    table = drawing.table
    # Of four the worse of the middle two.
    assert set(table["seed"]) == {0}
    kept = examples_of(next(one for run, one in own(study).items() if run.seed == 0))
    np.testing.assert_allclose(table["first"], kept["projection"][:, 0])
    np.testing.assert_allclose(table["second"], kept["projection"][:, 1])
    assert table["tag"].tolist() == kept["projection_label"].tolist()
    share = 100 * float(kept["projection_share"][0])
    assert f"First component ({share:.0f} %)" in words(drawing)


def test_the_six_most_frequent_first_tags_have_names_and_the_rest_is_other(
    studies: Callable[[str], StudyResults],
) -> None:
    table = latent_projection(studies("few")).table
    groups = table.groupby("group")["tag"].unique()
    assert len(groups.drop("another tag first")) == 6
    named = {int(tags[0]) for group, tags in groups.items() if group != "another tag first"}
    counts = table["tag"].value_counts()
    assert counts[list(named)].min() >= counts[~counts.index.isin(named)].max()


def test_rows_without_a_tag_are_told_apart(tmp_path: Path) -> None:
    def some_without(run: Run, made: Made) -> dict[str, Any]:
        found = examples_of(made)
        found["projection_label"][:5] = -1
        return found

    study = tag_study(tmp_path, examples=some_without, models=vaes(1), grid=grid())
    drawing = latent_projection(study)
    assert (drawing.table["group"] == "no tag").sum() == 5
    assert "no tag" in words(drawing)


def test_all_panels_have_one_scale(studies: Callable[[str], StudyResults]) -> None:
    axes = latent_projection(studies("few")).figure.axes
    assert len(axes) == 3
    assert len({one.get_xlim() for one in axes}) == 1
    low, high = axes[0].get_xlim()
    bottom, top = axes[0].get_ylim()
    assert high - low == pytest.approx(top - bottom)
