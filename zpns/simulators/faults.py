"""
What a simulator is told to do wrong.

A plan is a list of faults; the server applies it, so every vendor can misbehave in every
way. Plans are deterministic: a fault counts the requests it sees, or draws from a
generator seeded by the plan. The control endpoints are never disturbed.

As JSON, for ``POST /__sim__/faults``::

    {
        "seed": 7,
        "faults": [
            {"kind": "status", "status": 503, "retry_after": 1, "every": 10},
            {"kind": "reset", "share": 0.01, "handled": true},
            {"kind": "goaway", "after": 1000},
        ],
    }
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

import attrs

from zpns.errors import ParameterError

__all__ = [
    "AnswerStatus",
    "Delay",
    "Fault",
    "FaultPlan",
    "FaultState",
    "GoAway",
    "NeverAnswer",
    "ResetConnection",
    "ResetStream",
]

INTERNAL_ERROR: Final = 2  # HTTP/2 error codes: RFC 9113, section 7
NO_ERROR: Final = 0


def _number(name: str, value: object, low: float, high: float, what: str) -> None:
    """Refuse *value* unless it is a number from *low* to *high*."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # type: ignore[operator]
        raise ParameterError(name, what, value)


def _flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ParameterError(name, "true or false", value)


def _count(name: str, value: object, low: int = 0) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ParameterError(name, f"a whole number, {low} or more", value)


@attrs.frozen(kw_only=True)
class Fault:
    """
    Which requests a fault concerns; all of them unless told otherwise.

    At most one of *every*, *first* and *share* is given.

    Attributes:
        every: Every so many requests: 10 means the 10th, the 20th, ...

        first: Only so many requests, from the first on.

        share: Each request with this probability, 0 to 1, drawn from the plan's seed.

        skip: How many requests pass before any of these begins to count.

        path: Only requests whose path contains this text.
    """

    kind: ClassVar[str] = ""

    every: int | None = None
    first: int | None = None
    share: float | None = None
    skip: int = 0
    path: str = ""

    def __attrs_post_init__(self) -> None:
        given = [self.every, self.first, self.share]
        if sum(value is not None for value in given) > 1:
            raise ParameterError("every", "at most one of every, first and share", given)
        if self.every is not None:
            _count("every", self.every, 1)
        if self.first is not None:
            _count("first", self.first)
        if self.share is not None:
            _number("share", self.share, 0, 1, "a number from 0 to 1")
        _count("skip", self.skip)
        if not isinstance(self.path, str):
            raise ParameterError("path", "a text", self.path)
        self._check()

    def _check(self) -> None:
        """Refuse wrong values of the fault's own fields."""


@attrs.frozen(kw_only=True)
class AnswerStatus(Fault):
    """
    Answer with a status instead of handling the request.

    Attributes:
        status: The HTTP status, 200 to 599.

        retry_after: Seconds for the header ``Retry-After``; None sends none.

        as_date: Give ``Retry-After`` as an HTTP date, by the server's clock.

        body: The body. None gives the body the vendor uses with this status.

        content_type: Of *body*.
    """

    kind: ClassVar[str] = "status"

    status: int
    retry_after: float | None = None
    as_date: bool = False
    body: str | None = None
    content_type: str = "text/html; charset=UTF-8"

    def _check(self) -> None:
        _count("status", self.status)
        if not 200 <= self.status <= 599:
            raise ParameterError("status", "an HTTP status from 200 to 599", self.status)
        if self.retry_after is not None:
            _number("retry_after", self.retry_after, 0, 1e9, "seconds, 0 or more")
        _flag("as_date", self.as_date)
        if self.body is not None and not isinstance(self.body, str):
            raise ParameterError("body", "a text", self.body)
        if not isinstance(self.content_type, str):
            raise ParameterError("content_type", "a text", self.content_type)


@attrs.frozen(kw_only=True)
class Delay(Fault):
    """
    Handle the request at once and answer late; adds to any other fault.

    Attributes:
        seconds: How late, by the server's clock.
    """

    kind: ClassVar[str] = "delay"

    seconds: float

    def _check(self) -> None:
        _number("seconds", self.seconds, 0, 1e9, "seconds, 0 or more")


@attrs.frozen(kw_only=True)
class NeverAnswer(Fault):
    """
    Keep the request open and say nothing.

    Attributes:
        handled: Whether the vendor acted on the request all the same.
    """

    kind: ClassVar[str] = "never"

    handled: bool = False

    def _check(self) -> None:
        _flag("handled", self.handled)


@attrs.frozen(kw_only=True)
class ResetConnection(Fault):
    """
    Cut the TCP connection (RST), with every other request on it.

    Attributes:
        handled: Whether the vendor acted on the request before the cut.
    """

    kind: ClassVar[str] = "reset"

    handled: bool = False

    def _check(self) -> None:
        _flag("handled", self.handled)


@attrs.frozen(kw_only=True)
class ResetStream(Fault):
    """
    Reset the request's stream; HTTP/1.1 has none, so there the connection is cut.

    Attributes:
        error_code: Of the RST_STREAM frame; 7 is REFUSED_STREAM.

        handled: Whether the vendor acted on the request before.
    """

    kind: ClassVar[str] = "reset-stream"

    error_code: int = INTERNAL_ERROR
    handled: bool = False

    def _check(self) -> None:
        _count("error_code", self.error_code)
        _flag("handled", self.handled)


