"""What the report says of pairs: every sentence follows the numbers that the study is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studygrid.grid import Run
from studygrid.interchange.cells import cells_of
from studygrid.interchange.cells import ranked as ranked_cells
from studygrid.report.answers import answers
from studygrid.report.blocks import Heading, Paragraph, Points, Section
from studygrid.report.generalisation import generalisation
from studygrid.report.methods import methods
from studygrid.report.question import models_table
from studygrid.report.ranking import ranking as weighted
from studygrid.report.sections import sections_of
from studygrid.results.frames import frame_rows
from studygrid.results.study_results import StudyResults
from studygrid.statistics import summarise
from studygrid.tables.contents import Table
from studygrid.tables.rankings import ranking
from tests.unit.figure_studies import made_study
from tests.unit.ptychography_studies import MODELS, metrics_of, ptychography_study

SIZES = (64, 128, 256)
# By how much pinn is better at each size, by seed: it is overtaken between 128 and 256.
FALLING = {64: (0.10, 0.12, 0.11), 128: (0.04, 0.05, 0.06), 256: (-0.06, -0.05, -0.04)}
LEVEL = dict.fromkeys(SIZES, (0.10, 0.12, 0.11))
NOISY = dict.fromkeys(SIZES, (0.30, -0.20, 0.05))
Leads = Mapping[int, tuple[float, ...]]
Change = Callable[[Run], dict[str, Any]]


def nothing(run: Run) -> dict[str, Any]:
    return {}


def grid(**changes: Any) -> dict[str, Any]:
    found = {"model": ["pinn", "baseline"], "resolution": [64], "n_train": list(SIZES), "seed": 3}
    return found | {"include": [{"model": ["iterative"], "n_train": [256]}]} | changes


def study_of(
    folder: Path,
    leads: Leads = FALLING,
    *,
    metrics: Change = nothing,
    facts: Change = nothing,
    fate: Callable[[Run], str] = lambda run: "ok",
    better: str = "pinn",
    **config: Any,
) -> StudyResults:
    """Return a study in which one model of the pair is better by `leads` in the phase."""

    def scores(run: Run) -> dict[str, float | None]:
        lead = leads[int(run.n_train)][run.seed] if run.model == better else 0.0
        good = 0.9 if run.model == "iterative" else 0.6 + 0.01 * run.seed + lead
        own = {"phase_ssim": good, "phase_mae": 1 - good, "amplitude_ssim": 0.5}
        return metrics_of(run) | own | metrics(run)

    config = {"grid": grid(), **config}
    return ptychography_study(folder, metrics=scores, facts=facts, fate=fate, **config)


def section(study: StudyResults) -> Section:
    found = generalisation(study)
    assert found is not None
    return found


def parts(study: StudyResults) -> dict[str, str]:
    """Return the words of each part of the section by its heading; warnings begin with !."""
    found: dict[str, list[str]] = {"": []}
    for block in section(study).blocks:
        words = list(found.values())[-1]
        if isinstance(block, Heading):
            found[block.text] = []
        elif isinstance(block, Paragraph):
            words.append(("! " if block.warning else "") + block.text)
        elif isinstance(block, Points):
            words += block.items
    return {heading: "\n".join(words) for heading, words in found.items()}


def sentence(study: StudyResults, metric: str = "Phase SSIM") -> str:
    """Return what the first pair's part says of a metric."""
    text = list(parts(study).values())[1]
    return next(line for line in text.splitlines() if line.startswith(f"{metric} ("))


# --- Who is ahead, and where that changes


def test_the_ends_and_the_crossing_are_in_words_with_their_intervals(tmp_path: Path) -> None:
    text = sentence(study_of(tmp_path / "s"))
    assert text.startswith("Phase SSIM (higher is better): at 64 samples pinn is ahead by 0.110 (")
    assert "0.085 to 0.135; 3 pairs); at 256 samples baseline is ahead by 0.050 (" in text
    assert "In the mean baseline overtakes pinn at about 181 samples (95 % interval 1" in text


