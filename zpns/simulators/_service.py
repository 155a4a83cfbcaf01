"""
What both HTTP versions share: control endpoints, faults, the handler, the record.

Sans I/O: a request comes in complete, and what comes back says how to answer it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable
from urllib.parse import parse_qs

import orjson

from zpns.errors import ParameterError
from zpns.exchange import Clock, Request, Response
from zpns.simulators._connection import Connection
from zpns.simulators._record import RECORD_LIMIT, Received, Record
from zpns.simulators.faults import (
    AnswerStatus,
    Fault,
    FaultPlan,
    FaultState,
    NeverAnswer,
    ResetConnection,
    ResetStream,
)

__all__ = ["CONTROL", "MAX_BODY", "ConnectionSimulator", "Reply", "Service", "Simulator"]

CONTROL: Final = "/__sim__/"
MAX_BODY: Final = 8 * 1024 * 1024  # bytes; no vendor takes more than a few hundred kB
MAX_DEVICES: Final = 1_000_000  # made in one control request
JSON: Final = "application/json; charset=UTF-8"

logger = logging.getLogger("zpns.simulators")

End: TypeAlias = Literal["answer", "never", "reset", "reset-stream"]


class Simulator(Protocol):
    """
    One vendor. No I/O and no clock of its own in :meth:`handle`.

    Attributes:
        channel: The vendor's channel, such as ``"fcm"``.
    """

    channel: str

    def handle(self, request: Request, now: float) -> Response:
        """Return the vendor's answer; *now* is in seconds since 1970."""
        ...

    def answer(self, status: int) -> Response:
        """Return what the vendor says with *status* when the request is not to blame."""
        ...

    def register(self, *args: Any, **kwargs: Any) -> str:
        """Make a device and return its token."""
        ...

    def unregister(self, token: str) -> None:
        """Let a device uninstall the app; ``LookupError`` if there is none."""
        ...

    def credentials(self, url: str, folder: str) -> Mapping[str, str]:
        """Write what a client of this simulator needs to *folder* and say where it is."""
        ...


@runtime_checkable
class ConnectionSimulator(Protocol):
    """What a simulator has besides, if its vendor treats connections differently."""

    def client_authority(self) -> str:
        """Return the PEM of the authority whose client certificates TLS accepts."""
        ...

    def connected(self, connection: Connection) -> None:
        """Take note of a new HTTP/2 connection; its stream limit may still be set."""
        ...

    def handle_on(self, connection: Connection, request: Request, now: float) -> Response:
        """Do what ``handle`` does, for a request that came on *connection*."""
        ...

    def answer_to(self, request: Request, status: int, now: float) -> Response:
        """Do what ``answer`` does, for this very request."""
        ...

    def goodbye(self) -> bytes:
        """Return what a GOAWAY says beyond its code."""
        ...


class Reply(NamedTuple):
    """
    How to answer a request.

    Attributes:
        response: What to send, if *end* is ``"answer"``.

        end: How it ends.

        delay: Seconds to wait before.

        error_code: Of a reset stream.
    """

    response: Response
    end: End = "answer"
    delay: float = 0.0
    error_code: int = 0


NOTHING: Final = Response(status=0)


