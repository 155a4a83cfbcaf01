"""When a vendor wants to be asked again, in either spelling of ``Retry-After``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Final

__all__ = ["retry_after"]

MOST: Final = 30 * 86400.0  # seconds; more than that is taken for a mistake

_SECONDS: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """
    Return the seconds to wait, 0 or more, or None if the answer does not say.

    Args:
        headers: Of the answer, names in lower case.

        now: UTC seconds; an HTTP date is relative to it.
    """
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), MOST)
    if not value or not value[0].isalpha():
        return None
    # Loaded when first met: dates are the rare spelling.
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return min(max(date.timestamp() - now, 0.0), MOST)