def test_swapped_numbers_swap_the_sentence(tmp_path: Path) -> None:
    """No conclusion stands in the code."""
    before = sentence(study_of(tmp_path / "a"))
    after = sentence(study_of(tmp_path / "b", better="baseline"))
    swapped = before.replace("pinn", "?").replace("baseline", "pinn").replace("?", "baseline")
    assert swapped == after
    assert "pinn overtakes baseline" in after


def test_a_metric_where_lower_is_better_says_the_same(tmp_path: Path) -> None:
    study = study_of(tmp_path / "s")
    text = sentence(study, "Phase MAE").replace("lower", "higher").replace(" rad", "")
    assert text.replace("MAE", "SSIM") == sentence(study)


def test_ahead_at_every_size_is_no_crossing(tmp_path: Path) -> None:
    text = sentence(study_of(tmp_path / "a", LEVEL))
    assert (
        "No crossing in this range: pinn is ahead in the mean at every size from 64 to 256" in text
    )
    assert text.endswith("and the interval excludes 0 at all 3 sizes.")
    turned = sentence(study_of(tmp_path / "b", LEVEL, better="baseline"))
    assert "No crossing in this range: baseline is ahead" in turned


def test_ahead_in_the_mean_alone_does_not_exclude_a_crossing(tmp_path: Path) -> None:
    text = sentence(study_of(tmp_path / "s", NOISY))
    assert "at 64 samples the mean of pinn is ahead by 0.05 (" in text
    assert "which holds 0; 3 pairs" in text
    assert "excludes 0 at 0 of 3 sizes, and a crossing is not excluded between 64 and 256." in text


def test_equal_models_are_said_to_be_equal(tmp_path: Path) -> None:
    text = sentence(study_of(tmp_path / "s"), "Amplitude SSIM")
    assert "at 64 samples the two have the same mean (3 pairs of runs)" in text
    assert text.endswith("The two have the same mean at every size from 64 to 256 samples.")


def test_an_interval_that_the_range_does_not_bound_says_so(tmp_path: Path) -> None:
    early = {64: (0.01, -0.03, 0.04), 128: (-0.04, -0.05, -0.06), 256: (-0.1, -0.11, -0.12)}
    text = sentence(study_of(tmp_path / "a", early))
    assert "In the mean baseline overtakes pinn at about 69 samples (95 % interval: up to " in text
    assert "this range does not bound it below)." in text
    late = {64: (0.1, 0.11, 0.12), 128: (0.04, 0.05, 0.06), 256: (-0.01, 0.03, -0.04)}
    assert "this range does not bound it above)." in sentence(study_of(tmp_path / "b", late))
    wild = {64: (0.5, -0.4, 0.1), 128: (0.1, -0.3, 0.4), 256: (-0.5, 0.4, -0.1)}
    text = sentence(study_of(tmp_path / "c", wild))
    assert "but no size of this range is excluded as the place" in text


def test_several_changes_of_sign_are_counted(tmp_path: Path) -> None:
    leads = {64: (0.1, 0.11, 0.12), 128: (-0.1, -0.11, -0.12), 256: (0.1, 0.11, 0.12)}
    text = sentence(study_of(tmp_path / "a", leads))
    assert "changes its sign 2 times, at about 91 and 181 samples" in text
    noise = {64: (0.5, -0.4, 0.1), 128: (-0.5, 0.4, -0.1), 256: (0.5, -0.4, 0.1)}
    assert "cannot be told from one crossing, or none" in sentence(study_of(tmp_path / "b", noise))


def test_one_seed_gives_no_interval(tmp_path: Path) -> None:
    text = sentence(study_of(tmp_path / "a", grid=grid(seed=1)))
    assert "pinn is ahead by 0.100 (one pair of runs, so no interval)" in text
    assert "(one pair of runs a size, so no interval: this may be chance)." in text
    level = sentence(study_of(tmp_path / "b", LEVEL, grid=grid(seed=1)))
    assert "with one pair of runs a size that may be chance." in level