class Service:
    """
    One simulator behind one server.

    Args:
        simulator: The vendor.

        clock: Where *now* comes from.

        record_limit: How many requests are remembered.

    Attributes:
        record: What was received.

        faults: The plan under way, or None.
    """

    def __init__(
        self, simulator: Simulator, clock: Clock, *, record_limit: int = RECORD_LIMIT
    ) -> None:
        self.simulator = simulator
        self.clock = clock
        self._aware = simulator if isinstance(simulator, ConnectionSimulator) else None
        self.record = Record(record_limit)
        self.faults: FaultState | None = None

    def plan(self, plan: FaultPlan | None) -> None:
        """Start *plan* from its beginning, or stop misbehaving."""
        self.faults = FaultState(plan) if plan is not None and plan.faults else None

    def connected(self, connection: Connection) -> None:
        """Introduce a new connection to the vendor."""
        if self._aware is not None:
            self._aware.connected(connection)

    def goodbye(self) -> bytes:
        """Return the data of a GOAWAY."""
        return b"" if self._aware is None else self._aware.goodbye()

    def receive(
        self,
        request: Request,
        path: str,
        version: str,
        port: int,
        connection: Connection | None = None,
    ) -> Reply:
        """
        Take one complete request and say how to answer it.

        Args:
            request: As the handler sees it.

            path: Its path with the query.

            version: Of HTTP, ``"1.1"`` or ``"2"``.

            port: The client's, which tells connections apart.

            connection: On which it came, if the vendor was introduced to it.
        """
        if path.startswith(CONTROL):
            return Reply(self._control(request, path))
        now = self.clock.time()
        delay, fault = self.faults.decide(path) if self.faults is not None else (0.0, None)
        handled = fault is None or getattr(fault, "handled", False)
        response = NOTHING
        if handled:
            response = self._handle(request, now, connection or Connection(port, version))
        if fault is None:
            reply = Reply(response, delay=delay)
        else:
            reply = self._disturb(fault, delay, request, now)
        headers = self.record.headers(request.headers)
        status = reply.response.status
        kind = fault.kind if fault is not None else ""
        entry = Received(
            request.method, path, headers, request.body, status, now, version, port,
            kind, handled,
        )  # fmt: skip
        self.record.add(entry)
        return reply

    def _handle(self, request: Request, now: float, connection: Connection) -> Response:
        """Return the handler's answer; its own mistakes are loud but close nothing."""
        try:
            if self._aware is not None:
                return self._aware.handle_on(connection, request, now)
            return self.simulator.handle(request, now)
        except Exception:
            logger.exception("the %s simulator failed", self.simulator.channel)
            return Response(status=500, body=b"simulator failure; see the log of zpns.simulators")

    def _disturb(self, fault: Fault, delay: float, request: Request, now: float) -> Reply:
        """Return how to answer a request that *fault* struck."""
        match fault:
            case AnswerStatus():
                return Reply(self._answer(fault, request, now), delay=delay)
            case NeverAnswer():
                return Reply(NOTHING, "never")
            case ResetConnection():
                return Reply(NOTHING, "reset", delay)
            case ResetStream():
                return Reply(NOTHING, "reset-stream", delay, fault.error_code)
            case _:
                raise TypeError(f"unknown fault: {fault!r}")

    def _answer(self, fault: AnswerStatus, request: Request, now: float) -> Response:
        """Return the response a status fault asks for."""
        if fault.body is None:
            if self._aware is not None:
                response = self._aware.answer_to(request, fault.status, now)
            else:
                response = self.simulator.answer(fault.status)
            headers = dict(response.headers)
            body = response.body
        else:
            headers = {"content-type": fault.content_type}
            body = fault.body.encode()
        # The plan alone decides about the header, so that a test knows what it gets.
        headers.pop("retry-after", None)
        if fault.retry_after is not None:
            headers["retry-after"] = (
                formatdate(now + fault.retry_after, usegmt=True)
                if fault.as_date
                else f"{fault.retry_after:g}"
            )
        return Response(status=fault.status, headers=headers, body=body)

    # The control endpoints.

    def _control(self, request: Request, path: str) -> Response:
        """Answer a control request."""
        name, _, query = path.removeprefix(CONTROL).partition("?")
        actions = {
            ("GET", "requests"): self._get_requests,
            ("DELETE", "requests"): self._delete_requests,
            ("POST", "devices"): self._post_devices,
            ("DELETE", "devices"): self._delete_devices,
            ("POST", "faults"): self._post_faults,
            ("DELETE", "faults"): self._delete_faults,
        }
        action = actions.get((request.method, name))
        if action is None:
            known = ", ".join(f"{method} {CONTROL}{what}" for method, what in actions)
            return _json(404, {"error": f"expected one of {known}"})
        try:
            return _json(200, action(_parameters(query), _parse(request.body)))
        except (ParameterError, LookupError, TypeError) as error:
            return _json(400, {"error": str(error)})

    def _get_requests(self, query: Mapping[str, int], body: Any) -> object:
        if query.get("summary"):
            return self.record.summary()
        page = self.record.page(query.get("offset", 0), query.get("limit"))
        return [entry.to_json() for entry in page]

    def _delete_requests(self, query: Mapping[str, int], body: Any) -> object:
        self.record.clear()
        return {}

    def _post_devices(self, query: Mapping[str, int], body: Any) -> object:
        options = dict(body)
        count = options.pop("count", 1)
        if type(count) is not int or not 1 <= count <= MAX_DEVICES:
            raise ParameterError("count", f"a whole number from 1 to {MAX_DEVICES}", count)
        return {"tokens": [self.simulator.register(**options) for _ in range(count)]}

    def _delete_devices(self, query: Mapping[str, int], body: Any) -> object:
        tokens = body.get("tokens")
        if not isinstance(tokens, Sequence) or isinstance(tokens, str):
            raise ParameterError("tokens", "an array of tokens", tokens)
        for token in tokens:
            self.simulator.unregister(token)
        return {}

    def _post_faults(self, query: Mapping[str, int], body: Any) -> object:
        plan = FaultPlan.from_json(body)
        self.plan(plan)
        return plan.to_json()

    def _delete_faults(self, query: Mapping[str, int], body: Any) -> object:
        self.plan(None)
        return {}


def _json(status: int, value: object) -> Response:
    return Response(status=status, headers={"content-type": JSON}, body=orjson.dumps(value))


def _parse(body: bytes) -> dict[str, Any]:
    """Return the body of a control request; none counts as an empty object."""
    try:
        value = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise ParameterError("body", "JSON", body) from error
    if not isinstance(value, dict):
        raise ParameterError("body", "a JSON object", value)
    return value


def _parameters(query: str) -> dict[str, int]:
    """Return the query of a control request; all its values are counts."""
    values = {}
    for name, texts in parse_qs(query, keep_blank_values=True).items():
        if name not in ("offset", "limit", "summary"):
            raise ParameterError(name, "one of offset, limit, summary", texts[-1])
        if not texts[-1].isascii() or not texts[-1].isdigit():
            raise ParameterError(name, "a whole number, 0 or more", texts[-1])
        values[name] = int(texts[-1])
    return values
