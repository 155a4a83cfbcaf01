"""Many sends over one HTTP/1.1 carrier, what they do not do to each other, and its end."""

from __future__ import annotations

import asyncio

import pytest
from raw_server import (
    HEAD,
    OK,
    PATIENCE,
    Peer,
    RawServer,
    Serve,
    answering,
    post,
)

from zpns.errors import CarrierError, StateError
from zpns.exchange import Response
from zpns.http import AiohttpCarrier
from zpns.simulators._ca import LocalCA


class TestConcurrency:
    """Many sends, and what they do not do to each other."""

    async def test_ten_connections_per_host(self, serve: Serve, carrier: AiohttpCarrier) -> None:
        """Ten requests are under way at once; the rest wait and use the same connections."""
        waiting, most = 0, 0
        full = asyncio.Event()

        async def script(peer: Peer) -> None:
            nonlocal waiting, most
            while await peer.request():
                waiting += 1
                most = max(most, waiting)
                if waiting == 10:
                    full.set()
                await full.wait()
                waiting -= 1
                await peer.write(OK)

        server = await serve(script)
        async with asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(
                *(carrier.send(post(server.url()), timeout=PATIENCE) for _ in range(25))
            )

        assert [b"ok"] * 25 == [answer.body for answer in answers]
        assert 10 == most
        assert 10 == server.connections

    async def test_a_full_host_does_not_hold_up_another(
        self, serve: Serve, always_ok: RawServer, narrow: AiohttpCarrier
    ) -> None:
        """The limit is each host's own."""
        server = await serve(Peer.ended)
        held = [
            asyncio.ensure_future(narrow.send(post(server.url()), timeout=PATIENCE))
            for _ in range(3)
        ]
        response = await narrow.send(post(always_ok.url()), timeout=PATIENCE)
        await narrow.aclose()
        await asyncio.gather(*held, return_exceptions=True)

        assert b"ok" == response.body

    async def test_cancelling_one_send_harms_no_other(
        self, serve: Serve, carrier: AiohttpCarrier
    ) -> None:
        """The cancelled send ends its own connection; its neighbour gets its answer."""
        arrived = asyncio.Semaphore(0)
        release, ended = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            if b"/cancelled " in await peer.request():
                arrived.release()
                await peer.ended()
                ended.set()
            else:
                arrived.release()
                await release.wait()
                await peer.write(OK)

        server = await serve(script)
        cancelled = asyncio.ensure_future(
            carrier.send(post(server.url("/cancelled")), timeout=PATIENCE)
        )
        other = asyncio.ensure_future(carrier.send(post(server.url("/other")), timeout=PATIENCE))
        for _ in range(2):
            await arrived.acquire()
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
        release.set()

        assert b"ok" == (await other).body

    async def test_cancelling_a_waiting_send_leaves_its_place(
        self, serve: Serve, narrow: AiohttpCarrier
    ) -> None:
        """A send cancelled while it waits for a connection holds none back."""
        arrived, release = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            while await peer.request():
                arrived.set()
                await release.wait()
                await peer.write(OK)

        server = await serve(script)
        sends = [
            asyncio.ensure_future(narrow.send(post(server.url()), timeout=PATIENCE))
            for _ in range(3)
        ]
        await arrived.wait()
        sends[1].cancel()
        release.set()
        first, second, third = await asyncio.gather(*sends, return_exceptions=True)

        assert isinstance(second, asyncio.CancelledError)
        assert ([b"ok", b"ok"]) == [
            answer.body for answer in (first, third) if isinstance(answer, Response)
        ]


