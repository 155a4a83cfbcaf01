"""What SQLite and its driver say, in words that tell what to do."""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy import exc

from zpns.errors import StoreError, ZPNsError

__all__ = ["code_of", "concerns_all", "repeated", "translated"]

#: SQLite's primary code, https://sqlite.org/rescode.html, and what to do about it.
_ADVICE: Final = {
    sqlite3.SQLITE_NOTADB: "this is no SQLite database; give another file",
    sqlite3.SQLITE_BUSY: "another process holds the file; find it, or wait until it is done",
    sqlite3.SQLITE_LOCKED: "another process holds the file; find it, or wait until it is done",
    sqlite3.SQLITE_READONLY: "it cannot be written; check mode and owner of file and folder",
    sqlite3.SQLITE_PERM: "it cannot be written; check mode and owner of file and folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that its folder exists and can be written",
    sqlite3.SQLITE_FULL: "the disk is full, nothing of this was written; make room and repeat",
    sqlite3.SQLITE_IOERR: "the disk failed, nothing of this was written; check the disk",
    sqlite3.SQLITE_CORRUPT: "the database is damaged; restore a copy",
    sqlite3.SQLITE_NOMEM: "memory is exhausted; nothing of this was written",
    sqlite3.SQLITE_PROTOCOL: "locks do not work here; keep the file on a local disk",
}


def code_of(error: BaseException) -> int:
    """Return SQLite's primary code of *error*, or 0 if it has none."""
    if isinstance(error, exc.DBAPIError) and error.orig is not None:
        error = error.orig
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def concerns_all(error: BaseException) -> bool:
    """
    Whether *error* fails the transaction, and not the one command it came from.

    After these no other command fares better, or SQLite undoes the transaction by itself,
    or, of a damaged database, refuses to commit it.
    """
    return code_of(error) in _ADVICE


def translated(error: BaseException, name: str, *, reading: bool = False) -> Exception:
    """
    Return *error* as the caller of a store gets it.

    Args:
        error: What was raised. Errors of ours, and of a command's own making, stay what
            they are; nothing of the driver's, and nothing that would end the event loop
            or that a future does not take, gets through.

        name: Of the database, such as ``store 'push.db'``.

        reading: Whether a query raised it.
    """
    if isinstance(error, ZPNsError):
        return error
    if isinstance(error, exc.SQLAlchemyError | sqlite3.Error):
        cause: BaseException = error
        if isinstance(error, exc.DBAPIError) and error.orig is not None:
            cause = error.orig
        said = str(cause).partition("\n")[0]
        code = code_of(error)
        advice = _ADVICE.get(code)
        if reading and code == sqlite3.SQLITE_READONLY:
            advice = "a query must not write; make it a command"
        made: Exception = StoreError(f"{name}: {advice} ({said})" if advice else f"{name}: {said}")
    elif isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    else:
        made, cause = RuntimeError(f"a command ended with {type(error).__name__}"), error
    made.__cause__ = cause
    return made


def repeated(error: Exception) -> Exception:
    """Return a fresh copy of a store's error: one that two callers raise tells of both."""
    if type(error) is not StoreError:
        return error
    made = StoreError(*error.args)
    made.__cause__ = error.__cause__
    return made