def test_one_size_cannot_say(tmp_path: Path) -> None:
    text = sentence(study_of(tmp_path / "s", grid=grid(n_train=[256])))
    assert text.count("samples") == 1
    assert text.endswith("Pairs at one size cannot say whether that changes with the size.")


def test_the_table_has_each_difference_and_corrects_its_p_values(tmp_path: Path) -> None:
    tables = [
        block for block in section(study_of(tmp_path / "s")).blocks if isinstance(block, Table)
    ]
    frame = tables[0].frame
    own = frame.loc[frame["metric"] == "Phase SSIM"]
    assert own["samples"].tolist() == list(SIZES)
    for row, size in zip(frame_rows(own), SIZES, strict=True):
        expected = summarise(FALLING[size])
        assert row["difference"] == pytest.approx(expected.mean)
        assert row["difference_ci_low"] == pytest.approx(expected.ci_low)
        assert row["first"] - row["second"] == pytest.approx(expected.mean)
        assert (row["pairs"], row["planned"]) == (3, 3)
        assert row["p_holm"] >= row["p_value"]
    lower = frame.loc[frame["metric"] == "Phase MAE (rad)", "difference"]
    assert lower.tolist() == pytest.approx(own["difference"].tolist())


def test_intervals_are_said_not_to_be_widened_and_what_pairs_share(tmp_path: Path) -> None:
    text = parts(study_of(tmp_path / "s"))[""]
    assert "pinn (loss “pattern”) and baseline (“object”)" in text
    assert "share their training subset" in text
    assert "None is widened for there being several" in text


# --- Runs that failed, and runs that are poor


def test_failed_runs_are_counted_and_poor_ones_stay_in(tmp_path: Path) -> None:
    def metrics(run: Run) -> dict[str, Any]:
        poor = run.path == "baseline/res64/n64/seed0"
        return {"phase_ssim": -0.4} if poor else {}

    def fate(run: Run) -> str:
        return "diverged" if run.path == "pinn/res64/n256/seed2" else "ok"

    study = study_of(tmp_path / "s", metrics=metrics, fate=fate)
    text = sentence(study)
    lead = (0.70 + 0.40 + 0.12 + 0.11) / 3
    assert f"at 64 samples the mean of pinn is ahead by {lead:.1f} (" in text
    assert "2 pairs" in text.partition("at 256 samples")[2]
    lacking = parts(study)["Runs without a score"]
    assert "1 of 18 planned runs of the pairs has no score (1 diverged): pinn at 256" in lacking
    assert "No run was left out for a poor score" in lacking
    flat = parts(study)["Against a guess that ignores the input"]
    assert "The guess has phase SSIM 0.210; 16 of 17 runs beat it" in flat
    assert "Not so: baseline at 64, seed 0 (−0.400)." in flat


def test_what_no_run_beats_is_said(tmp_path: Path) -> None:
    study = study_of(tmp_path / "s", metrics=lambda run: {"phase_ssim": 0.1})
    flat = parts(study)["Against a guess that ignores the input"]
    assert "The guess has phase SSIM 0.210; none of 18 runs beats it." in flat
    assert "amplitude SSIM 0.210; all 18 runs beat it, by 0.290." in flat


def test_a_study_without_scored_pairs_says_so(tmp_path: Path) -> None:
    def fate(run: Run) -> str:
        return "missing" if run.model == "pinn" else "ok"

    found = parts(study_of(tmp_path / "s", fate=fate))
    assert "there is nothing to compare" in found[""]
    assert "9 missing" in found["Runs without a score"]


def test_runs_whose_files_name_no_seed_are_in_no_pair(tmp_path: Path) -> None:
    study = study_of(tmp_path / "s")
    unseeded = replace(study, frame=study.frame.assign(numbered=True))
    found = parts(unseeded)
    assert "Files name no seeds" in found[""]
    assert "pinn against baseline" not in found


def test_there_is_no_section_without_pairs_or_without_runs(tmp_path: Path) -> None:
    assert generalisation(study_of(tmp_path / "a", grid=grid(model=["pinn"]))) is None
    assert generalisation(study_of(tmp_path / "b", fate=lambda run: "diverged")) is None
    assert generalisation(made_study(tmp_path / "c")) is None


