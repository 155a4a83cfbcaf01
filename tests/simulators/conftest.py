"""A clock that stands still, a small vendor, clients of both HTTP versions, an FCM sender."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import h2.connection
import h2.events
import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from zpns.errors import ParameterError
from zpns.exchange import Request, Response
from zpns.simulators import FCMSimulator, SimulatorServer

NOW = 1_795_000_000.0  # 2026-11-18
TOKEN_URL = "https://oauth2.googleapis.com/token"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
FORM = "application/x-www-form-urlencoded"


class Clock:
    """Stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = NOW
        self.elapsed = 0.0
        self.asleep = asyncio.Condition()
        self.sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep_until(self, when: float) -> None:
        if when <= self.elapsed:
            return
        future = asyncio.get_running_loop().create_future()
        self.sleepers.append((when, future))
        async with self.asleep:
            self.asleep.notify_all()
        await future

    async def until_asleep(self, count: int = 1) -> None:
        """Return once *count* sleepers wait."""
        async with self.asleep:
            await self.asleep.wait_for(lambda: len(self.sleepers) >= count)

    def advance(self, seconds: float) -> None:
        """Move on and wake whoever is due."""
        self.now += seconds
        self.elapsed += seconds
        due = [future for when, future in self.sleepers if when <= self.elapsed]
        self.sleepers = [entry for entry in self.sleepers if entry[1] not in due]
        for future in due:
            if not future.done():
                future.set_result(None)


class Vendor:
    """The smallest vendor: says what it was asked, and knows its devices."""

    channel = "small"

    def __init__(self) -> None:
        self.handled: list[Request] = []
        self.known: dict[str, str] = {}
        self.error: Exception | None = None
        self.body: bytes | None = None

    def handle(self, request: Request, now: float) -> Response:
        self.handled.append(request)
        if self.error is not None:
            raise self.error
        body = f"{request.method} {request.url} {len(request.body)} {now:.0f}".encode()
        headers = {"content-type": "text/plain", "x-vendor": "small"}
        return Response(status=200, headers=headers, body=body if self.body is None else self.body)

    def answer(self, status: int) -> Response:
        headers = {"content-type": "text/plain", "retry-after": "30"}
        return Response(status=status, headers=headers, body=f"small {status}".encode())

    def register(self, token: str | None = None, *, kind: str = "plain") -> str:
        if kind not in ("plain", "fancy"):
            raise ParameterError("kind", "plain or fancy", kind)
        token = token or f"token-{len(self.known)}"
        self.known[token] = kind
        return token

    def unregister(self, token: str) -> None:
        if token not in self.known:
            raise LookupError("no such device")
        del self.known[token]

    def credentials(self, url: str, folder: str) -> Mapping[str, str]:
        return {"url": url}


class _Connection(h2.connection.H2Connection):
    """An h2 connection that goes on after GOAWAY, as RFC 9113 wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.goaways: list[tuple[int, int]] = []

    def _receive_goaway_frame(self, frame: Any) -> tuple[list[Any], list[Any]]:
        self.goaways.append((frame.last_stream_id, frame.error_code))
        return [], []


class Answer:
    """What came back on one stream."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.done = False
        self.reset: int | None = None