@attrs.frozen(kw_only=True)
class GoAway:
    """
    Say GOAWAY on each connection once it brought so many requests.

    Later streams of that connection are ignored, earlier ones are answered, and then it
    is closed. On HTTP/1.1 the answer carries ``Connection: close`` instead.

    Attributes:
        after: How many requests a connection may bring.

        error_code: Of the GOAWAY frame.
    """

    kind: ClassVar[str] = "goaway"

    after: int
    error_code: int = NO_ERROR

    def __attrs_post_init__(self) -> None:
        _count("after", self.after, 1)
        _count("error_code", self.error_code)


_KINDS: Final[Mapping[str, type[Fault | GoAway]]] = {
    cls.kind: cls
    for cls in (AnswerStatus, Delay, NeverAnswer, ResetConnection, ResetStream, GoAway)
}


def _is_fault(value: object) -> bool:
    """Return whether *value* is a fault of a particular kind."""
    return isinstance(value, (Fault, GoAway)) and bool(value.kind)


def _as_tuple(faults: Iterable[Fault | GoAway]) -> tuple[Fault | GoAway, ...]:
    if not isinstance(faults, Iterable):
        raise ParameterError("faults", "a sequence of fault objects", faults)
    return tuple(faults)


@attrs.frozen
class FaultPlan:
    """
    Everything a simulator does wrong.

    Attributes:
        faults: In order of precedence: of those that concern a request the first wins,
            except that delays add up.

        seed: Decides which requests a ``share`` hits.
    """

    faults: tuple[Fault | GoAway, ...] = attrs.field(default=(), converter=_as_tuple)
    seed: int = attrs.field(default=0, kw_only=True)

    def __attrs_post_init__(self) -> None:
        for fault in self.faults:
            if not _is_fault(fault):
                raise ParameterError("faults", "fault objects", fault)

    @classmethod
    def from_json(cls, data: object) -> FaultPlan:
        """
        Return the plan that *data* describes, parsed JSON.

        Raises:
            ParameterError: A kind or member is unknown, or a value is wrong.
        """
        if not isinstance(data, Mapping):
            raise ParameterError("body", 'an object such as {"faults": [...]}', data)
        unknown = sorted(set(data) - {"faults", "seed"})
        if unknown:
            raise ParameterError(unknown[0], "one of faults, seed", data[unknown[0]])
        seed, entries = data.get("seed", 0), data.get("faults", [])
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise ParameterError("seed", "a whole number", seed)
        if not isinstance(entries, Sequence) or isinstance(entries, str):
            raise ParameterError("faults", "an array", entries)
        return cls(tuple(_fault(entry) for entry in entries), seed=seed)

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        faults = [{"kind": fault.kind, **attrs.asdict(fault)} for fault in self.faults]
        return {"seed": self.seed, "faults": faults}


def _fault(entry: object) -> Fault | GoAway:
    """Return the fault that one JSON object describes."""
    if not isinstance(entry, Mapping):
        raise ParameterError("faults", "objects", entry)
    members = dict(entry)
    kind = members.pop("kind", None)
    cls = _KINDS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise ParameterError("kind", f"one of {', '.join(_KINDS)}", kind)
    known = [field.name for field in attrs.fields(cls)]
    for name, value in members.items():
        if name not in known:
            raise ParameterError(name, f"one of {', '.join(known)}", value)
    for field in attrs.fields(cls):
        if field.default is attrs.NOTHING and field.name not in members:
            raise ParameterError(field.name, f"a value, for kind {kind}", None)
    return cls(**members)


class _Counter:
    """Decides, request after request, whether one fault strikes."""

    __slots__ = ("fault", "random", "seen")

    def __init__(self, fault: Fault, seed: str) -> None:
        self.fault = fault
        self.seen = 0
        self.random = random.Random(seed)

    def strikes(self, path: str) -> bool:
        """Count a request to *path* and say whether it is hit."""
        fault = self.fault
        if fault.path not in path:
            return False
        self.seen += 1
        number = self.seen - fault.skip
        if number <= 0:
            return False
        if fault.every is not None:
            return number % fault.every == 0
        if fault.first is not None:
            return number <= fault.first
        return fault.share is None or self.random.random() < fault.share


class FaultState:
    """
    A plan under way: how many requests each fault has seen.

    Attributes:
        goaway: The plan's GOAWAY rule, or None.
    """

    def __init__(self, plan: FaultPlan) -> None:
        # One generator per fault: adding a fault leaves the others' choices alone.
        self._counters = [
            _Counter(fault, f"{plan.seed}/{index}")
            for index, fault in enumerate(plan.faults)
            if isinstance(fault, Fault)
        ]
        rules = [fault for fault in plan.faults if isinstance(fault, GoAway)]
        self.goaway = rules[0] if rules else None

    def decide(self, path: str) -> tuple[float, Fault | None]:
        """Return, for the next request, seconds of delay and what goes wrong, if anything."""
        delay, chosen = 0.0, None
        for counter in self._counters:
            if counter.strikes(path):
                if isinstance(counter.fault, Delay):
                    delay += counter.fault.seconds
                elif chosen is None:
                    chosen = counter.fault
        return delay, chosen
