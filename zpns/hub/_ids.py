"""IDs of messages and calls: decimal text of 63 bits, in the order of time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from zpns.store import sequences

__all__ = ["IDs", "take_node"]

EPOCH: Final = 1_500_000_000_000  # UTC milliseconds; 2017, so that 42 bits last to 2156
NODE_BITS: Final = 8
COUNT_BITS: Final = 13
BELOW: Final = NODE_BITS + COUNT_BITS  # bits below the millisecond


class IDs:
    """
    Gives out numbers that no other process on the same store gives out.

    In the order of time, so that rows lie beside their neighbours. Below the millisecond
    stands the node, which tells the processes of a store apart: without it two busy ones
    would meet every few minutes. The rest is random, so that IDs derived from them do not
    repeat from store to store.

    Args:
        rng: Where chance comes from.

    Attributes:
        node: Tells processes apart; drawn until it is known.
    """

    def __init__(self, rng: random.Random) -> None:
        self._random = rng
        self._last = 0
        self.node = rng.getrandbits(NODE_BITS)

    def next(self, now: int) -> int:
        """Return a number greater than every one before; *now* is in UTC milliseconds."""
        time = max(now - EPOCH, 0)
        drawn = self._in(time)
        if drawn <= self._last:
            drawn = self._last + 1
            if drawn >> COUNT_BITS != self._last >> COUNT_BITS:  # that would be another node's
                drawn = self._in((self._last >> BELOW) + 1)
        self._last = drawn
        return drawn

    def _in(self, time: int) -> int:
        node = self.node % (1 << NODE_BITS)
        return (time << BELOW) | (node << COUNT_BITS) | self._random.getrandbits(COUNT_BITS)


def take_node(connection: Connection, items: Sequence[None]) -> list[int | Exception]:
    """Give a number to each process that asks for one."""
    first = sequences.take(connection, {"nodes": len(items)})["nodes"]
    return list(range(first, first + len(items)))
