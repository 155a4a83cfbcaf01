"""IDs of messages and calls: decimal text of 63 bits, in the order of time."""

from __future__ import annotations

import random
from typing import Final

__all__ = ["IDs"]

EPOCH: Final = 1_500_000_000_000  # UTC milliseconds; 2017, so that 42 bits last to 2156
RANDOM_BITS: Final = 21


class IDs:
    """
    Gives out numbers that no other process gives out but by great bad luck, which the
    primary key then catches.

    In the order of time, so that rows lie beside their neighbours; random below the
    millisecond, so that IDs derived from them do not repeat from store to store.

    Args:
        rng: Where chance comes from.
    """

    def __init__(self, rng: random.Random) -> None:
        self._random = rng
        self._last = 0

    def next(self, now: int) -> int:
        """Return a number greater than every one before; *now* is in UTC milliseconds."""
        drawn = (max(now - EPOCH, 0) << RANDOM_BITS) | self._random.getrandbits(RANDOM_BITS)
        self._last = max(drawn, self._last + 1)
        return self._last
