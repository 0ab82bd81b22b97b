"""Moto's server in a process of its own, and a server that answers as it is told."""

import asyncio
import gc
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from aiobotocore.session import AioSession
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from asfini.aws import AwsService, AWSSession

REGION = "eu-west-1"


@pytest.fixture(autouse=True)
def only_this_machine(nothing_configured: None) -> None:
    """Keep the settings of whoever runs the tests out of all of them."""


@pytest.fixture(scope="module", autouse=True)
def nothing_left_open() -> Iterator[None]:
    """Let what is forgotten be found, and be told as an error, before the module is done."""
    yield
    gc.collect()


@dataclass
class Answer:
    """What a fake server does with a request."""

    data: bytes
    then: Literal["stay", "hang up", "reset"] = "stay"
    after: asyncio.Event | None = None
    """When to answer; at once by default."""
    more: tuple[bytes, ...] = ()
    """What comes later."""


@dataclass
class Request:
    """What a fake server was asked."""

    operation: str
    headers: dict[str, str]


@dataclass
class Fake:
    """A server that does with each request as it is told."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    """How many are open."""
    accepted: int = 0
    """How many there ever were."""
    certificate: Path | None = None
    """The file of the one that it shows, if it is asked over TLS."""
    _handlers: set["asyncio.Task[Any]"] = field(default_factory=set)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @staticmethod
    def raw(data: bytes, **rest: Any) -> Answer:
        return Answer(data, **rest)

    @staticmethod
    def pieces(data: bytes, *more: bytes, **rest: Any) -> Answer:
        return Answer(data, more=more, **rest)

    @staticmethod
    def http(body: str | bytes, status: int = 200, **rest: Any) -> Answer:
        body = body if isinstance(body, bytes) else body.encode()
        return Answer(f"HTTP/1.1 {status} Any\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body, **rest)

    @staticmethod
    def json(value: Any, status: int = 200, **rest: Any) -> Answer:
        return Fake.http(json.dumps(value), status, **rest)

    @staticmethod
    def error(code: str, message: str = "no", status: int = 400) -> Answer:
        return Fake.json({"__type": f"com.amazonaws.swf.service.v2.model#{code}", "message": message}, status)

    @staticmethod
    def identity(account_id: str, **rest: Any) -> Answer:
        result = f"<GetCallerIdentityResult><Account>{account_id}</Account></GetCallerIdentityResult>"
        return Fake.http(f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>", **rest)

    def will(self, *answers: Answer) -> None:
        """Say what happens with the next requests; the last answer is given to all that follow, too."""
        self.answers[:] = answers

    @property
    def operations(self) -> list[str]:
        """What was asked for, in order."""
        return [request.operation for request in self.requests]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to come true here."""
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(condition)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self.connections += 1
        self.accepted += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._handle(reader, writer):
                    pass
        finally:
            writer.close()
            self.connections -= 1
            self._handlers.remove(task)
            await self._tell()

    def choose(self, request: Request) -> Answer:
        """What happens with a request."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[1:-1]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        await reader.readexactly(int(headers.get("content-length", 0)))
        request = Request(headers.get("x-amz-target", ".GetCallerIdentity").split(".")[1], headers)
        self.requests.append(request)
        await self._tell()
        answer = self.choose(request)
        if answer.after is not None:
            await _first_of(answer.after.wait(), reader.read(1))  # b"" when the client is gone
        writer.write(answer.data)
        await writer.drain()
        for data in answer.more:
            await asyncio.sleep(0.001)  # so that it is another piece for whoever reads
            writer.write(data)
            await writer.drain()
        if answer.then == "reset":
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return answer.then == "stay"

    async def stop(self) -> None:
        for task in [*self._handlers]:
            task.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)


async def _first_of(*waits: Any) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    """A server on this machine that answers as it is told."""
    fake = Fake()
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
    yield fake
    server.close()
    await fake.stop()


@pytest.fixture
async def tls_fake(tmp_path: Path) -> AsyncIterator[Fake]:
    """The same over TLS, with a certificate that nobody but its own file vouches for."""
    fake = Fake(certificate=tmp_path / "certificate.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(_certify(tmp_path), tmp_path / "key.pem")
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0, ssl=context)
    fake.url = "https://localhost:{1}".format(*server.sockets[0].getsockname())
    yield fake
    server.close()
    await fake.stop()


def _certify(folder: Path) -> Path:
    """Make a key, and a certificate for `localhost` that it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, plain)
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    return folder / "certificate.pem"


@pytest.fixture
def session(fake: Fake, boto: AioSession) -> AWSSession:
    """A session whose requests go to the fake server."""
    return AWSSession(boto, region=REGION, endpoint_url=fake.url)


@pytest.fixture
def open_service(fake: Fake, boto: AioSession) -> Callable[..., AwsService]:
    """Makes Step Functions as the fake server answers; to be entered by the test."""

    def make(config: Any = None, **options: Any) -> AwsService:
        return AwsService(AWSSession(boto, region=REGION, endpoint_url=fake.url, config=config), **options)

    return make


@pytest.fixture
async def service(session: AWSSession) -> AsyncIterator[AwsService]:
    """Step Functions as the fake server answers; each call is tried once."""
    async with AwsService(session, max_attempts=1) as service:
        yield service


@pytest.fixture
async def moto(moto_url: str, boto: AioSession) -> AsyncIterator[AwsService]:
    """Step Functions as moto answers."""
    async with AwsService(AWSSession(boto, region=REGION, endpoint_url=moto_url)) as service:
        yield service
