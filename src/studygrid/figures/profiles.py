"""The profiles of a study as the figures of cost use them: of one device, never of several."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from studygrid.results.study_results import StudyResults


@dataclass(frozen=True)
class Profiles:
    """The profiles of the device that most of them are of.

    Attributes
    ----------
    table
        One row a (model, resolution) profiled on that device: the ``profile_`` columns.
    device
        Its name.
    note
        What of the profiles is not there and why, in sentences; may be empty.
    """

    table: pd.DataFrame
    device: str
    note: str


def profiles_of(study: StudyResults) -> Profiles | None:
    """Return the profiles of one device; None where there is no profile at all."""
    if "profile_device" not in study.frame:
        return None
    pairs = study.frame.drop_duplicates(["model", "resolution"])
    known = pairs.loc[pairs["profile_device"].notna()]
    if known.empty:
        return None
    counts = known["profile_device"].value_counts(sort=False)
    device = str(counts.index[counts == counts.max()][0])
    others = counts.drop(device)
    table = known.loc[known["profile_device"] == device].reset_index(drop=True)
    without = len(pairs) - len(known)
    notes = [
        f"Left out: {count} of {name}; numbers of different devices are not compared."
        for name, count in others.items()
    ]
    if without:
        notes.append(f"Without a profile: {without} of {len(pairs)} pairs of model and resolution.")
    failed = int((table["profile_status"] != "ok").sum())
    if failed:
        notes.append(f"Out of memory before their end: {failed} of the profiles.")
    if not table["profile_ran_alone"].astype(bool).all():
        shared = int((~table["profile_ran_alone"].astype(bool)).sum())
        notes.append(f"Not alone on the machine: {shared} of the profiles.")
    return Profiles(table, device, " ".join(notes))


def why_no_profiles(study: StudyResults) -> str:
    """Return why there is no profile to draw."""
    if not study.plan.study.profiling.enabled:
        return "Profiling is switched off in this study."
    return "No profile could be read yet."