class H2Client:
    """One HTTP/2 connection, driven by hand; what to send waits until :meth:`flush`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.h2 = _Connection()
        self.answers: dict[int, Answer] = {}
        self.ended = False
        self.error: Exception | None = None
        self.acknowledged = False
        self.read_bodies = True

    @property
    def port(self) -> int:
        """The client's own port."""
        port: int = self.writer.get_extra_info("sockname")[1]
        return port

    async def open(self) -> None:
        """Exchange settings, as far as the server's acknowledgement."""
        self.h2.initiate_connection()
        await self.until(lambda: self.acknowledged)
        self.flush()

    def flush(self) -> None:
        """Write everything h2 has to say in one piece."""
        self.writer.write(self.h2.data_to_send())

    def ask(
        self,
        path: str = "/",
        body: bytes = b"",
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        end: bool = True,
    ) -> int:
        """Prepare a request and return its stream."""
        stream_id = self.h2.get_next_available_stream_id()
        self.answers[stream_id] = Answer()
        block = [
            (":method", method),
            (":scheme", "https"),
            (":authority", "small.test"),
            (":path", path),
            *(headers or {}).items(),
        ]
        self.h2.send_headers(stream_id, block, end_stream=end and not body)
        size = self.h2.max_outbound_frame_size
        for start in range(0, len(body), size):
            last = end and start + size >= len(body)
            self.h2.send_data(stream_id, body[start : start + size], end_stream=last)
        return stream_id

    async def fetch(self, path: str = "/", body: bytes = b"", **options: Any) -> Answer:
        """Send a request and wait for what becomes of it."""
        return await self.answer(self.ask(path, body, **options))

    async def answer(self, stream_id: int) -> Answer:
        """Wait until the stream has ended, one way or the other."""
        answer = self.answers[stream_id]
        await self.until(lambda: answer.done or answer.reset is not None)
        return answer

    async def until(self, condition: Callable[[], bool]) -> None:
        """Read until *condition* holds or the connection has ended."""
        self.flush()
        while not condition() and not self.ended:
            try:
                data = await self.reader.read(65_536)
            except OSError as error:
                self.error = error
                data = b""
            self.ended = not data
            for event in self.h2.receive_data(data):
                self._take(event)
            if not self.ended:
                self.flush()

    async def until_end(self) -> None:
        """Read until the connection has ended."""
        await self.until(lambda: False)

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived():
                headers = {name.decode(): value.decode() for name, value in event.headers or []}
                answer = self.answers[event.stream_id]
                answer.status = int(headers.pop(":status"))
                answer.headers = headers
            case h2.events.DataReceived():
                self.answers[event.stream_id].body += event.data or b""
                if self.read_bodies:
                    length = event.flow_controlled_length or 0
                    self.h2.acknowledge_received_data(length, event.stream_id)
            case h2.events.StreamEnded():
                self.answers[event.stream_id].done = True
            case h2.events.StreamReset():
                self.answers[event.stream_id].reset = int(event.error_code)
            case h2.events.SettingsAcknowledged():
                self.acknowledged = True


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def vendor() -> Vendor:
    """The smallest vendor."""
    return Vendor()


@pytest.fixture
async def server(vendor: Vendor, clock: Clock) -> AsyncIterator[SimulatorServer]:
    """The smallest vendor, being served."""
    async with SimulatorServer(vendor, clock=clock) as server:
        yield server


@pytest.fixture
def trust() -> Callable[..., ssl.SSLContext]:
    """Makes the TLS context of a client that trusts a server and offers some ALPN names."""

    def make(server: SimulatorServer, *alpn: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=server.ca_file)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    return make


@pytest.fixture
async def open_h2(
    trust: Callable[..., ssl.SSLContext],
) -> AsyncIterator[Callable[..., Any]]:
    """Opens HTTP/2 connections to a server; they are closed with the test."""
    async with AsyncExitStack() as stack:

        async def open_connection(server: SimulatorServer) -> H2Client:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", server.port, ssl=trust(server, "h2"), server_hostname="127.0.0.1"
            )
            stack.callback(writer.transport.abort)
            stack.callback(writer.close)
            client = H2Client(reader, writer)
            await client.open()
            return client

        yield open_connection


class HTTP1Client:
    """An aiohttp session for one server."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def fetch(
        self, path: str = "/", body: Any = b"", **options: Any
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body of an answer; the method is POST unless told."""
        method = options.pop("method", "POST")
        async with self.session.request(method, path, data=body, **options) as response:
            return response.status, response.headers, await response.read()


@pytest.fixture
async def open_http1(
    trust: Callable[..., ssl.SSLContext],
) -> AsyncIterator[Callable[..., Any]]:
    """Makes HTTP/1.1 clients for a server; they are closed with the test."""
    async with AsyncExitStack() as stack:

        async def open_session(server: SimulatorServer, **options: Any) -> HTTP1Client:
            connector = aiohttp.TCPConnector(ssl=trust(server), **options)
            session = aiohttp.ClientSession(server.url, connector=connector)
            return HTTP1Client(await stack.enter_async_context(session))

        yield open_session


