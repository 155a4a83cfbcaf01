"""
The connections to one origin, and what waits for room on them.

A connection more is opened when the ones there are full while the wire is silent: then
the peer's window or its stream limit is what is waited for, not this process. What the
peer surely did not process is sent again at once, on another connection if need be.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from zpns.exchange import Response
from zpns.http._connection import ConnectFailure, Connection, connect
from zpns.http._core import BODY_MOST, Failure, Sink
from zpns.http._hpack import ENTRY, Field
from zpns.http._inflate import inflate

__all__ = [
    "REFUSALS",
    "REST",
    "Crowd",
    "Origin",
    "Pool",
    "Single",
    "list_size",
    "response",
    "too_large",
    "too_late",
]

CONNECT_WITHIN: Final = 5.0  # seconds
REFUSALS: Final = 8  # how often a request is sent again at once that was not processed
REST: Final = 0.1  # seconds between further tries, until its deadline
SILENT: Final = 0.005  # seconds; a full connection that hears nothing for so long starves
LOOK: Final = 0.01  # seconds between two looks while something waits
SCAN: Final = 0.1  # seconds between two looks at the deadlines of what waits
GROW_AGAIN: Final = 1.0  # seconds until one more is tried after a connection that failed
AGE: Final = 3_600.0  # seconds a connection is used, give or take a tenth
IDLE: Final = 900.0  # seconds an unused connection is kept
PING_IDLE: Final = 60.0  # seconds between two signs of life of an unused connection
GOODBYE: Final = 0.2  # seconds that connections have to end in order, at the end of all
FIELDS_PLENTY: Final = 2**20  # bytes of header fields the server takes; no need to count then

CLOSED: Final = Failure("the carrier was closed", processed=False)


class Origin(NamedTuple):
    """Where connections go."""

    host: str
    port: int
    authority: bytes


class Crowd(Sink, Protocol):
    """
    Many requests that wait for room together.

    Attributes:
        deadline: When what waits is given up, by the loop's clock.
    """

    deadline: float

    @property
    def waits(self) -> bool:
        """Whether anything waits, for whatever reason."""
        ...

    @property
    def hungry(self) -> bool:
        """Whether anything waits for room on a connection."""
        ...

    def fill(self, connection: Connection, now: float) -> None:
        """Open what fits on *connection*."""
        ...

    def report(self) -> None:
        """Hand over what has come since the last time."""
        ...

    def give_up(self, failure: Failure) -> None:
        """Nothing that waits can be sent."""
        ...


class Single:
    """One request, and the future of whoever waits for it."""

    __slots__ = (
        "body",
        "connection",
        "deadline",
        "fields",
        "future",
        "path",
        "refusal",
        "refusals",
        "stream",
        "wake",
    )

    decodes = False

    def __init__(
        self,
        path: bytes,
        fields: tuple[Field, ...],
        body: bytes,
        deadline: float,
        future: asyncio.Future[Response | Failure],
        wake: Callable[[Single], None],
    ) -> None:
        self.path = path
        self.fields = fields
        self.body = body
        self.deadline = deadline
        self.future = future
        self.wake = wake
        self.refusals = 0
        self.refusal = ""
        self.stream = 0
        self.connection: Connection | None = None

    def success(self, key: int) -> None:
        self.connection = None
        if not self.future.done():
            self.future.set_result(Response(status=200))

    def answer(self, key: int, status: int, fields: list[Field], body: bytes) -> None:
        self.connection = None
        self.end(response(status, fields, body))

    def fail(self, key: int, failure: Failure) -> None:
        self.connection = None
        if failure.processed or failure.timeout:
            self.end(failure)
        elif not self.future.done():
            self.refusals += 1
            self.refusal = failure.reason
            self.wake(self)

    def end(self, result: Response | Failure) -> None:
        """Say what came of it, unless nobody waits any more."""
        if not self.future.done():
            self.future.set_result(result)


class Pool:
    """
    The connections to one origin.

    Args:
        origin: Where they go.

        context: TLS.

        most: How many there may be, those that still drain apart.

        rng: Draws how old each becomes.
    """

    def __init__(
        self, origin: Origin, context: ssl.SSLContext, most: int, rng: random.Random
    ) -> None:
        self.origin = origin
        self._context = context
        self._most = most
        self._random = rng
        self.loop = asyncio.get_running_loop()
        self._usable: list[Connection] = []
        self._draining: set[Connection] = set()
        self._expires: dict[Connection, float] = {}
        self._waiting: deque[Single] = deque()
        self._resting: dict[Single, asyncio.TimerHandle] = {}
        self._crowds: deque[Crowd] = deque()
        self._connecting: asyncio.Task[None] | None = None
        self._grow_after = 0.0
        self._looker: asyncio.TimerHandle | None = None
        self._scan_after = 0.0
        self._pumping: asyncio.Handle | None = None
        self.closed = False

    # Requests.

    def submit(self, single: Single) -> None:
        """Send *single* as soon as there is room."""
        self._waiting.append(single)
        self.pump()

    def again(self, single: Single) -> None:
        """Send *single* again: it was surely not processed."""
        if self.closed:
            single.end(CLOSED)
        elif single.refusals <= REFUSALS:
            self._waiting.appendleft(single)
            self.pump_soon()
        else:
            # A server that refuses everything is not asked as fast as it can say so.
            self._resting[single] = self.loop.call_later(REST, self._rested, single)

    def _rested(self, single: Single) -> None:
        del self._resting[single]
        self.submit(single)

    def join(self, crowd: Crowd) -> None:
        """Serve *crowd* from now on."""
        self._crowds.append(crowd)

    def leave(self, crowd: Crowd) -> None:
        """Serve *crowd* no more; it has nothing open."""
        if crowd in self._crowds:
            self._crowds.remove(crowd)

    def drop(self, crowd: Crowd) -> None:
        """Reset everything of *crowd*."""
        self.leave(crowd)
        for connection in [*self._usable, *self._draining]:
            core = connection.core
            mine = [stream for stream, owner in core.streams.items() if owner[0] is crowd]
            for stream in mine:
                core.reset(stream)
            if mine:
                connection.flush_soon()
        self.pump_soon()

    def complain(self, error: Exception) -> None:
        """Tell of what somebody's callback raised; no connection may suffer from it."""
        self.loop.call_exception_handler(
            {"message": "the callback for results of a page failed", "exception": error}
        )

    # The pump.

    def pump_soon(self) -> None:
        """Pump at the end of this turn of the loop."""
        if self._pumping is None:
            self._pumping = self.loop.call_soon(self._pump_late)

    def _pump_late(self) -> None:
        self._pumping = None
        self.pump()

    def pump(self, only: Connection | None = None) -> None:
        """Open what fits, and see to it that there are enough connections."""
        now = self.loop.time()
        for connection in (only,) if only is not None else tuple(self._usable):
            if connection.core.usable:
                self._fill(connection, now)
            elif connection in self._usable:
                connection.retire("the connection's stream numbers are used up")
        for crowd in tuple(self._crowds):
            crowd.report()
        if self._waiting or self._crowds:
            self._want(now)

    def _fill(self, connection: Connection, now: float) -> None:
        waiting = self._waiting
        while waiting:
            single = waiting[0]
            if single.future.done():
                waiting.popleft()
                continue
            if connection.room(len(single.body)) <= 0:
                break
            waiting.popleft()
            core = connection.core
            if core.fields_most < FIELDS_PLENTY and not _fits(single, core.fields_most):
                single.end(too_large(core.fields_most))
                continue
            single.stream = core.next_id
            single.connection = connection
            core.open(core.encoder.block(single.fields), single.path, single.body, single, 0)
            connection.watch(single.stream, single.stream, single.deadline)
            connection.filled = now
            connection.flush_soon()
        if self._crowds:
            for crowd in tuple(self._crowds):
                if crowd.waits:
                    crowd.fill(connection, now)
            # None of them has all the room whenever there is some.
            self._crowds.rotate(-1)

    def _want(self, now: float) -> None:
        """Something may wait: see that it is looked at again, and what it needs."""
        if self.closed or not (self._waiting or any(crowd.waits for crowd in self._crowds)):
            return
        if self._looker is None:
            self._looker = self.loop.call_later(LOOK, self._look)
        if self._connecting is not None:
            return
        if not (self._waiting or any(crowd.hungry for crowd in self._crowds)):
            return
        usable = self._usable
        may_grow = len(usable) < self._most and now >= self._grow_after
        if not usable or (may_grow and all(_starves(one, now) for one in usable)):
            self._connecting = self.loop.create_task(self._connect())

    def _look(self) -> None:
        """Look again at what waits: whether its time is over, and whether it starves."""
        self._looker = None
        now = self.loop.time()
        if now >= self._scan_after:
            self._scan_after = now + SCAN
            self._give_up_late(now)
        for crowd in tuple(self._crowds):
            if crowd.waits and crowd.deadline <= now:
                crowd.give_up(too_late())
        self.pump()

    def _give_up_late(self, now: float) -> None:
        """End what waits for longer than it may, and forget what nobody waits for."""
        late = [single for single in self._waiting if single.deadline <= now]
        if late or any(single.future.done() for single in self._waiting):
            self._waiting = deque(
                single
                for single in self._waiting
                if single.deadline > now and not single.future.done()
            )
        for single in late:
            single.end(too_late(single.refusal))

    # Connections.

    async def _connect(self) -> None:
        origin = self.origin
        try:
            connection = await connect(
                origin.host,
                origin.port,
                self._context,
                self.pump,
                self._away,
                within=CONNECT_WITHIN,
            )
        except ConnectFailure as error:
            self._connecting = None
            self._grow_after = self.loop.time() + GROW_AGAIN
            if not self._usable:
                self._give_up(Failure(str(error), processed=False))
            return
        except BaseException:
            self._connecting = None
            raise
        self._connecting = None
        if connection.core.usable:
            self._usable.append(connection)
            age = AGE * (0.9 + 0.2 * self._random.random())
            self._expires[connection] = self.loop.time() + age
        self.pump()

    def _away(self, connection: Connection) -> None:
        """*connection* takes no more requests; what it has open may still be answered."""
        if connection in self._usable:
            self._usable.remove(connection)
        self._expires.pop(connection, None)
        if not connection.closed.done():
            self._draining.add(connection)
            connection.closed.add_done_callback(lambda _: self._draining.discard(connection))
        self.pump_soon()

    def _give_up(self, failure: Failure) -> None:
        """No connection can be made: whatever waits was not sent."""
        waiting, self._waiting = self._waiting, deque()
        for single in waiting:
            single.end(failure)
        for crowd in tuple(self._crowds):
            crowd.give_up(failure)

    def upkeep(self) -> None:
        """Retire old connections, close unused ones, and ask quiet ones for a sign of life."""
        now = self.loop.time()
        for connection in tuple(self._usable):
            idle = not connection.core.streams
            if now >= self._expires[connection]:
                connection.retire("the connection was old")
            elif idle and now - connection.idle_since > IDLE:
                connection.retire("the connection was not used")
            elif idle and now - connection.heard > PING_IDLE:
                connection.ping()

    async def aclose(self) -> None:
        """Close every connection; whatever waits was not sent."""
        self.closed = True
        if self._looker is not None:
            self._looker.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        connections = {*self._usable, *self._draining}
        for connection in connections:
            connection.close("the carrier was closed")
        for single, timer in self._resting.items():
            timer.cancel()
            single.end(CLOSED)
        self._resting.clear()
        self._give_up(CLOSED)
        for crowd in tuple(self._crowds):
            crowd.report()
        if self._pumping is not None:
            self._pumping.cancel()
        if connections:
            closed = [connection.closed for connection in connections]
            await asyncio.wait(closed, timeout=GOODBYE)
            for connection in connections:
                if not connection.closed.done():
                    connection.abort()
            await asyncio.wait(closed)