# --- Against what does not learn


def test_what_does_not_learn_is_held_against_the_better_model_at_the_largest_size(
    tmp_path: Path,
) -> None:
    key = "pinn and baseline against what does not learn"
    text = parts(study_of(tmp_path / "a"))[key]
    assert "iterative has 0.900, baseline, the better of the two at 256 samples, 0.610" in text
    assert "iterative is ahead by 0.290 (" in text
    other = parts(study_of(tmp_path / "b", LEVEL))[key]
    assert "pinn, the better of the two at 256 samples, 0.720" in other


def test_what_does_not_learn_and_is_worse_is_said_to_be_behind(tmp_path: Path) -> None:
    def metrics(run: Run) -> dict[str, Any]:
        return {"phase_ssim": 0.3} if run.model == "iterative" else {}

    text = parts(study_of(tmp_path / "s", metrics=metrics))
    own = text["pinn and baseline against what does not learn"]
    assert "iterative is behind by 0.310 (0.285 to 0.335; 3 seeds)" in own


def with_reference(*seeds: int) -> dict[str, Any]:
    return {"grid": grid(include=[{"model": ["iterative"], "n_train": [256], "seed": list(seeds)}])}


def test_one_run_of_what_does_not_learn_is_held_against_every_seed(tmp_path: Path) -> None:
    def metrics(run: Run) -> dict[str, Any]:
        return {"phase_ssim": 0.3} if run.model == "iterative" else {}

    study = study_of(tmp_path / "s", metrics=metrics, **with_reference(0))
    text = parts(study)["pinn and baseline against what does not learn"]
    assert "256 samples, 0.610; iterative is behind by 0.310 (0.285 to 0.335; 3 seeds of " in text
    assert "3 seeds of baseline against the one of iterative)" in text


def test_both_means_against_what_does_not_learn_are_of_the_shared_seeds(tmp_path: Path) -> None:
    text = parts(study_of(tmp_path / "s", **with_reference(1, 2)))
    own = text["pinn and baseline against what does not learn"]
    assert "iterative has 0.900, baseline, the better of the two at 256 samples, 0.615" in own
    assert "iterative is ahead by 0.285 (" in own
    assert "; 2 seeds)" in own


def test_bounds_of_a_comparison_at_one_size_are_of_its_runs(tmp_path: Path) -> None:
    def facts(run: Run) -> dict[str, Any]:
        here = run.model == "baseline" and run.n_train == 256 and run.seed == 0
        elsewhere = run.model == "baseline" and run.n_train == 64
        return {"beyond_nyquist": ["phase_ssim"] if here or elsewhere else []}

    text = parts(study_of(tmp_path / "s", facts=facts))
    own = text["pinn and baseline against what does not learn"]
    line = next(line for line in own.splitlines() if line.startswith("Phase SSIM"))
    assert line.endswith(" Of baseline 1 of 3 runs is at Nyquist, a bound.")


# --- What the numbers rest on


def test_a_crossing_beyond_nyquist_is_a_bound(tmp_path: Path) -> None:
    def facts(run: Run) -> dict[str, Any]:
        names = ["phase_frc50_frequency", "phase_frc50_resolution"]
        return {"beyond_nyquist": names if run.model == "pinn" and run.seed else []}

    study = study_of(tmp_path / "a", facts=facts)
    found = parts(study)["Resolutions that are bounds"]
    assert "Phase FRC 0.5 beyond Nyquist: pinn in 6 of 9 runs." in found
    assert "a bound, and no measurement" in found
    text = sentence(study, "Phase FRC 0.5 frequency")
    assert text.endswith("Of pinn 6 of 9 runs are at Nyquist, a bound.")
    assert "bound" not in sentence(study)
    assert "first ring" not in found
    none = parts(study_of(tmp_path / "b", facts=lambda run: {"beyond_nyquist": []}))
    assert none["Resolutions that are bounds"] == (
        "Every ring correlation starts above its threshold and falls below it by Nyquist."
    )


