"""Where the tokens of a fan-out come from, asynchronous or not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Final, TypeAlias

from zpns.models.notification import DeviceToken

__all__ = ["END", "Source", "Token", "Tokens"]

Token: TypeAlias = str | DeviceToken
Tokens: TypeAlias = Iterable[Token] | AsyncIterable[Token]

END: Final = object()
_BREATH: Final = 256  # tokens of a list after which others get a turn of the loop

logger = logging.getLogger("zpns.sender")


class Source:
    """
    Reads tokens one by one.

    Args:
        tokens: What they are read from.

    Attributes:
        over: Whether there is nothing more to read.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._async: AsyncIterator[Token] | None = None
        self._sync: Iterator[Token] | None = None
        self._read = 0
        self._failure: BaseException | None = None
        self.over = False

    async def next(self) -> object:
        """
        Return the next token, whatever it is, or ``END``.

        Raises:
            BaseException: What the source raises.
        """
        if self._async is None and self._sync is None:
            if isinstance(self._tokens, AsyncIterable):
                self._async = aiter(self._tokens)
            else:
                self._sync = iter(self._tokens)
        if self._async is not None:
            token: object = await anext(self._async, END)
        else:
            assert self._sync is not None
            self._read += 1
            if self._read % _BREATH == 0:
                await asyncio.sleep(0)
            try:
                token = next(self._sync, END)
            except GeneratorExit as error:  # must not look as if this coroutine was closed
                raise RuntimeError("the source of tokens raised GeneratorExit") from error
        self.over = token is END
        return token

    async def burst(self, most: int) -> list[object]:
        """
        Return up to *most* tokens that are there at once, at least one; none at the end.

        Raises:
            BaseException: What the source raises, after what it gave before was returned.
        """
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        first = await self.next()
        if first is END:
            return []
        tokens = [first]
        if self._sync is not None:
            try:
                tokens += islice(self._sync, most - 1)
            except BaseException as error:  # its turn comes with the next call
                self._failure = error
            await asyncio.sleep(0)
        return tokens

    async def aclose(self) -> None:
        """
        Let go of the source; a generator's ``finally`` blocks have run after this.

        Only generators are closed: they exist for whoever iterates. A stream or a cursor
        belongs to who made it.
        """
        source, self._async, self._sync, self._tokens = self._async, None, None, ()
        if isinstance(source, AsyncGenerator):
            try:
                await source.aclose()
            except Exception:
                logger.exception("the source of tokens failed while it was closed")