def list_size(fields: tuple[Field, ...]) -> int:
    """Return the bytes of *fields* as RFC 9113, 6.5.2, counts them."""
    return sum([len(name) + len(value) + ENTRY for name, value in fields])


def response(status: int, fields: list[Field], body: bytes) -> Response | Failure:
    """Return the answer as carriers give it, or why it is none."""
    headers = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in fields
        if name[:1] != b":"
    }
    encoding = headers.get("content-encoding")
    if encoding:
        try:
            body = inflate(body, encoding, most=BODY_MOST)
        except ValueError as error:
            return Failure(str(error) or f"an answer of more than {BODY_MOST} bytes")
    return Response(status=status, headers=headers, body=body)


def _starves(connection: Connection, now: float) -> bool:
    """
    Whether *connection*, which is full, waits for its peer.

    Before the first answer it is not known what the peer will allow.
    """
    return connection.answered and now - max(connection.heard, connection.filled) > SILENT


def _fits(single: Single, most: int) -> bool:
    # The literal of the path is a little longer than name and value of the field.
    return list_size(single.fields) + len(single.path) + ENTRY + len(":path") <= most


def too_large(most: int) -> Failure:
    """Return why a request was not sent that has more header fields than the server takes."""
    return Failure(f"its header fields are larger than the {most} bytes the server takes", False)


def too_late(refusal: str = "") -> Failure:
    """Return why a request was not sent, with what it was refused for before."""
    because = f" ({refusal})" if refusal else ""
    return Failure(f"it could not be sent in time{because}", processed=False, timeout=True)