def test_a_curve_that_starts_below_its_threshold_is_a_bound(tmp_path: Path) -> None:
    def facts(run: Run) -> dict[str, Any]:
        names = ["phase_frc50_frequency", "phase_frc50_resolution"]
        poor = run.model == "baseline" and run.n_train == 64
        return {"beyond_nyquist": [], "below_first_ring": names if poor else []}

    study = study_of(tmp_path / "a", facts=facts)
    found = parts(study)["Resolutions that are bounds"]
    words = "Phase FRC 0.5 below its threshold from the first ring on: baseline in 3 of 9 runs."
    assert words in found
    assert "a bound, and no measurement" in found
    assert "Nyquist" not in found
    text = sentence(study, "Phase FRC 0.5 frequency")
    assert text.endswith("Of baseline 3 of 9 runs are at the first ring, a bound.")


def test_metrics_that_lack_values_in_runs_that_ended_well_are_counted(tmp_path: Path) -> None:
    def metrics(run: Run) -> dict[str, Any]:
        found: dict[str, Any] = {"amplitude_ms_ssim": None, "phase_ms_ssim": None}
        lacks = run.path == "baseline/res64/n128/seed1"
        return found | ({"phase_psnr": None, "phase_frc50_frequency": None} if lacks else {})

    text = parts(study_of(tmp_path / "s", metrics=metrics))["Runs without a score"]
    assert "All 18 planned runs of the pairs ended well." in text
    assert "None of 18 runs that ended well has a value of " in text
    assert "Amplitude MS-SSIM" in text
    assert (
        "1 of 18 runs that ended well has no value of Phase PSNR and Phase FRC 0.5 frequency, "
        "which is no poor score but none: baseline at 128, seed 1." in text
    )


