"""
What happens to a push that is longer than its vendor allows.

A vendor's file says what is measured and how much of it may be; this file decides what
is cut, in which order, and what never is. Nothing here knows a vendor.

The order, stopping as soon as it fits:

1. title and body over a limit of their own: cut, with an ellipsis at the end;
2. body, then title, cut to make room, but not below a remainder worth reading;
3. the payload dropped whole, because half a JSON text is worse than none, and step 2
   undone as far as there is room again;
4. body, then title, cut to nothing. What still does not fit is refused.

A notification that must not be cut is refused instead of step 1 or 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from zpns.errors import ParameterError

__all__ = ["Budget", "Texts", "TooLong", "fit", "units"]

ELLIPSIS: Final = "…"  # 1 UTF-16 unit, 3 bytes
BODY_LEAST: Final = 64  # bytes of a body that is cut to make room
TITLE_LEAST: Final = 32  # bytes of a title, likewise


class TooLong(ParameterError):
    """
    A notification does not fit its vendor, and must not or cannot be cut.

    Attributes:
        reason: ``"title_too_long"``, ``"content_too_long"``, ``"extras_too_large"`` or
            ``"payload_too_large"``.
    """

    def __init__(self, reason: str, field: str, most: int, unit: str, size: int) -> None:
        super().__init__(field, f"at most {most} {unit}", size)
        self.reason = reason


@attrs.frozen
class Texts:
    """
    What of a push may be shortened.

    Attributes:
        title: Title.

        body: Body.

        payload: Payload, as given or empty.

        payload_dropped: Whether the payload was left out for want of room.

        sparing: Whether the payload is sent once, where a vendor's body would hold it twice.
    """

    title: str
    body: str
    payload: str
    payload_dropped: bool = False
    sparing: bool = False


@attrs.frozen(kw_only=True)
class Budget:
    """
    How much of something a vendor takes.

    Attributes:
        most: The limit.

        measure: Returns the size of what would be sent with these texts; never smaller
            for longer ones.

        unit: Of both, for the error.

        shared: Whether title and body count too; if not, only the payload can make room.

        sparing: Whether the payload is sent twice and may be sent once instead.

        reason: Of the error when nothing may be cut.
    """

    most: int
    measure: Callable[[Texts], int]
    unit: str = "bytes"
    shared: bool = True
    sparing: bool = False
    reason: str = "payload_too_large"

    def allows(self, texts: Texts) -> bool:
        """Whether *texts* fit."""
        return self.measure(texts) <= self.most


def units(text: str) -> int:
    """Return the length of *text* in UTF-16 units, the safe reading of "characters"."""
    return len(text) + sum(character > "\uffff" for character in text)


def fit(
    texts: Texts,
    budget: Budget,
    *,
    cut: bool,
    title_most: int | None = None,
    body_most: int | None = None,
) -> Texts:
    """
    Return *texts* so that they fit, themselves if they already do.

    Args:
        texts: What is to be sent.

        budget: What everything together may take.

        cut: Whether anything may be cut; if not, whatever is too long is refused.

        title_most: UTF-16 units of a title; None means no limit of its own.

        body_most: UTF-16 units of a body, likewise.

    Raises:
        TooLong: It must not be cut, or does not fit with nothing left to cut.
    """
    texts = attrs.evolve(
        texts,
        title=_within(texts.title, title_most, "title", cut=cut),
        body=_within(texts.body, body_most, "content", cut=cut),
    )
    if budget.allows(texts):
        return texts
    if not cut:
        size = budget.measure(texts)
        raise TooLong(budget.reason, "payload", budget.most, budget.unit, size)
    for candidate in _lighter(texts, budget):
        if budget.allows(candidate):
            return candidate
        if budget.shared:
            candidate = _shorten(candidate, budget, body_least=BODY_LEAST, title_least=TITLE_LEAST)
            if budget.allows(candidate):
                return candidate
    if budget.shared:
        candidate = _shorten(candidate, budget, body_least=0, title_least=0)
    if not budget.allows(candidate):
        size = budget.measure(candidate)
        raise TooLong("payload_too_large", "payload", budget.most, budget.unit, size)
    return candidate


def _within(text: str, most: int | None, field: str, *, cut: bool) -> str:
    """Return *text* in at most *most* units."""
    if most is None or len(text) <= most // 2 or units(text) <= most:
        return text
    if not cut:
        raise TooLong(f"{field}_too_long", field, most, "UTF-16 units", units(text))
    kept, room = 0, most - 1
    for cluster in _graphemes(text):
        room -= units(cluster)
        if room < 0:
            break
        kept += len(cluster)
    return text[:kept] + ELLIPSIS


def _lighter(texts: Texts, budget: Budget) -> list[Texts]:
    """Return *texts* with the payload as it is, then with less and less of it."""
    steps = [texts]
    if texts.payload and budget.sparing and not texts.sparing:
        steps.append(attrs.evolve(texts, sparing=True))
    if texts.payload:
        steps.append(attrs.evolve(texts, payload="", payload_dropped=True))
    return steps


def _shorten(texts: Texts, budget: Budget, *, body_least: int, title_least: int) -> Texts:
    """Cut the body, then the title, as little as needed and never below their least."""

    def with_body(body: str) -> Texts:
        return attrs.evolve(texts, body=body)

    def with_title(title: str) -> Texts:
        return attrs.evolve(texts, title=title)

    texts = with_body(_longest(texts.body, body_least, lambda b: budget.allows(with_body(b))))
    if not budget.allows(texts):
        texts = with_title(
            _longest(texts.title, title_least, lambda t: budget.allows(with_title(t)))
        )
    return texts


def _longest(text: str, least: int, fits: Callable[[str], bool]) -> str:
    """
    Return the longest cut of *text* that fits, or the shortest that is allowed.

    Args:
        text: What is cut, at a grapheme boundary.

        least: Bytes a cut text must have; 0 allows nothing at all.

        fits: Whether a cut fits; if one does, so does every shorter one.
    """
    if len(text) * 4 <= least or len(text.encode()) <= least:
        return text
    ends = [0]
    for cluster in _graphemes(text.removesuffix(ELLIPSIS)):
        ends.append(ends[-1] + len(cluster))

    def cut(index: int) -> str:
        return text[: ends[index]] + ELLIPSIS if index else ""

    low, high = 0, len(ends) - 2  # the whole text was found too long already
    while low <= high and len(cut(low).encode()) < least:
        low += 1
    if low > high:
        # One grapheme makes up so much of it that only all can be taken, if that is allowed.
        return text if least else ""
    while low < high:
        middle = (low + high + 1) // 2
        if fits(cut(middle)):
            low = middle
        else:
            high = middle - 1
    found = cut(low)
    # At the least, the ellipsis may take more than what it stands for.
    return found if fits(found) or len(found.encode()) < len(text.encode()) else text


def _graphemes(text: str) -> list[str]:
    """Split *text* into what a reader takes for one character each."""
    # Loaded when something has to be cut, which is seldom, and it is not small.
    import regex  # type: ignore[import-untyped]

    found: list[str] = regex.findall(r"\X", text)
    return found
