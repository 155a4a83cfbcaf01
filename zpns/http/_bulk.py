"""Pages of requests that differ in a token, and nothing made for each but its frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from zpns.exchange import BulkForm, Response
from zpns.http._connection import Connection
from zpns.http._core import Failure, Page
from zpns.http._hpack import ENTRY, Field, integer, literal_name
from zpns.http._pool import (
    CLOSED,
    FIELDS_PLENTY,
    REFUSALS,
    REST,
    Pool,
    list_size,
    response,
    too_large,
    too_late,
)
from zpns.models.delivery import Target

__all__ = ["Bulk", "Result"]

_DIGITS: Final = 12  # hexadecimal, of a numbered field


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
            after each read; it may call :meth:`add`. What it raises is told to the event
            loop's exception handler and harms nothing else.

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
        in_path = not form.body[1]
        if not in_path and form.path[1]:
            raise ValueError("form: expected the token in path or body, got it in both")
        self._numbered = form.numbered is not None
        self._lowers = form.lowers
        number = b""
        if form.numbered is not None:
            name, prefix = form.numbered
            number = literal_name(name) + integer(len(prefix) + _DIGITS, 7, 0) + prefix
        pseudo = (
            (b":method", form.method),
            (b":scheme", b"https"),
            (b":authority", form.authority),
        )
        self._page = Page((*pseudo, *form.headers), form.path, form.body, in_path, number)
        path = (b":path", b"".join(form.path))
        # Without the token, which counts in one of the two.
        self._fields = list_size((*self._page.fields, path)) + (
            len(number) + _DIGITS + ENTRY if number else 0
        )
        self._size = len(form.body[0]) + len(form.body[1])
        self._in_path = in_path
        self._longest = 0  # bytes of a token
        self._waiting: deque[tuple[int, bytes, bytes]] = deque()
        self._tokens: dict[int, tuple[bytes, bytes]] = {}
        self._refused = 0  # since the last answer
        self._refusal = ""
        self._rests_until = 0.0
        self._resting = False
        self._done: list[int] = []
        self._others: list[Result] = []
        self._joined = False
        self._cancelled = False
        self.open = 0

    @property
    def waits(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    @property
    def hungry(self) -> bool:
        """Whether anything waits for room on a connection, and not for itself."""
        return bool(self._waiting) and self.open < self._window and not self._resting

    @property
    def unsettled(self) -> int:
        """How many targets have no result yet."""
        return self.open + len(self._waiting)

    def add(self, targets: Sequence[Target], first: int) -> None:
        """Send to *targets*; their keys count up from *first*."""
        if self._cancelled:
            return
        numbered, lowers = self._numbered, self._lowers
        fresh = [
            (
                key,
                (target.token.lower() if lowers else target.token).encode(),
                b"%012x" % target.seq if numbered else b"",
            )
            for key, target in enumerate(targets, first)
        ]
        self._waiting.extend(fresh)
        self._longest = max([self._longest, *[len(token) for _, token, _ in fresh]])
        if self._pool.closed:
            self.give_up(CLOSED)
            return
        if not self._joined:
            self._joined = True
            self._pool.join(self)
        self._pool.pump()

    def finish(self) -> None:
        """Nothing more is added. The pool lets go of whoever has nothing open anyway."""
        self._leave_if_over()

    def cancel(self) -> None:
        """Reset what is open; nothing more is reported."""
        self._cancelled = True
        self._on_page = lambda keys, others: None
        self._waiting.clear()
        self._pool.drop(self)

    # What the pool calls.

    def fill(self, connection: Connection, now: float) -> None:
        """Open what fits on *connection*."""
        if self._resting and now < self._rests_until:
            return
        self._resting = False
        size = self._size if self._in_path else self._size + self._longest
        room = min(connection.room(size), self._window - self.open, len(self._waiting))
        if room <= 0:
            return
        if self._refused > REFUSALS * self._window:
            # A server that refuses everything is not asked as fast as it can say so.
            self._refused = 0
            self._resting = True
            self._rests_until = now + REST
            return
        core = connection.core
        if core.fields_most < FIELDS_PLENTY and not self._fit(core.fields_most):
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
        first = core.next_id
        self.open += room
        core.open_page(self._page, targets, self, keys)
        connection.watch(first, core.next_id - 2, min(now + self._timeout, self.deadline))
        connection.filled = now
        connection.flush_soon()

    def _fit(self, most: int) -> bool:
        """Refuse what has more header fields than the server takes; whether all fit."""
        if self._fields + (self._longest if self._in_path else 0) <= most:
            return True
        longest = most - self._fields if self._in_path else -1
        fitting = deque(item for item in self._waiting if self._in_path and len(item[1]) <= longest)
        if len(fitting) < len(self._waiting):
            failure = too_large(most)
            self._others += [
                Result(key, failure)
                for key, token, _ in self._waiting
                if not self._in_path or len(token) > longest
            ]
            self._waiting = fitting
            self._longest = max((len(token) for _, token, _ in fitting), default=0)
            self._pool.pump_soon()
            return False
        return True

    def report(self) -> None:
        """Hand over what has come since the last time."""
        if self._done or self._others:
            done, self._done = self._done, []
            others, self._others = self._others, []
            try:
                self._on_page(done, others)
            except Exception as error:
                self._pool.complain(error)
            self._leave_if_over()

    def give_up(self, failure: Failure) -> None:
        """Nothing that waits can be sent."""
        if failure.timeout:
            failure = too_late(self._refusal)
        self._others += [Result(key, failure) for key, _, _ in self._waiting]
        self._waiting.clear()
        self.report()

    def _leave_if_over(self) -> None:
        if self._joined and not self.unsettled and not self._done and not self._others:
            self._joined = False
            self._pool.leave(self)

    # What the core tells.

    def success(self, key: int) -> None:
        self.open -= 1
        del self._tokens[key]
        self._done.append(key)
        self._refused = 0

    def answer(self, key: int, status: int, fields: list[Field], body: bytes) -> None:
        self.open -= 1
        del self._tokens[key]
        self._refused = 0
        self._others.append(Result(key, response(status, fields, body)))

    def fail(self, key: int, failure: Failure) -> None:
        self.open -= 1
        target = self._tokens.pop(key)
        self._pool.pump_soon()
        if failure.processed or failure.timeout or self._pool.closed:
            self._others.append(Result(key, failure))
            return
        self._waiting.appendleft((key, *target))
        self._longest = max(self._longest, len(target[0]))
        self._refused += 1
        self._refusal = failure.reason