def scan(**changes: Any) -> dict[str, Any]:
    """Return what an evaluation says of a scan that is aligned as usual."""
    return {
        "scan": "second",
        "registered": True,
        "shift_px": [0.1, -0.2],
        "amplitude_scale": 1.01,
        "ramp_rad_px": [0.001, 0.0],
        "area_px": [48, 48],
        "uncovered_px": 0,
    } | changes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shift_px": [0.0, -1.5]}, "Shifted by more than 1 px"),
        ({"amplitude_scale": 0.5}, "Amplitude scaled by more than 1.25 or less than 0.8"),
        ({"ramp_rad_px": [0.0, 0.1]}, "A phase ramp of more than half a turn"),
        ({"uncovered_px": 3}, "Pixels of the area that no pattern covers"),
        ({"registered": False}, "! Registration refused"),
        ({"undefined": "it is not finite"}, "! Not aligned at all, so without scores"),
    ],
    ids=["shift", "scale", "ramp", "uncovered", "refused", "undefined"],
)
def test_an_alignment_out_of_the_ordinary_is_named(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    def facts(run: Run) -> dict[str, Any]:
        odd = run.path == "baseline/res64/n128/seed1"
        return {"alignment": [scan(), scan(**(change if odd else {}))]}

    found = parts(study_of(tmp_path / "s", facts=facts))[
        "How reconstructions were laid on the truth"
    ]
    (line,) = [line for line in found.splitlines() if line.startswith(words)]
    assert line.endswith(": baseline in 1 of 9 runs.")


def test_alignments_as_usual_are_said_to_be_so(tmp_path: Path) -> None:
    study = study_of(tmp_path / "a", facts=lambda run: {"alignment": [scan()]})
    found = parts(study)["How reconstructions were laid on the truth"]
    assert found.startswith("In no run was that out of the ordinary")
    nothing_told = parts(study_of(tmp_path / "b"))
    assert "How reconstructions were laid on the truth" not in nothing_told


def test_a_sample_is_a_group_and_its_patterns_are_counted(tmp_path: Path) -> None:
    study = study_of(tmp_path / "s")
    assert "each group here is one pattern" in parts(study)["What a sample is"]
    images = {64: 200, 128: 380, 256: 700}
    facts = {
        run: own.model_copy(
            update={
                "subset": {
                    "groups": int(run.n_train),
                    "images": images[int(run.n_train)] + run.seed,
                    "selection": "random",
                }
            }
        )
        for run, own in study.facts.items()
    }
    text = parts(replace(study, facts=facts))["What a sample is"]
    assert "64 groups of 200 to 202 patterns; 128 groups of 380 to 382 patterns" in text
    assert "drawn at random over the object" in text
    assert "!" not in text


def test_a_sequential_selection_carries_its_warning(tmp_path: Path) -> None:
    text = parts(study_of(tmp_path / "s", selection="sequential"))["What a sample is"]
    assert text.startswith("! Training subsets are the first groups in the order of the scan")
    assert "drawn at random" not in text


# --- The parts that every report has


def test_what_does_not_learn_has_no_rank_and_is_not_the_best(tmp_path: Path) -> None:
    study = study_of(tmp_path / "s")
    rows = frame_rows(ranking(study))
    assert [row["verdict"] for row in rows if row["model"] == "iterative"] == ["does not learn"]
    assert [row["rank"] for row in rows if row["model"] == "iterative"] == [None]
    assert rows[-1]["model"] == "iterative"
    best = next(answer for answer in answers(study) if answer.name == "best")
    assert "is pinn, 64 px, n = 64" in best.sentences[0]
    assert best.sentences[-1].startswith(
        "Not ranked, because it does not learn from the training split: iterative, 64 px, n = 256"
    )
    gain = next(answer for answer in answers(study) if answer.name == "n_train")
    assert "Not among them: iterative" in gain.sentences[-1]


def test_the_ranking_by_several_metrics_leaves_it_out_too(tmp_path: Path) -> None:
    report = {"ranking": {"weights": {"phase_ssim": 1.0, "amplitude_ssim": 1.0}}}
    found = weighted(study_of(tmp_path / "s", report=report))
    assert found is not None
    points = next(block for block in found.blocks if isinstance(block, Points))
    assert points.items[0].startswith("First is pinn, 64 px, n = 64")


def test_only_what_does_not_learn_is_no_answer(tmp_path: Path) -> None:
    def fate(run: Run) -> str:
        return "ok" if run.model == "iterative" else "missing"

    first = answers(study_of(tmp_path / "s", fate=fate))[0]
    assert first.sentences[0].startswith("No run of a model that learns has a value")


def test_a_study_of_nothing_else_ranks_it(tmp_path: Path) -> None:
    models = {"iterative": MODELS["iterative"]}
    own = {"model": ["iterative"], "include": []}
    study = study_of(tmp_path / "s", models=models, grid=grid(**own))
    assert frame_rows(ranking(study))[0]["verdict"] == "best"


def test_the_summary_puts_it_behind(tmp_path: Path) -> None:
    study = study_of(tmp_path / "s")
    cells = ranked_cells(cells_of(study), study.metric, study.plan)
    assert [cell.cell.model for cell in cells[:2]] == ["pinn", "pinn"]
    assert cells[-1].cell.model == "iterative"


def test_the_models_table_names_the_losses(tmp_path: Path) -> None:
    frame = models_table(study_of(tmp_path / "s")).frame
    assert frame.set_index("model")["loss"].to_dict() == {
        "pinn": "pattern",
        "baseline": "object",
        "iterative": "pattern",
    }


def test_methods_do_not_say_that_the_first_samples_were_drawn(tmp_path: Path) -> None:
    def training(study: StudyResults) -> str:
        points = [block for block in methods(study).blocks if isinstance(block, Points)]
        return " ".join(points[1].items)

    study = study_of(tmp_path / "s")
    assert "stratified by block" in training(study)
    file = study.folder / "data" / "res64" / "data.json"
    file.write_text(file.read_text().replace('"sequential": false', '"sequential": true'))
    assert "are the first samples of the training split" in training(study)
    assert "stratified" not in training(study)


def test_the_family_adds_the_section_to_its_reports(tmp_path: Path) -> None:
    assert "generalisation" in sections_of(study_of(tmp_path / "s").family)
