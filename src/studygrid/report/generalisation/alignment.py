"""What was out of the ordinary when reconstructions were laid on the truth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from studygrid.report.learned.part import Part
from studygrid.report.numbers import listed
from studygrid.results.study_results import StudyResults

FACT = "alignment"
_SHIFT_PX = 1.0
_SCALE = 1.25
_TURN_RAD = math.pi

Scan = Mapping[str, Any]


def alignment_part(study: StudyResults) -> Part | None:
    """Return how many runs have scans that were not aligned as usual; None where no run tells."""
    told = [
        (run.model, [scan for scan in facts.scored[FACT] if isinstance(scan, Mapping)])
        for run, facts in study.facts.items()
        if facts.status == "ok" and isinstance(facts.scored.get(FACT), Sequence)
    ]
    told = [(model, scans) for model, scans in told if scans]
    if not told:
        return None
    runs = Counter(model for model, _ in told)
    found = {
        words: Counter(model for model, scans in told if any(is_so(scan) for scan in scans))
        for words, is_so in _UNUSUAL.items()
    }
    order = study.order["model"]
    refused = [_words(words, found[words], runs, order) for words in _REFUSED if found[words]]
    other = [
        _words(words, found[words], runs, order)
        for words in _UNUSUAL
        if words not in _REFUSED and found[words]
    ]
    title = "How reconstructions were laid on the truth"
    if not refused and not other:
        return Part(title, (f"In no run was that out of the ordinary ({_rules()}).",))
    return Part(title, tuple(other) or (f"Looked for: {_rules()}.",), warnings=tuple(refused))


def _words(words: str, found: Counter[str], runs: Counter[str], order: Sequence[str]) -> str:
    models = [
        f"{model} in {found[model]:,} of {runs[model]:,} runs" for model in order if found[model]
    ]
    return f"{words[:1].upper()}{words[1:]}: {listed(models)}."


def _rules() -> str:
    return "; ".join(_UNUSUAL)


def _is_undefined(scan: Scan) -> bool:
    return "undefined" in scan


def _is_refused(scan: Scan) -> bool:
    return scan.get("registered") is False


def _is_shifted(scan: Scan) -> bool:
    return any(abs(shift) > _SHIFT_PX for shift in scan.get("shift_px", ()))


def _is_scaled(scan: Scan) -> bool:
    return not 1 / _SCALE <= scan.get("amplitude_scale", 1.0) <= _SCALE


def _is_tilted(scan: Scan) -> bool:
    ramp, area = scan.get("ramp_rad_px", []), scan.get("area_px", [])
    return any(abs(slope) * side > _TURN_RAD for slope, side in zip(ramp, area, strict=False))


def _is_uncovered(scan: Scan) -> bool:
    return bool(scan.get("uncovered_px", 0) > 0)


_UNUSUAL: Mapping[str, Callable[[Scan], bool]] = {
    "not aligned at all, so without scores": _is_undefined,
    "registration refused, because nothing was found within its limit": _is_refused,
    f"shifted by more than {_SHIFT_PX:g} px": _is_shifted,
    f"amplitude scaled by more than {_SCALE:g} or less than {1 / _SCALE:g}": _is_scaled,
    "a phase ramp of more than half a turn over the area taken off": _is_tilted,
    "pixels of the area that no pattern covers": _is_uncovered,
}
_REFUSED = tuple(
    words for words, is_so in _UNUSUAL.items() if is_so in (_is_undefined, _is_refused)
)
