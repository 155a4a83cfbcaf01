"""
How APNs treats a connection: how many streams it gets, and when it is sent away.

A connection has one stream until its first provider token was accepted. Apple documents
that it slows down, and then leaves, a client whose requests fail in a row, but neither
after how many nor with which words; so both are off unless asked for.
"""

from __future__ import annotations

from typing import get_args

from zpns.simulators import _apns_errors as errors
from zpns.simulators._apns_auth import Session
from zpns.simulators._apns_certificates import ClientCertificate
from zpns.simulators._apns_checks import one_of
from zpns.simulators._apns_errors import Refused
from zpns.simulators._connection import Connection, OnExcess
from zpns.simulators.faults import _count, _flag, _number

__all__ = ["Conduct"]


class Conduct:
    """
    The rules for connections.

    Args:
        one_stream_first: Whether a connection has one stream until a token was accepted.

        max_streams: Concurrent streams after that.

        on_excess: What meets a stream over the limit.

        idle_timeout: Seconds after which a silent connection is not served any more.

        slow_after: Refusals in a row after which a connection is back at one stream.

        leave_after: Refusals in a row after which it is sent away.
    """

    def __init__(
        self,
        *,
        one_stream_first: bool,
        max_streams: int,
        on_excess: OnExcess,
        idle_timeout: float | None,
        slow_after: int | None,
        leave_after: int | None,
    ) -> None:
        _flag("one_stream_first", one_stream_first)
        _count("max_streams", max_streams, 1)
        one_of("on_excess_streams", on_excess, get_args(OnExcess))
        if idle_timeout is not None:
            _number("idle_timeout", idle_timeout, 0, 1e9, "seconds, 0 or more")
        for name, count in (("slow_after", slow_after), ("leave_after", leave_after)):
            if count is not None:
                _count(name, count, 1)
        self._one_stream_first = one_stream_first
        self._max_streams = max_streams
        self._on_excess = on_excess
        self._idle_timeout = idle_timeout
        self._slow_after = slow_after
        self._leave_after = leave_after

    def greet(self, connection: Connection) -> Session:
        """Set the limit of a new connection and return its session."""
        certificate = connection.certificate
        session = Session(
            max_streams=min(self._max_streams, connection.max_streams),
            certificate=ClientCertificate.from_der(certificate) if certificate else None,
        )
        connection.state = session
        connection.on_excess = self._on_excess
        alone = self._one_stream_first and session.certificate is None
        connection.limit_streams(1 if alone else session.max_streams)
        return session

    def arrived(self, connection: Connection, session: Session, now: float) -> None:
        """
        Take note of a request.

        Raises:
            Refused: The connection was silent for too long.
        """
        last, session.last_at = session.last_at, now
        if self._idle_timeout is not None and last is not None:
            if now - last > self._idle_timeout:
                connection.go_away(errors.body("IdleTimeout"))
                raise Refused("IdleTimeout")

    def admitted(self, connection: Connection, session: Session) -> None:
        """Lift the limit of a connection once its client is known."""
        if not session.admitted:
            session.admitted = True
            connection.limit_streams(session.max_streams)

    def accepted(self, connection: Connection, session: Session) -> None:
        """Forget refusals; whoever was accepted was admitted before."""
        if session.refusals:
            session.refusals = 0
            connection.limit_streams(session.max_streams)

    def refused(self, connection: Connection, session: Session, reason: str) -> None:
        """Count a refusal; a device that is gone is nobody's fault."""
        if not 400 <= errors.STATUSES[reason] < 500 or errors.STATUSES[reason] == 410:
            return
        session.refusals += 1
        if session.refusals == self._slow_after:
            connection.limit_streams(1)
        if session.refusals == self._leave_after:
            connection.go_away(errors.body(reason))
