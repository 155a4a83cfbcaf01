"""Pages of requests that differ in a token, and nothing made for each but its frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from zpns.exchange import BulkForm, Response
from zpns.http._connection import Connection
from zpns.http._core import Failure, Page
from zpns.http._hpack import Field, integer, literal_name
from zpns.http._pool import REFUSALS, REST, Pool
from zpns.models.delivery import Target

__all__ = ["Bulk", "Result"]


class Result(NamedTuple):
    """
    What came of one target of a page, if it was no plain success.

    Attributes:
        key: The target's key.

        answer: The vendor's answer, or why there is none.
    """

    key: int
    answer: Response | Failure


class Bulk:
    """
    Requests that differ in a token: no Request, Response, Task or Future for each.

    Args:
        pool: Where they go.

        form: What they share.

        on_page: Called with the keys of plain successes, and with what became of others,
            after each read; it may call :meth:`add`.

        window: Requests open at once.

        timeout: Seconds for each, from when it is sent.

        deadline: When all must be over, by the loop's clock.
    """

    decodes = False

    def __init__(
        self,
        pool: Pool,
        form: BulkForm,
        on_page: Callable[[Sequence[int], Sequence[Result]], None],
        *,
        window: int,
        timeout: float,
        deadline: float,
    ) -> None:
        self._pool = pool
        self._on_page = on_page
        self._window = window
        self._timeout = timeout
        self.deadline = deadline
        in_path = bool(form.path[1]) or form.path[0].endswith(b"/")
        self._numbered = form.numbered is not None
        number = b""
        if form.numbered is not None:
            name, prefix = form.numbered
            number = literal_name(name) + integer(len(prefix) + 12, 7, 0) + prefix
        pseudo = (
            (b":method", form.method),
            (b":scheme", b"https"),
            (b":authority", form.authority),
        )
        self._page = Page((*pseudo, *form.headers), form.path, form.body, in_path, number)
        self._size = len(form.body[0]) + len(form.body[1])
        self._extra = 0 if in_path else 256
        self._waiting: deque[tuple[int, bytes, bytes]] = deque()
        self._tokens: dict[int, tuple[bytes, bytes]] = {}
        self._refused = 0  # since the last success
        self._rests_until = 0.0
        self._done: list[int] = []
        self._others: list[Result] = []
        self._finished = False
        self.open = 0

    @property
    def hungry(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    @property
    def unsettled(self) -> int:
        """How many targets have no result yet."""
        return self.open + len(self._waiting)

    def add(self, targets: Sequence[Target], first: int) -> None:
        """Send to *targets*; their keys count up from *first*."""
        for key, target in enumerate(targets, first):
            number = b"%012x" % target.seq if self._numbered else b""
            self._waiting.append((key, target.token.encode(), number))
        self._pool.pump()

    def fill(self, connection: Connection, now: float) -> None:
        """Open what fits on *connection*."""
        room = min(
            connection.room(self._size + self._extra), self._window - self.open, len(self._waiting)
        )
        if room <= 0 or now < self._rests_until:
            return
        if self._refused > REFUSALS * self._window:
            # A server that refuses everything is not asked as fast as it can say so.
            self._refused = 0
            self._rests_until = now + REST
            return
        waiting, tokens = self._waiting, self._tokens
        keys: list[int] = []
        targets: list[tuple[bytes, bytes]] = []
        for _ in range(room):
            key, token, number = waiting.popleft()
            keys.append(key)
            target = (token, number)
            targets.append(target)
            tokens[key] = target
        core = connection.core
        first = core.next_id
        self.open += room
        core.open_page(self._page, targets, self, keys)
        connection.watch(first, core.next_id - 2, min(now + self._timeout, self.deadline))
        connection.flush_soon()

    def finish(self) -> None:
        """Nothing more is added: let go once everything has its result."""
        self._finished = True
        self._leave_if_over()

    def _leave_if_over(self) -> None:
        if self._finished and not self.unsettled and not self._done and not self._others:
            self._pool.leave(self)

    def cancel(self) -> None:
        """Reset what is open; nothing more is reported."""
        self._on_page = lambda keys, others: None
        self._waiting.clear()
        self._pool.drop(self)

    # What the core tells.

    def success(self, key: int) -> None:
        self.open -= 1
        del self._tokens[key]
        self._done.append(key)
        self._refused = 0

    def answer(self, key: int, status: int, fields: list[Field], body: bytes) -> None:
        self.open -= 1
        del self._tokens[key]
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in fields
            if name[:1] != b":"
        }
        self._others.append(Result(key, Response(status=status, headers=headers, body=body)))

    def fail(self, key: int, failure: Failure) -> None:
        self.open -= 1
        target = self._tokens.pop(key)
        if not failure.processed:
            self._waiting.appendleft((key, *target))
            self._refused += 1
            self._pool.pump_soon()
            return
        self._others.append(Result(key, failure))
        self._pool.pump_soon()

    def report(self) -> None:
        """Hand over what has come since the last time."""
        if self._done or self._others:
            done, self._done = self._done, []
            others, self._others = self._others, []
            self._on_page(done, others)
            self._leave_if_over()

    def give_up(self, failure: Failure) -> None:
        """Nothing that waits can be sent."""
        self._others += [Result(key, failure) for key, _, _ in self._waiting]
        self._waiting.clear()
        self.report()
