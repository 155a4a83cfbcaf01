"""What the benchmarks share: rounds, medians, and a row to print."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import attrs

__all__ = ["Row", "median", "percentile"]


@attrs.frozen(kw_only=True)
class Row:
    """
    One line of the report.

    Attributes:
        work: What was measured.

        figure: The median ratio or value, with its unit.

        spread: Smallest and largest of the rounds.

        target: What it must reach.

        met: Whether it did.

        detail: Absolute figures behind the ratio, for the reader only.
    """

    work: str
    figure: str
    spread: str
    target: str
    met: bool
    detail: str = ""


def median(values: Sequence[float]) -> float:
    """Return the median of the rounds."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which *share* of *values* lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
