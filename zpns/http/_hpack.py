"""
HPACK as far as a client that repeats itself needs it (RFC 7541).

Requests: constant fields enter the peer's dynamic table once per connection and cost a
byte each from then on. Answers: the peer's table is kept without decoding it, and a
success is known by its first byte; fields are decoded only when somebody wants them.
Strings are never Huffman-coded on the way out: for tokens it saves little and costs much.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

__all__ = [
    "Block",
    "Encoder",
    "Field",
    "HPACKError",
    "HeaderListTooLarge",
    "ReplyTable",
    "integer",
    "literal",
    "literal_name",
    "string",
]

Field: TypeAlias = tuple[bytes, bytes]

ENTRY: Final = 32  # bytes an entry counts beyond name and value; RFC 7541, 4.1
TABLE: Final = 4096  # bytes; both sides' table size unless a SETTINGS says otherwise
STATIC: Final = 61  # entries of the static table; the dynamic one begins after it
LIST_MOST: Final = 65_536  # bytes of an answer's header list, counted as RFC 9113, 6.5.2, does
_INTEGER_MOST: Final = 2**28  # no length or index comes near it

_NAMES: Final = (
    b"", b":authority", b":method", b":method", b":path", b":path", b":scheme", b":scheme",
    b":status", b":status", b":status", b":status", b":status", b":status", b":status",
    b"accept-charset", b"accept-encoding", b"accept-language", b"accept-ranges", b"accept",
    b"access-control-allow-origin", b"age", b"allow", b"authorization", b"cache-control",
    b"content-disposition", b"content-encoding", b"content-language", b"content-length",
    b"content-location", b"content-range", b"content-type", b"cookie", b"date", b"etag",
    b"expect", b"expires", b"from", b"host", b"if-match", b"if-modified-since",
    b"if-none-match", b"if-range", b"if-unmodified-since", b"last-modified", b"link",
    b"location", b"max-forwards", b"proxy-authenticate", b"proxy-authorization", b"range",
    b"referer", b"refresh", b"retry-after", b"server", b"set-cookie",
    b"strict-transport-security", b"transfer-encoding", b"user-agent", b"vary", b"via",
    b"www-authenticate",
)  # fmt: skip
_VALUES: Final = {
    2: b"GET", 3: b"POST", 4: b"/", 5: b"/index.html", 6: b"http", 7: b"https", 8: b"200",
    9: b"204", 10: b"206", 11: b"304", 12: b"400", 13: b"404", 14: b"500",
    16: b"gzip, deflate",
}  # fmt: skip
_INDEX: Final = {name: index for index, name in reversed(list(enumerate(_NAMES))) if name}
_EXACT: Final = {(_NAMES[index], value): index for index, value in _VALUES.items()}

#: Fields that no table must ever hold: they differ each time, or are secret.
NEVER: Final = frozenset({b":path", b"authorization"})


class HPACKError(ValueError):
    """A header block is malformed: the connection cannot be used any more."""


class HeaderListTooLarge(HPACKError):
    """A few bytes refer to far more than anybody wants to read."""


def integer(value: int, bits: int, first: int) -> bytes:
    """Return *value* with a prefix of *bits* bits, the others of the byte from *first*."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes((first | value,))
    out = bytearray((first | limit,))
    value -= limit
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def string(value: bytes) -> bytes:
    """Return *value* as a string literal, not Huffman-coded."""
    return integer(len(value), 7, 0) + value


def literal(name: bytes, value: bytes) -> bytes:
    """Return a field that enters no table, and may not anywhere if it is one of ``NEVER``."""
    return literal_name(name) + string(value)


def literal_name(name: bytes) -> bytes:
    """Return what comes before the value of a field that enters no table."""
    first = 0x10 if name in NEVER else 0x00
    index = _INDEX.get(name)
    return integer(index, 4, first) if index is not None else bytes((first,)) + string(name)


class Block(NamedTuple):
    """
    Header fields as bytes, in two halves.

    Attributes:
        before: Size updates and pseudo-fields but ``:path``.

        after: Everything else that is shared.
    """

    before: bytes
    after: bytes


