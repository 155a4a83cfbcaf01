"""The half of the core that opens requests: streams, windows, frames."""

from __future__ import annotations

from collections.abc import Sequence

from zpns.http._frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME,
    HEADERS,
    PING,
    RST_STREAM,
    STREAM_MOST,
    WINDOW,
    WINDOW_MOST,
    ErrorCode,
    Page,
    Sink,
    frame,
    pack,
)
from zpns.http._hpack import Block, Encoder, integer, string

__all__ = ["Outgoing"]


class _Unsent:
    """A body of which the peer's window took only a part."""

    __slots__ = ("body", "window")

    def __init__(self, body: memoryview, window: int) -> None:
        self.body = body
        self.window = window


class Outgoing:
    """
    What is sent on one connection.

    Attributes:
        out: Bytes to send, oldest first; whoever sends them empties the list.

        streams: Open requests: who is told, and by which key.

        max_streams: How many the peer allows at once.

        window: Bytes the peer takes on the connection now.

        settled: Whether the peer's first SETTINGS came.

        usable: Whether new requests may be opened, now or later.

        next_id: The stream of the next request.
    """

    def __init__(self) -> None:
        self.out: list[bytes] = []
        self.streams: dict[int, tuple[Sink, int]] = {}
        self.max_streams = 100  # RFC 9113 has no limit; until SETTINGS we keep to this
        self.window = WINDOW
        self.settled = False
        self.usable = True
        self.encoder = Encoder()
        self.next_id = 1
        self._initial_window = WINDOW
        self._fields_most = WINDOW_MOST
        self._unsent: dict[int, _Unsent] = {}

    def room(self, size: int) -> int:
        """Return how many requests with bodies of *size* bytes may be opened now."""
        if not self.settled or not self.usable:
            return 0
        streams = self.max_streams - len(self.streams)
        left = (STREAM_MOST + 2 - self.next_id) >> 1
        if left < streams:
            streams = left
            self.usable = left > 0
        if streams <= 0:
            return 0
        window = self.window
        if size <= self._initial_window:
            if not size:
                return streams
            fitting = window // size
            if fitting:
                return min(streams, fitting)
        # From here on a body goes part by part, and only one at a time.
        if self._unsent or window <= 0:
            return 0
        if size > self._initial_window > 0:
            return 1
        # A window that an idle peer leaves too small will not grow by waiting.
        return 0 if self.streams else 1

    def fits(self, fields: int) -> bool:
        """Whether the peer takes a header list of *fields* bytes, counted by RFC 9113."""
        return fields <= self._fields_most

    @property
    def fields_most(self) -> int:
        """Bytes of a header list that the peer takes, counted by RFC 9113, 6.5.2."""
        return self._fields_most

    def complete(self, stream: int) -> bool:
        """Whether all of an open request was handed out; without its end nobody acts on it."""
        return stream not in self._unsent

    def open(self, block: Block, path: bytes, body: bytes, sink: Sink, key: int) -> int:
        """
        Open a request; there has to be room.

        Args:
            block: From the encoder of this connection, made just before.

            path: ``:path`` as a literal.

            body: The body, perhaps empty.

            sink: Who is told.

            key: By which key.

        Returns:
            The stream's ID.
        """
        stream = self.next_id
        self.next_id = stream + 2
        self.streams[stream] = (sink, key)
        headers = block.before + path + block.after
        size = len(body)
        flags = END_HEADERS if size else END_HEADERS | END_STREAM
        if len(headers) <= FRAME:
            self.out.append(pack(0, len(headers), HEADERS, flags, stream) + headers)
        else:
            self._split(stream, headers, flags)
        if not size:
            return stream
        if size <= self.window and size <= self._initial_window and size <= FRAME:
            self.window -= size
            self.out.append(pack(0, size, DATA, END_STREAM, stream) + body)
        else:
            self._unsent[stream] = _Unsent(memoryview(body), self._initial_window)
            self._pump()
        return stream

    def open_page(
        self, page: Page, targets: Sequence[tuple[bytes, bytes]], sink: Sink, keys: Sequence[int]
    ) -> None:
        """
        Open a request for each of *targets*; there has to be room for all of them.

        No object is made per request but its frames: this is the loop that everything
        fast goes through.

        Args:
            page: What they share.

            targets: Token and numbered value of each; one of them may be empty.

            sink: Who is told.

            keys: By which keys.
        """
        place, count = 0, len(targets)
        longest = max([len(token) for token, _ in targets])
        if self._slow(page, longest, count):
            self._open_one_by_one(page, targets, sink, keys)
            return
        block = self.encoder.block(page.fields, shared=True)
        out, streams, stream = self.out, self.streams, self.next_id
        sent = 0
        leads: dict[int, tuple[bytes, int, bytes, int]] = {}
        while place < count:
            token, number = targets[place]
            size = len(token)
            lead = leads.get(size)
            if lead is None:
                lead = leads[size] = _lead(page, block, size, len(number))
            before, headers, after, length = lead
            if page.in_path:
                out.append(b"".join((
                    pack(0, headers, HEADERS, END_HEADERS, stream), before, token, after, number,
                    pack(0, length, DATA, END_STREAM, stream), page.body[0],
                )))  # fmt: skip
            else:
                out.append(b"".join((
                    pack(0, headers, HEADERS, END_HEADERS, stream), before, after, number,
                    pack(0, length, DATA, END_STREAM, stream), page.body[0], token, page.body[1],
                )))  # fmt: skip
            streams[stream] = (sink, keys[place])
            stream += 2
            sent += length
            place += 1
            if place == 1:
                # The first may have put fields into the table; the others refer to them.
                # That changes no table any more, see Encoder.
                again = self.encoder.block(page.fields, shared=True)
                if again is not block:
                    block = again
                    leads.clear()
        self.next_id = stream
        self.window -= sent

    def _slow(self, page: Page, longest: int, count: int) -> bool:
        """Whether requests of *page* may not fit into a frame of each kind, or the window."""
        body = len(page.body[0]) + len(page.body[1]) + (0 if page.in_path else longest)
        headers = len(page.path[0]) + len(page.path[1]) + longest + len(page.number) + 512
        for name, value in page.fields:
            headers += len(name) + len(value) + 8
        most = min(FRAME, self._initial_window)
        return not body or body > most or headers > FRAME or count * body > self.window

    def _open_one_by_one(
        self, page: Page, targets: Sequence[tuple[bytes, bytes]], sink: Sink, keys: Sequence[int]
    ) -> None:
        (path, path_end), (body, body_end) = page.path, page.body
        for (token, number), key in zip(targets, keys, strict=True):
            block = self.encoder.block(page.fields, shared=True)
            after = block.after + page.number + number if number else block.after
            self.open(
                Block(block.before, after),
                b"\x14" + string(path + token + path_end if page.in_path else path + path_end),
                body + body_end if page.in_path else body + token + body_end,
                sink,
                key,
            )

    def _split(self, stream: int, headers: bytes, flags: int) -> None:
        """Send a header block that is larger than a frame."""
        parts = [headers[i : i + FRAME] for i in range(0, len(headers), FRAME)]
        self.out.append(frame(HEADERS, flags & ~END_HEADERS, stream, parts[0]))
        for part in parts[1:-1]:
            self.out.append(frame(CONTINUATION, 0, stream, part))
        self.out.append(frame(CONTINUATION, END_HEADERS, stream, parts[-1]))

    def _pump(self) -> None:
        """Send what the windows take of bodies under way."""
        for stream, unsent in list(self._unsent.items()):
            body = unsent.body
            while body:
                size = min(len(body), self.window, unsent.window, FRAME)
                if size <= 0:
                    break
                last = size == len(body)
                self.out.append(frame(DATA, END_STREAM if last else 0, stream, bytes(body[:size])))
                self.window -= size
                unsent.window -= size
                body = body[size:]
            unsent.body = body
            if not body:
                del self._unsent[stream]

    def reset(self, stream: int, code: ErrorCode = ErrorCode.CANCEL) -> None:
        """Give a request up; its sink is told nothing more."""
        if self.streams.pop(stream, None) is not None:
            self._forget(stream)
            self.out.append(frame(RST_STREAM, 0, stream, int(code).to_bytes(4, "big")))

    def _forget(self, stream: int) -> None:
        """Drop what is known of a stream that is over."""
        if self._unsent:
            self._unsent.pop(stream, None)

    def ping(self, payload: bytes) -> None:
        """Ask for a sign of life; *payload* is 8 bytes."""
        self.out.append(frame(PING, 0, 0, payload))


def _lead(page: Page, block: Block, size: int, number: int) -> tuple[bytes, int, bytes, int]:
    """Return what surrounds a token of *size* bytes, and the sizes of both frames."""
    (path, path_end), in_path = page.path, size if page.in_path else 0
    length = integer(len(path) + in_path + len(path_end), 7, 0)
    before = block.before + b"\x14" + length + (path if page.in_path else path + path_end)
    after = (path_end if page.in_path else b"") + block.after
    if number:
        after += page.number
    headers = len(before) + in_path + len(after) + number
    body = len(page.body[0]) + len(page.body[1]) + size - in_path
    return before, headers, after, body