class FCMSender:
    """Talks to an FCM simulator as a well-behaved server does."""

    def __init__(self, key: rsa.RSAPrivateKey, **settings: Any) -> None:
        self.simulator = FCMSimulator(private_key=key, **settings)
        self.key = key  # the file's would have to be checked anew each time
        self.now = NOW
        self.bearer = ""
        self.file: dict[str, str] = {}

    def log_in(self, **claims: Any) -> Response:
        """Ask for an access token and keep it if there is one; a claim of None is left out."""
        assertion = self.assertion(**claims)
        response = self.ask_token(grant_type=GRANT_TYPE, assertion=assertion)
        if response.status == 200:
            self.bearer = orjson.loads(response.body)["access_token"]
        return response

    def assertion(
        self,
        *,
        key: Any = None,
        algorithm: str = "RS256",
        header: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return a signed assertion, good unless *claims* change it."""
        issued = int(self.now)
        good = {
            "iss": self.file["client_email"],
            "scope": SCOPE,
            "aud": TOKEN_URL,
            "iat": issued,
            "exp": issued + 3_600,
        }
        kept = {name: value for name, value in (good | claims).items() if value is not None}
        key = self.key if key is None else key
        return jwt.encode(kept, key, algorithm=algorithm, headers=dict(header or {}))

    def ask_token(self, *, content_type: str = FORM, **fields: str) -> Response:
        """Post a form to the token endpoint."""
        request = Request(
            method="POST",
            url="https://fcm.test/token",
            headers={"content-type": content_type},
            body=urlencode(fields).encode(),
        )
        return self.simulator.handle(request, self.now)

    def post(
        self,
        body: bytes,
        *,
        project: str = "demo-zpns",
        path: str | None = None,
        method: str = "POST",
        headers: Mapping[str, str | None] | None = None,
    ) -> Response:
        """Send a request; a header of None is left out."""
        good = {
            "authorization": f"Bearer {self.bearer}",
            "content-type": "application/json; charset=UTF-8",
        }
        merged = {**good, **(headers or {})}
        request = Request(
            method=method,
            url=f"https://fcm.test{path or f'/v1/projects/{project}/messages:send'}",
            headers={name: value for name, value in merged.items() if value is not None},
            body=body,
        )
        return self.simulator.handle(request, self.now)

    def send(self, message: Mapping[str, Any], **members: Any) -> Response:
        """Send *message*; other members of the request by name."""
        return self.post(orjson.dumps({"message": message, **members}))

    @staticmethod
    def read(response: Response) -> tuple[int, Any]:
        """Return the status and the body, which must be JSON and say so."""
        assert "application/json; charset=UTF-8" == response.headers["content-type"]
        return response.status, orjson.loads(response.body)

    @staticmethod
    def error_code(response: Response) -> str | None:
        """Return FCM's error code, or None if the answer is none or the gateway's."""
        error = orjson.loads(response.body).get("error", {})
        for detail in error.get("details", ()):
            if detail["@type"] == "type.googleapis.com/google.firebase.fcm.v1.FcmError":
                return str(detail["errorCode"])
        return None

    @staticmethod
    def violations(response: Response) -> list[tuple[str | None, str]]:
        """Return the field and the description of each violation."""
        [found] = [
            detail["fieldViolations"]
            for detail in orjson.loads(response.body)["error"]["details"]
            if detail["@type"] == "type.googleapis.com/google.rpc.BadRequest"
        ]
        return [(one.get("field"), one["description"]) for one in found]


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    """One key for all tests; making one takes longer than any of them."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


@pytest.fixture
def make_fcm(tmp_path: Path, rsa_key: rsa.RSAPrivateKey) -> Callable[..., FCMSender]:
    """Makes a sender with its simulator, logged in; settings go to the simulator."""

    def make(**settings: Any) -> FCMSender:
        sender = FCMSender(rsa_key, **settings)
        where = sender.simulator.credentials("https://fcm.test", str(tmp_path))
        sender.file = orjson.loads(Path(where["service_account"]).read_bytes())
        sender.log_in()
        return sender

    return make


@pytest.fixture
def fcm(make_fcm: Callable[..., FCMSender]) -> FCMSender:
    """A sender with its simulator, logged in."""
    return make_fcm()