class Encoder:
    """
    Writes header blocks for one connection, and mirrors the peer's dynamic table.

    A field enters the table when it is met for the second time, or at once if *shared*
    says that many requests have it. None pushes out a field of its own block: so the
    second of two equal blocks changes no table, however small that is.
    """

    def __init__(self) -> None:
        self._capacity = TABLE
        self._size = 0
        self._inserted = 0  # how many entries ever were inserted
        self._entries: deque[Field] = deque()  # oldest first
        self._numbers: dict[Field, int] = {}  # field -> its number among all inserted
        self._resized: list[int] = []  # sizes to announce in the next block
        self._met: dict[Field, None] = {}
        self._blocks: dict[Sequence[Field], tuple[int, Block]] = {}
        # What a field is now; indexes shift, so any insertion empties it.
        self._coded: dict[Field, bytes] = {}

    def resize(self, size: int) -> None:
        """The peer said how large its table may be; ours never grows beyond 4,096 bytes."""
        size = min(size, TABLE)
        if size == self._capacity:
            return
        # The smallest size in between has to be announced too; RFC 7541, 4.2.
        if self._resized and size > min(self._resized):
            self._resized = [min(self._resized), size]
        else:
            self._resized = [size]
        self._capacity = size
        self._evict(0)
        self._blocks.clear()
        self._coded.clear()

    def block(self, fields: Sequence[Field], *, shared: bool = False) -> Block:
        """
        Return the block of *fields*, which must be sent: it may change the peer's table.

        Args:
            fields: Pseudo-fields first; no ``:path``. Hashable if *shared*.

            shared: Whether many requests have just these fields.
        """
        if not self._resized:
            known = self._blocks.get(fields) if shared else None
            if known is not None and known[0] == self._inserted:
                return known[1]
        resized, self._resized = self._resized, []
        before = [integer(size, 5, 0x20) for size in resized]
        after: list[bytes] = []
        inserted = self._inserted
        # Looked up one by one: an insertion shifts every index after it.
        coded = self._coded
        for field in fields:
            part = coded.get(field)
            if part is None:
                part = self._field(field, fields, shared=shared)
            (before if field[0][:1] == b":" else after).append(part)
        block = Block(b"".join(before), b"".join(after))
        # What changes the peer's table is right only once.
        if shared and inserted == self._inserted and not resized:
            if len(self._blocks) >= 64:
                self._blocks.clear()
            self._blocks[fields] = (inserted, block)
        return block

    def _field(self, field: Field, fields: Sequence[Field], *, shared: bool) -> bytes:
        """Return *field*, one of *fields*, as it is sent now, which may insert it."""
        name, value = field
        number = self._numbers.get(field)
        index = _EXACT.get(field)
        if index is not None:
            part = integer(index, 7, 0x80)
        elif number is not None:
            part = integer(STATIC + self._inserted - number, 7, 0x80)
        elif not shared and field not in self._met:
            if len(self._met) >= 128:
                self._met.clear()
            self._met[field] = None
            return literal(name, value)
        elif name not in NEVER and self._may_enter(field, fields):
            return self._insert(field)
        else:
            part = literal(name, value)
        if len(self._coded) >= 256:
            self._coded.clear()
        self._coded[field] = part
        return part

    def _may_enter(self, field: Field, fields: Sequence[Field]) -> bool:
        """Whether *field* is worth its place, and pushes out none of *fields*."""
        size = len(field[0]) + len(field[1]) + ENTRY
        if size > self._capacity // 2:
            return False
        over = self._size + size - self._capacity
        for entry in self._entries:
            if over <= 0:
                break
            if entry in fields:
                return False
            over -= len(entry[0]) + len(entry[1]) + ENTRY
        return True

    def _insert(self, field: Field) -> bytes:
        """Return *field* as a literal that enters the table."""
        name, value = field
        size = len(name) + len(value) + ENTRY
        self._evict(size)
        self._coded.clear()
        self._entries.append(field)
        self._numbers[field] = self._inserted
        self._inserted += 1
        self._size += size
        index = _INDEX.get(name)
        start = integer(index, 6, 0x40) if index is not None else b"\x40" + string(name)
        return start + string(value)

    def _evict(self, room: int) -> None:
        while self._entries and self._size + room > self._capacity:
            field = self._entries.popleft()
            self._size -= len(field[0]) + len(field[1]) + ENTRY
            self._numbers.pop(field, None)


_STATUS: Final = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
#: Entries are at least 32 bytes, so that a table of 4,096 bytes holds no more.
_ENTRIES: Final = TABLE // ENTRY