class TestClosing:
    """The end."""

    async def test_send_after_the_end(self, always_ok: RawServer) -> None:
        """A closed carrier says that it is closed, and connects to nobody."""
        carrier = AiohttpCarrier()
        await carrier.aclose()
        with pytest.raises(StateError, match="closed"):
            await carrier.send(post(always_ok.url()), timeout=PATIENCE)

        assert 0 == always_ok.connections

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            pytest.param((), "closed while waiting for the answer", id="no-answer"),
            pytest.param(
                (HEAD + b"Content-Length: 9\r\n\r\nab",),
                "closed while reading the answer",
                id="half-a-body",
            ),
        ],
    )
    async def test_sends_under_way_end(
        self, serve: Serve, answer: tuple[bytes, ...], told: str
    ) -> None:
        """Closing ends whatever is under way or waits, with an error that is no cancellation."""
        arrived = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.write(*answer)
            arrived.set()
            await peer.ended()

        server = await serve(script)
        carrier = AiohttpCarrier(connections_per_host=1)
        sends = [
            asyncio.ensure_future(carrier.send(post(server.url()), timeout=PATIENCE))
            for _ in range(2)
        ]
        await arrived.wait()
        # A turn of the server after its last write, and the client has read it.
        await answer_of_a_neighbour(serve)
        async with asyncio.timeout(PATIENCE):
            await carrier.aclose()
            assert [True, True] == [send.done() for send in sends]
            first, second = await asyncio.gather(*sends, return_exceptions=True)

        assert told in str(first)
        assert "closed while waiting for a free connection" in str(second)
        assert [(CarrierError, True), (CarrierError, False)] == [
            (type(error), error.sent)
            for error in (first, second)
            if isinstance(error, CarrierError)
        ]

    async def test_a_send_that_is_connecting_ends(self, serve: Serve) -> None:
        """When closing returns, a send that was not connected yet is over too."""
        arrived = asyncio.Event()

        async def script(peer: Peer) -> None:
            arrived.set()
            await peer.ended()

        server = await serve(script)
        carrier = AiohttpCarrier()
        url = f"https://127.0.0.1:{server.port}/"
        send = asyncio.ensure_future(carrier.send(post(url), timeout=PATIENCE))
        await arrived.wait()
        await carrier.aclose()

        assert send.done()
        with pytest.raises(CarrierError, match="closed while connecting"):
            await send

    async def test_closing_twice(self, always_ok: RawServer) -> None:
        """The second time there is nothing left to close."""
        carrier = AiohttpCarrier()
        await carrier.send(post(always_ok.url()), timeout=PATIENCE)
        await carrier.aclose()
        await carrier.aclose()
        with pytest.raises(StateError):
            await carrier.send(post(always_ok.url()), timeout=PATIENCE)

    async def test_closing_ends_kept_connections(
        self, serve: Serve, secure: AiohttpCarrier, ca: LocalCA
    ) -> None:
        """An idle connection is closed too, and on TLS as well."""
        ended = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.write(OK)
            await peer.ended()
            ended.set()

        server = await serve(script, tls=ca.server_context())
        response = await secure.send(post(server.url()), timeout=PATIENCE)
        await secure.aclose()

        assert b"ok" == response.body
        async with asyncio.timeout(PATIENCE):
            await ended.wait()


async def answer_of_a_neighbour(serve: Serve) -> None:
    """Send a request and get its answer, so that whatever was on its way has arrived."""
    server = await serve(answering(OK))
    neighbour = AiohttpCarrier()
    await neighbour.send(post(server.url()), timeout=PATIENCE)
    await neighbour.aclose()


def test_a_carrier_belongs_to_one_loop() -> None:
    """Another event loop is told so instead of hanging."""
    carrier = AiohttpCarrier()

    async def send() -> None:
        with pytest.raises(CarrierError):
            await carrier.send(post("http://127.0.0.1:1/"), timeout=PATIENCE)

    async def send_elsewhere() -> None:
        with pytest.raises(StateError, match="another event loop"):
            await carrier.send(post("http://127.0.0.1:1/"), timeout=PATIENCE)

    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(send())
        second.run(send_elsewhere())
        first.run(carrier.aclose())
