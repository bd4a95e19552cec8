"""Below which Fourier ring correlation a detail counts as lost. Cheap to import."""

from __future__ import annotations

# By the name in the metrics. Both are of full periods; docs/ptychography-metrics.md weighs them.
THRESHOLDS = {"frc50": 1 / 2, "frc17": 1 / 7}