class ReplyTable:
    """
    The dynamic table of the peer's answers, kept without decoding it.

    An entry is the raw slices of name and value. An index counts from the newest entry,
    and a conforming encoder never refers to an evicted one, so sizes need not be kept.
    """

    def __init__(self) -> None:
        self._entries: deque[tuple[int | bytes, bytes]] = deque(maxlen=_ENTRIES)

    def status(self, data: bytes, start: int, end: int) -> int:
        """
        Read the block at *start* of *data* for its status alone; 0 if it has not just one.

        Raises:
            HPACKError: The block is malformed.
        """
        entries = self._entries
        code = 0
        i = head = start
        try:
            while i < end:
                first = data[i]
                if first >= 0x80:
                    index = first & 127
                    i += 1
                    if index == 127:
                        index, i = _integer(data, i, end, 127)
                    if index > STATIC:
                        name, value = entries[STATIC - index]
                        if name == 8:
                            code = -1 if code else _digits(value)
                    elif 7 < index < 15:
                        code = -1 if code else _STATUS[index]
                    elif not index:
                        raise HPACKError("index 0")
                    continue
                if first & 0xE0 == 0x20:
                    i = head = _resized(data, i, end, head)
                    continue
                keep = first >= 0x40
                name, value, i = self._literal(data, i, end, 63 if keep else 15)
                if name == 8:
                    code = -1 if code else _digits(value)
                if keep:
                    entries.append((name, value))
        except IndexError:
            raise HPACKError("truncated, or an index beyond the table") from None
        if i != end:
            raise HPACKError("a string beyond the block")
        return max(0, code)

    def fields(self, data: bytes, start: int, end: int) -> list[Field]:
        """
        Read the block at *start* of *data* and return its fields.

        Raises:
            HPACKError: The block is malformed.

            HeaderListTooLarge: Its fields have more than ``LIST_MOST`` bytes.
        """
        found: list[Field] = []
        room = LIST_MOST
        i = head = start
        try:
            while i < end:
                first = data[i]
                if first >= 0x80:
                    index, i = _prefixed(data, i, end, 127)
                    if not index:
                        raise HPACKError("index 0")
                    if index <= STATIC:
                        field = _NAMES[index], _VALUES.get(index, b"")
                    else:
                        name, value = self._entries[STATIC - index]
                        field = _name(name), _plain(value)
                elif first & 0xE0 == 0x20:
                    i = head = _resized(data, i, end, head)
                    continue
                else:
                    keep = first >= 0x40
                    name, value, i = self._literal(data, i, end, 63 if keep else 15)
                    if keep:
                        self._entries.append((name, value))
                    field = _name(name), _plain(value)
                found.append(field)
                room -= len(field[0]) + len(field[1]) + ENTRY
                if room < 0:
                    raise HeaderListTooLarge(f"more than {LIST_MOST} bytes of fields")
        except IndexError:
            raise HPACKError("truncated, or an index beyond the table") from None
        if i != end:
            raise HPACKError("a string beyond the block")
        return found

    def _literal(self, data: bytes, i: int, end: int, mask: int) -> tuple[int | bytes, bytes, int]:
        """Return the name (an index of the static table, or raw), the raw value, the place."""
        index = data[i] & mask
        i += 1
        if index == mask:
            index, i = _integer(data, i, end, mask)
        name: int | bytes
        if index == 0:
            start = i
            size = data[i] & 127
            i += 1
            if size == 127:
                size, i = _integer(data, i, end, 127)
            i += size
            name = data[start:i]
        elif index > STATIC:
            name = self._entries[STATIC - index][0]
        else:
            name = 8 if 8 <= index <= 14 else index
        if i >= end:
            raise HPACKError("truncated")
        start = i
        size = data[i] & 127
        i += 1
        if size == 127:
            size, i = _integer(data, i, end, 127)
        i += size
        if i > end:
            raise HPACKError("a string beyond the block")
        return name, data[start:i], i


def _resized(data: bytes, i: int, end: int, head: int) -> int:
    """Return the place after a change of the table's size, which only begins a block."""
    if i != head:
        raise HPACKError("a table size after fields")
    size, i = _prefixed(data, i, end, 31)
    if size > TABLE:
        raise HPACKError(f"table size {size}")
    return i


def _prefixed(data: bytes, i: int, end: int, mask: int) -> tuple[int, int]:
    value = data[i] & mask
    return (value, i + 1) if value != mask else _integer(data, i + 1, end, mask)


def _integer(data: bytes, i: int, end: int, value: int) -> tuple[int, int]:
    """Return the rest of an integer, and the place after it."""
    shift = 0
    while i < end:
        byte = data[i]
        i += 1
        value += (byte & 127) << shift
        if byte < 128:
            if value > _INTEGER_MOST:
                break
            return value, i
        shift += 7
        if shift > 28:
            break
    raise HPACKError("an integer that does not end, or is too large")


def _name(raw: int | bytes) -> bytes:
    return _NAMES[raw] if isinstance(raw, int) else _plain(raw)


def _plain(raw: bytes) -> bytes:
    """Return a string literal decoded: the length and, if it was used, Huffman's code."""
    i = 1
    if raw[0] & 127 == 127:
        while raw[i] & 128:
            i += 1
        i += 1
    if not raw[0] & 128:
        return raw[i:]
    # hpack's own table; answers that need it are rare enough for its speed.
    from hpack.exceptions import HPACKDecodingError
    from hpack.huffman_table import decode_huffman

    try:
        return bytes(decode_huffman(raw[i:]))
    except HPACKDecodingError:
        raise HPACKError("a string that is not in Huffman's code") from None


def _digits(raw: bytes) -> int:
    """Return the status that *raw* says; -1 if it is none."""
    value = _plain(raw)
    return int(value) if len(value) == 3 and value.isdigit() and value[:1] != b"0" else -1
