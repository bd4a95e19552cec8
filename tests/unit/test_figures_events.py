"""The figures of event tokenizers: what is drawn is what the records say, and nothing else."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from scipy import stats

from studygrid.families.events import FAMILY
from studygrid.figures import load_figure
from studygrid.figures.drawing import Drawing, save
from studygrid.figures.style import WIDTH_IN
from studygrid.grid import Run
from studygrid.results.study_results import StudyResults
from tests.unit.figure_studies import words
from tests.unit.tokenizer_studies import (
    BACKGROUND,
    CONFIG,
    MODELS,
    OF_SIGNAL,
    SIGNALS,
    tokenizer_study,
    vq,
)

pytestmark = pytest.mark.filterwarnings("error")
NAMES = list(FAMILY.figures)
HOSTILE = '<script>alert("x")</script> & $\\frac{1}{2}$ 100% _a|b=c_'
GRID = CONFIG["grid"]
FEW = ("mlp_linear_4", "mlp_vq_64", "isolation_forest")
Draw = Callable[[str, str], Drawing]


def grid(models: Any = FEW, **changes: Any) -> dict[str, Any]:
    known = {name: MODELS.get(name, vq(16)) for name in models}
    return {"models": known, "grid": {**GRID, "model": list(models), **changes}}


def some_fail(run: Run) -> str:
    return {3: "diverged", 5: "oom", 6: "missing"}.get((len(run.path) + run.seed) % 7, "ok")


def without(*keys: str) -> Callable[[Run, dict[str, Any]], None]:
    def change(run: Run, kept: dict[str, Any]) -> None:
        for key in keys:
            kept[key] = {}

    return change


def all_equal(run: Run, kept: dict[str, Any]) -> None:
    labels = [0, 1, 2, 3, -1, -2]
    kept["tables"]["score_histogram"] = [[label, 1.0, 1.0, 1.0] for label in labels]
    kept["tables"]["roc"] = [[label, at, at] for label in (1, 2, 3) for at in (0.0, 1.0)]
    for own in kept["facts"]["signals"].values():
        own.update({"auroc": 0.5, "auroc_se": 0.0, "auroc_low": None, "auroc_high": None})


def own_signals(run: Run, kept: dict[str, Any]) -> None:
    facts = kept["facts"]
    names = {"xy": HOSTILE, "wz": "B", "tt": "C"}
    facts["signal_names"] = [names[name] for name in facts["signal_names"]]
    facts["signals"] = {names[name]: own for name, own in facts["signals"].items()}


def malformed(run: Run, kept: dict[str, Any]) -> None:
    kept["facts"] |= {"signals": ["xy"], "corrupted": {"noise": 3}, "signal_names": "xy"}
    kept["tables"] = {"roc": [[1.0]], "score_histogram": [[0, 1]], "code_shares": [[1, 2, 3]]}


LONG = [f"a_rather_long_model_name_with_number_{number}" for number in range(13)]
STUDIES: dict[str, dict[str, Any]] = {
    "plain": grid(),
    "hostile": {"name": HOSTILE, "fate": some_fail, "change": own_signals, **grid(seed=4)},
    "long names, one seed": grid(LONG, seed=1),
    "one model, ten seeds, two places": grid(
        ["mlp_vq_64"],
        resolution=[16, 64],
        n_train=[64, "all"],
        seed=10,
        exclude=[{"resolution": 16, "n_train": "all"}, {"resolution": 64, "n_train": 64}],
    ),
    "globals alone": grid(["isolation_forest", "supervised"], seed=2),
    "nothing kept": {"change": without("tables", "facts"), **grid()},
    "all scores equal": {"change": all_equal, **grid(seed=2)},
    "malformed": {"change": malformed, **grid(seed=2)},
    "all failed": {"fate": lambda run: "diverged", **grid(seed=2)},
}


# Figures that a study says nothing new to: it has what they read as another study has it.
AS_ANOTHER = {
    # Models without tokens stand in "plain" too
    "globals alone": {"auroc_by_signal", "roc_curves", "pr_curves", "score_histograms"},
    # What is changed is in tables and facts that these do not read
    "all scores equal": {"pr_curves", "compression_error", "codebook_use"},
    # What it reads is there, as in "malformed"
    "nothing kept": {"compression_error"},
    # One histogram a model, whatever the number of its seeds
    "one model, ten seeds, two places": {"corrupted_background"},
}
DRAWN = [(name, kind) for kind in STUDIES for name in NAMES if name not in AS_ANOTHER.get(kind, ())]


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], StudyResults]:
    @cache
    def study(kind: str) -> StudyResults:
        return tokenizer_study(tmp_path_factory.mktemp("study") / "made", **STUDIES[kind])

    return study


@pytest.fixture(scope="module")
def drawn(studies: Callable[[str], StudyResults]) -> Draw:
    return cache(lambda kind, name: load_figure(FAMILY, name)(studies(kind)))


@pytest.mark.parametrize(("name", "kind"), DRAWN)
def test_every_figure_of_every_study_is_drawn_within_its_page(
    drawn: Draw, name: str, kind: str
) -> None:
    drawing = drawn(kind, name)
    # Its layout is fixed: what is measured is where everything is drawn.
    renderer = FigureCanvasAgg(drawing.figure).get_renderer()  # type: ignore[no-untyped-call]
    whole = drawing.figure.get_tightbbox(renderer)
    width, height = drawing.figure.get_size_inches()
    assert width == WIDTH_IN
    assert whole.x0 >= -0.02
    assert whole.x1 <= width + 0.02
    assert whole.y0 >= -0.02
    assert whole.y1 <= height + 0.02
    assert drawing.caption


@pytest.mark.parametrize("name", NAMES)
def test_files_are_written_and_hold_their_words(drawn: Draw, name: str, tmp_path: Path) -> None:
    drawing = drawn("hostile", name)
    save(drawing, tmp_path / name)
    assert (tmp_path / f"{name}.png").stat().st_size > 5_000
    root = ElementTree.parse(tmp_path / f"{name}.svg").getroot()
    words_of_file = "".join(root.itertext())
    assert f"{HOSTILE}:" in words_of_file  # the study; a signal has that name too
    rows = (tmp_path / f"{name}.csv").read_text().splitlines()
    assert len(rows) == len(drawing.table) + 1


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_a_caption_for_snakemake(name: str) -> None:
    file = Path(__file__).parents[2] / "workflow" / "report" / f"{name}.rst"
    assert len(file.read_text().split()) > 10


FROM_TABLES = [name for name in NAMES if name not in ("compression_error", "codebook_use")]


@pytest.mark.parametrize("name", FROM_TABLES)
@pytest.mark.parametrize("kind", ["nothing kept", "all failed", "malformed"])
def test_a_figure_without_numbers_says_so(drawn: Draw, name: str, kind: str) -> None:
    drawing = drawn(kind, name)
    assert drawing.table.empty
    assert "No run" in words(drawing)


def test_figures_of_metrics_need_no_tables(drawn: Draw) -> None:
    assert not drawn("malformed", "compression_error").table.empty
    for kind in ("nothing kept", "malformed"):
        table = drawn(kind, "codebook_use").table
        assert set(table["panel"]) == {"perplexity"}
        assert "no shares kept" in words(drawn(kind, "codebook_use"))
    for name in ("compression_error", "codebook_use"):
        for kind in ("all failed", "globals alone"):
            assert drawn(kind, name).table.empty


# --- AUROC by signal


def aurocs(study: StudyResults, model: str, signal: str) -> list[float]:
    return [
        facts.scored["signals"][signal]["auroc"]
        for run, facts in study.facts.items()
        if run.model == model
    ]


def test_means_and_intervals_of_the_auroc_are_those_of_the_runs(
    drawn: Draw, studies: Callable[[str], StudyResults]
) -> None:
    table = drawn("plain", "auroc_by_signal").table
    for model in FEW:
        for signal in SIGNALS:
            own = table[(table["model"] == model) & (table["signal"] == signal)]
            values = aurocs(studies("plain"), model, signal)
            mean = own[own["kind"] == "mean"].iloc[0]
            assert mean["auroc"] == pytest.approx(np.mean(values))
            half = stats.t.ppf(0.975, 2) * np.std(values, ddof=1) / np.sqrt(3)
            assert mean["ci_high"] - mean["auroc"] == pytest.approx(half)
            assert own[own["kind"] == "seed"]["auroc"].tolist() == pytest.approx(values)
            lows = [
                facts.scored["signals"][signal]["auroc_low"]
                for run, facts in studies("plain").facts.items()
                if run.model == model
            ]
            assert mean["within_low"] == pytest.approx(np.mean(lows))
            assert (mean["n"], mean["events"]) == (3, OF_SIGNAL)


def test_one_seed_has_no_interval_over_seeds_but_one_within(drawn: Draw) -> None:
    drawing = drawn("long names, one seed", "auroc_by_signal")
    assert drawing.table["ci_low"].isna().all()
    assert drawing.table["within_low"].notna().all()
    assert "no interval over seeds" in drawing.caption


def test_corrupted_background_is_in_no_figure_of_signals(drawn: Draw) -> None:
    for name in ("auroc_by_signal", "roc_curves", "pr_curves", "score_histograms"):
        drawing = drawn("plain", name)
        assert "noise" not in words(drawing)
    assert "no signal" in drawn("plain", "corrupted_background").title


@pytest.mark.parametrize("name", ["auroc_by_signal", "roc_curves", "pr_curves"])
def test_signals_of_the_users_own_are_drawn_by_name(drawn: Draw, name: str) -> None:
    drawing = drawn("hostile", name)
    assert set(drawing.table["signal"]) == {HOSTILE, "B", "C"}
    titles = [axes.get_title(loc="left") for axes in drawing.figure.axes]
    assert titles[:3] == [HOSTILE, "B", "C"]


# --- ROC curves


def test_the_area_below_a_drawn_curve_is_the_auroc(
    drawn: Draw, studies: Callable[[str], StudyResults]
) -> None:
    table = drawn("plain", "roc_curves").table
    for model in FEW:
        for signal in SIGNALS:
            own = table[(table["model"] == model) & (table["signal"] == signal)]
            area = np.trapezoid(own["signal_share"], own["background_share"])
            assert area == pytest.approx(np.mean(aurocs(studies("plain"), model, signal)), abs=3e-3)
            assert (own["low"] <= own["signal_share"] + 1e-12).all()
            assert (own["signal_share"] <= own["high"] + 1e-12).all()
            assert (own["n"] == 3).all()


def test_rejection_ends_where_few_background_events_pass(drawn: Draw) -> None:
    drawing = drawn("plain", "roc_curves")
    below = drawing.figure.axes[3]
    highest = max(line.get_ydata().max() for line in below.lines)  # type: ignore[union-attr]
    assert highest == pytest.approx(BACKGROUND / 10)
    assert below.get_yscale() == "log"


def test_of_many_models_the_references_the_best_and_the_worst_are_drawn(tmp_path: Path) -> None:
    models = [*(f"model_{number}" for number in range(8)), "isolation_forest", "supervised"]

    def change(run: Run, kept: dict[str, Any]) -> None:
        for own in kept["facts"]["signals"].values():
            own["auroc"] = {"model_3": 0.9, "model_5": 0.2}.get(run.model, 0.6)

    study = tokenizer_study(tmp_path / "s", change=change, **grid(models, seed=1))
    for name in ("roc_curves", "pr_curves", "score_histograms"):
        drawing = load_figure(FAMILY, name)(study)
        shown = set(drawing.table["model"])
        assert {"model_3", "model_5", "isolation_forest", "supervised"} < shown
        assert len(shown) == 6
        assert "the best, the worst" in drawing.caption
        assert "Not drawn: " in drawing.caption


def test_a_guess_is_drawn_as_a_guess(drawn: Draw) -> None:
    table = drawn("all scores equal", "roc_curves").table
    np.testing.assert_allclose(table["signal_share"], table["background_share"], atol=1e-9)


# --- Precision and recall


def test_drawn_precision_is_that_of_the_records_at_equal_recall(
    drawn: Draw, studies: Callable[[str], StudyResults]
) -> None:
    table = drawn("plain", "pr_curves").table
    for model in FEW:
        for label, signal in enumerate(SIGNALS, start=1):
            own = table[(table["model"] == model) & (table["signal"] == signal)]
            seeds = []
            for run, facts in studies("plain").facts.items():
                if run.model == model:
                    kept = np.array([row[1:] for row in facts.tables["pr"] if row[0] == label])
                    seeds.append(np.interp(own["recall"], kept[:, 0], kept[:, 1]))
            np.testing.assert_allclose(own["precision"], np.mean(seeds, axis=0))
            np.testing.assert_allclose(own["low"], np.min(seeds, axis=0))
            np.testing.assert_allclose(own["high"], np.max(seeds, axis=0))
            assert (own["n"] == 3).all()
            # Where all pass, the precision is that of a guess.
            assert own["precision"].iloc[-1] == pytest.approx(OF_SIGNAL / (OF_SIGNAL + BACKGROUND))
            assert own["guess"].iloc[0] == pytest.approx(OF_SIGNAL / (OF_SIGNAL + BACKGROUND))


def test_the_caption_says_what_ratio_of_signal_to_background_precision_depends_on(
    drawn: Draw,
) -> None:
    drawing = drawn("plain", "pr_curves")
    assert "depends on the ratio of signal to background in the test split" in drawing.caption
    assert f"{OF_SIGNAL} signal events to {BACKGROUND:,} of background" in drawing.caption
    for axes in drawing.figure.axes[:3]:
        (guess,) = {float(line.get_ydata()[0]) for line in axes.lines if len(line.get_ydata()) == 2}  # type: ignore[index, arg-type]
        assert guess == pytest.approx(OF_SIGNAL / (OF_SIGNAL + BACKGROUND))


def test_without_counts_of_events_no_guess_is_drawn(tmp_path: Path) -> None:
    def change(run: Run, kept: dict[str, Any]) -> None:
        del kept["facts"]["background_events"]

    study = tokenizer_study(tmp_path / "s", change=change, **grid(["mlp_vq_64"], seed=1))
    drawing = load_figure(FAMILY, "pr_curves")(study)
    assert drawing.table["guess"].isna().all()
    assert "guess" not in words(drawing)
    assert "in the test split: with rarer" in drawing.caption


# --- Histograms


@pytest.mark.parametrize("name", ["score_histograms", "corrupted_background"])
def test_drawn_shares_are_those_kept(
    drawn: Draw, studies: Callable[[str], StudyResults], name: str
) -> None:
    drawing = drawn("plain", name)
    kinds = {"score_histograms": SIGNALS, "corrupted_background": ("noise", "token_shuffle")}[name]
    facts = studies("plain").facts
    run = next(run for run in facts if run.model == "mlp_vq_64" and run.seed == 0)
    kept = np.array(facts[run].tables["score_histogram"])
    own = drawing.table[drawing.table["model"] == "mlp_vq_64"]
    assert set(own["kind"]) == {"background", *kinds}
    background = own[own["kind"] == "background"]
    for _, bin_ in background.iterrows():
        inside = (kept[:, 0] == 0) & (kept[:, 1] >= bin_["score_low"] - 1e-12)
        inside &= kept[:, 2] <= bin_["score_high"] + 1e-12
        assert bin_["share"] == pytest.approx(kept[inside, 3].sum())
        width = bin_["score_high"] - bin_["score_low"]
        assert bin_["density"] == pytest.approx(bin_["share"] / width)
    assert background["share"].sum() > 0.97


def test_models_that_are_not_corrupted_are_in_no_panel(drawn: Draw) -> None:
    assert set(drawn("plain", "corrupted_background").table["model"]) == {
        "mlp_linear_4",
        "mlp_vq_64",
    }
    assert drawn("globals alone", "corrupted_background").table.empty


def test_scores_that_are_all_equal_are_said_in_words(drawn: Draw) -> None:
    assert "all scores are 1" in words(drawn("all scores equal", "score_histograms"))


# --- Compression and codes


def test_errors_stand_at_the_bits_of_the_models(drawn: Draw) -> None:
    table = drawn("plain", "compression_error").table
    means = table[(table["kind"] == "mean") & (table["metric"] == "token_mse")]
    bits = dict(zip(means["model"], means["bits_per_event"], strict=True))
    assert bits == {"mlp_linear_4": 4 * 32 * 4, "mlp_vq_64": 4 * 6}
    ratios = means["compression_ratio"] * means["bits_per_event"]
    np.testing.assert_allclose(ratios, 5800)
    level = table[table["kind"] == "level"]
    assert level["model"].tolist() == ["isolation_forest"]
    assert level["metric"].tolist() == ["auroc"]


def test_compression_falls_with_the_bits(drawn: Draw) -> None:
    axes = drawn("plain", "compression_error").figure.axes[0]
    above = axes.child_axes[0]
    ticks = [float(label.get_text().rstrip("×")) for label in above.get_xticklabels()]
    places = above.get_xticks().tolist()
    np.testing.assert_allclose([5800 / tick for tick in ticks], places)


def test_a_line_joins_models_of_one_kind_alone(drawn: Draw, tmp_path: Path) -> None:
    study = tokenizer_study(tmp_path / "s", **grid(["mlp_linear_4", "mlp_linear_16", "mlp_vq_64"]))
    with_chain = load_figure(FAMILY, "compression_error")(study)
    assert "A line joins models" in with_chain.caption
    assert "A line joins models" not in drawn("plain", "compression_error").caption


def test_models_of_equal_bits_stand_side_by_side(drawn: Draw) -> None:
    drawing = drawn("long names, one seed", "compression_error")
    places = [
        float(line.get_xdata()[0])  # type: ignore[index, arg-type]
        for line in drawing.figure.axes[0].lines
        if len(line.get_xdata()) == 1 and line.get_markersize() > 4  # type: ignore[arg-type]
    ]
    assert len(places) == len(set(places)) == len(LONG)
    assert set(drawing.table["bits_per_event"]) == {16.0}
    assert "side by side" in drawing.caption


def test_models_left_out_of_the_codebooks_are_named_for_what_they_lack(drawn: Draw) -> None:
    assert "Without a codebook: mlp_linear_4, isolation_forest." in (
        drawn("plain", "codebook_use").caption
    )
    assert "Without a codebook" not in drawn("long names, one seed", "codebook_use").caption
    assert "Not drawn: " in drawn("long names, one seed", "codebook_use").caption


def test_perplexity_stands_beside_the_codes(
    drawn: Draw, studies: Callable[[str], StudyResults]
) -> None:
    table = drawn("plain", "codebook_use").table
    mean = table[table["kind"] == "mean"].iloc[0]
    values = [
        facts.metrics["perplexity"]
        for run, facts in studies("plain").facts.items()
        if run.model == "mlp_vq_64"
    ]
    assert mean["perplexity"] == pytest.approx(np.mean([v for v in values if v is not None]))
    assert mean["codes"] == 64
    assert set(table["model"]) == {"mlp_vq_64"}
    shares = table[table["panel"] == "shares"]
    assert (np.diff(shares["share"]) <= 0).all()
    assert shares["share"].sum() == pytest.approx(1, abs=0.05)
