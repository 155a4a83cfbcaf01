"""The few things about a connection that both HTTP versions ask."""

from __future__ import annotations

import asyncio
import socket
import struct

__all__ = ["abort", "peer_port"]

_LINGER_NOT = struct.pack("ii", 1, 0)


def peer_port(transport: asyncio.BaseTransport) -> int:
    """Return the client's port, which tells connections apart; 0 if it is unknown."""
    peer = transport.get_extra_info("peername")
    return int(peer[1]) if peer else 0


def abort(transport: asyncio.WriteTransport) -> None:
    """Cut the connection so that the client sees a reset, not an orderly end."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        # Without lingering, close() sends RST.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()
