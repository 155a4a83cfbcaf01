"""HTTP/1.1 for the simulators, on aiohttp's low level server."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import web

from zpns.exchange import Request
from zpns.simulators._service import MAX_BODY, Service
from zpns.simulators._tcp import abort, peer_port

__all__ = ["HTTP1"]

_COUNTED: Final = 1_000  # connections counted before the closed ones are forgotten


class HTTP1:
    """
    Makes the protocol of HTTP/1.1 connections.

    Args:
        service: Says how to answer.

        base: What turns a path into a URL.
    """

    def __init__(self, service: Service, base: str) -> None:
        self._service = service
        self._base = base
        # Requests so far per connection, for the faults that count them. Not per port:
        # a port comes back with another connection.
        self._requests: dict[asyncio.Protocol, int] = {}
        # Cancellation ends a request that is never answered once its client has left.
        self._server = web.Server(
            self._handle,
            request_factory=self._request,
            handler_cancellation=True,
            access_log=None,
        )

    def protocol(self) -> asyncio.Protocol:
        """Return the protocol of one connection."""
        return self._server()

    @property
    def idle(self) -> bool:
        """Whether no connection is left."""
        return not self._server.connections

    def abort(self) -> None:
        """Cut every connection."""
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    def _request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> Any:
        """Return aiohttp's request, with the body limit of the simulators."""
        loop = asyncio.get_running_loop()
        return web.BaseRequest(
            message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY
        )

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        service = self._service
        body = await request.read()
        path = request.raw_path
        transport = request.transport
        if transport is None:  # the client left while its request was read
            raise web.HTTPBadRequest
        received = Request(
            method=request.method,
            url=self._base + path,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
        )
        port = peer_port(transport)
        reply = service.receive(received, path, "1.1", port)
        if reply.delay:
            await service.clock.sleep_until(service.clock.monotonic() + reply.delay)
        if reply.end in ("reset", "reset-stream"):
            abort(transport)
        if reply.end != "answer":
            await asyncio.Event().wait()  # until the connection's end cancels this
        response = reply.response
        answer = web.Response(status=response.status, headers=response.headers, body=response.body)
        count = self._count(request.protocol)
        if service.faults is not None and service.faults.goaway is not None:
            if count >= service.faults.goaway.after:
                answer.force_close()
        return answer

    def _count(self, connection: asyncio.Protocol) -> int:
        """Return how many requests *connection* has brought, with this one."""
        if len(self._requests) >= _COUNTED:
            known = self._server.connections
            self._requests = {one: n for one, n in self._requests.items() if one in known}
        self._requests[connection] = self._requests.get(connection, 0) + 1
        return self._requests[connection]
