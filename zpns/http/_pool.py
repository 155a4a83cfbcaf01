"""
The connections to one origin, and what waits for room on them.

A connection more is opened when the ones there are full while the wire is silent: then
the peer's window or its stream limit is what is waited for, not this process. What the
peer surely did not process is sent again at once, on another connection.
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
from zpns.http._core import Failure, Sink
from zpns.http._hpack import Field

__all__ = ["REFUSALS", "REST", "Crowd", "Origin", "Pool", "Single"]

CONNECT_WITHIN: Final = 5.0  # seconds
REFUSALS: Final = 8  # how often a request is sent again at once that was not processed
REST: Final = 0.1  # seconds between further tries, until its deadline
SILENT: Final = 0.005  # seconds; a full connection that hears nothing for so long starves
LOOK: Final = 0.01  # seconds between two looks while something waits
AGE: Final = 3_600.0  # seconds a connection is used, give or take a tenth
IDLE: Final = 900.0  # seconds an unused connection is kept
PING_IDLE: Final = 60.0  # seconds between two signs of life of an unused connection

LATE: Final = Failure("it could not be sent in time", processed=False, timeout=True)
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
    def hungry(self) -> bool:
        """Whether anything waits."""
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
        "refusals",
        "stream",
        "wake",
    )

    decodes = False

    def __init__(
        self, path: bytes, fields: tuple[Field, ...], body: bytes, deadline: float,
        future: asyncio.Future[Response | Failure], wake: Callable[[Single], None],
    ) -> None:  # fmt: skip
        self.path = path
        self.fields = fields
        self.body = body
        self.deadline = deadline
        self.future = future
        self.wake = wake
        self.refusals = 0
        self.stream = 0
        self.connection: Connection | None = None

    def success(self, key: int) -> None:
        self.answer(key, 200, [], b"")

    def answer(self, key: int, status: int, fields: list[Field], body: bytes) -> None:
        self.connection = None
        if not self.future.done():
            headers = {
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in fields
                if name[:1] != b":"
            }
            self.future.set_result(Response(status=status, headers=headers, body=body))

    def fail(self, key: int, failure: Failure) -> None:
        self.connection = None
        if self.future.done():
            return
        if failure.processed:
            self.future.set_result(failure)
        else:
            self.refusals += 1
            self.wake(self)


class Pool:
    """The connections to one origin."""

    def __init__(
        self, origin: Origin, context: ssl.SSLContext, most: int, rng: random.Random
    ) -> None:
        self.origin = origin
        self._context = context
        self._most = most
        self._random = rng
        self._loop = asyncio.get_running_loop()
        self._usable: list[Connection] = []
        self._draining: set[Connection] = set()
        self._expires: dict[Connection, float] = {}
        self._waiting: deque[Single] = deque()
        self._crowds: list[Crowd] = []
        self._connecting: asyncio.Task[None] | None = None
        self._looker: asyncio.TimerHandle | None = None
        self._pumping = False
        self._closed = False

    # Requests.

    def submit(self, single: Single) -> None:
        """Send *single* as soon as there is room."""
        self._waiting.append(single)
        self.pump()

    def again(self, single: Single) -> None:
        """Send *single* again: it was surely not processed."""
        if self._closed:
            single.future.set_result(Failure("the carrier was closed", processed=False))
        elif single.refusals <= REFUSALS:
            self._waiting.appendleft(single)
            self.pump_soon()
        else:
            # A server that refuses everything is not asked as fast as it can say so.
            self._loop.call_later(REST, self.submit, single)

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

    # The pump.

    def pump_soon(self) -> None:
        """Pump at the end of this turn of the loop."""
        if not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump_late)

    def _pump_late(self) -> None:
        self._pumping = False
        self.pump()

    def pump(self, only: Connection | None = None) -> None:
        """Open what fits, and see to it that there are enough connections."""
        now = self._loop.time()
        for connection in (only,) if only is not None else tuple(self._usable):
            if not connection.core.usable:
                continue
            self._fill(connection, now)
        for crowd in tuple(self._crowds):
            crowd.report()
        if self._waiting or any(crowd.hungry for crowd in self._crowds):
            self._want(now)

    def _fill(self, connection: Connection, now: float) -> None:
        waiting = self._waiting
        while waiting:
            single = waiting[0]
            if single.future.done():
                waiting.popleft()
                continue
            if connection.room(len(single.body)) <= 0:
                return
            waiting.popleft()
            core = connection.core
            single.stream = core.next_id
            single.connection = connection
            core.open(core.encoder.block(single.fields), single.path, single.body, single, 0)
            connection.watch(single.stream, single.stream, single.deadline)
            connection.flush_soon()
        for crowd in self._crowds:
            if crowd.hungry:
                crowd.fill(connection, now)

    def _want(self, now: float) -> None:
        """See whether what waits needs a connection more."""
        if self._connecting is None and not self._closed:
            usable = self._usable
            if not usable or (
                len(usable) < self._most and all(self._starves(one, now) for one in usable)
            ):
                self._grow()
        if self._looker is None and not self._closed:
            self._looker = self._loop.call_later(LOOK, self._look)

    @staticmethod
    def _starves(connection: Connection, now: float) -> bool:
        """
        Whether *connection* waits for its peer.

        Before the first answer it is not known what the peer will allow.
        """
        return connection.answered and not connection.paused and now - connection.heard > SILENT

    def _look(self) -> None:
        """Look again at what waits: whether its time is over, and whether it starves."""
        self._looker = None
        now = self._loop.time()
        late = [single for single in self._waiting if single.deadline <= now]
        for single in late:
            self._waiting.remove(single)
            if not single.future.done():
                single.future.set_result(
                    Failure("it could not be sent in time", processed=False, timeout=True)
                )
        for crowd in tuple(self._crowds):
            if crowd.hungry and crowd.deadline <= now:
                crowd.give_up(
                    Failure("it could not be sent in time", processed=False, timeout=True)
                )
        self.pump()

    # Connections.

    def _grow(self) -> None:
        self._connecting = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            connection = await connect(
                self.origin.host,
                self.origin.port,
                self._context,
                self.pump,
                self._away,
                within=CONNECT_WITHIN,
            )
        except ConnectFailure as error:
            self._connecting = None
            if not self._usable:
                self._give_up(Failure(str(error), processed=False))
            return
        except asyncio.CancelledError:
            self._connecting = None
            raise
        self._connecting = None
        if not connection.core.usable:
            self._draining.discard(connection)
            self.pump_soon()
            return
        self._usable.append(connection)
        self._expires[connection] = self._loop.time() + AGE * (0.9 + 0.2 * self._random.random())
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
            if not single.future.done():
                single.future.set_result(failure)
        for crowd in tuple(self._crowds):
            crowd.give_up(failure)

    def upkeep(self) -> None:
        """Retire old connections, close unused ones, and ask quiet ones for a sign of life."""
        now = self._loop.time()
        for connection in tuple(self._usable):
            idle = not connection.core.streams
            if now >= self._expires[connection] or (idle and now - connection.idle_since > IDLE):
                connection.retire()
            elif idle and now - connection.heard > PING_IDLE:
                connection.ping()

    async def aclose(self) -> None:
        self._closed = True
        if self._looker is not None:
            self._looker.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        connections = [*self._usable, *self._draining]
        for connection in connections:
            connection.close("the carrier was closed")
        self._give_up(Failure("the carrier was closed", processed=False))
        await asyncio.gather(*(connection.gone() for connection in connections))
