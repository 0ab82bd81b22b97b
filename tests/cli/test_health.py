"""`asfini worker --health`: what probes are answered, and what cannot be listened at."""

import asyncio
import json
import socket
from typing import Any

import pytest

from asfini import CLI, ActivityRegistration, Task, Worker, construct_state_machine, local
from asfini.cli.health import address_given, answering
from asfini.errors import InvalidArgument

SECONDS = 20
activities = ActivityRegistration(prefix="shop-")


@activities.activity()
async def charge(pence: int) -> int:
    return pence


MACHINE = construct_state_machine("shop", Task("charge", charge))


async def ask(port: int, request: str) -> tuple[str, str]:
    """The status line of an answer, and its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{request} HTTP/1.1\r\nHost: worker\r\n\r\n".encode())
    head, _, body = (await asyncio.wait_for(reader.read(), SECONDS)).decode().partition("\r\n\r\n")
    writer.close()
    return head.splitlines()[0], body


async def test_a_worker_is_ready_while_it_works_and_alive_as_long_as_it_answers() -> None:
    async with local.connect() as client:
        await client.register(activities, MACHINE)
        worker = Worker(client, activities)
        async with answering(worker, "127.0.0.1", 0) as port:
            assert (await ask(port, "GET /ready"))[0] == "HTTP/1.1 503 Service Unavailable"
            async with worker:
                await client.execute(MACHINE, 7)
                status, body = await ask(port, "GET /ready?verbose")
                assert status == "HTTP/1.1 200 OK"
                told: dict[str, Any] = json.loads(body)
                assert (told["healthy"], told["stopping"]) == (True, False)
                assert told["activities"]["shop-charge"]["done"] == 1
            status, body = await ask(port, "GET /ready")
            assert (status.split()[1], json.loads(body)["healthy"]) == ("503", False)
            assert (await ask(port, "GET /live"))[0] == "HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    ("request_line", "status", "has_body"),
    [
        ("HEAD /live", "200", False),
        ("GET /metrics", "404", False),
        ("POST /live", "405", False),
        ("nonsense", "405", False),
        ("GET /live", "200", True),
    ],
)
async def test_other_requests_are_answered_as_http_has_it(
    request_line: str, status: str, *, has_body: bool
) -> None:
    async with local.connect() as client, answering(Worker(client, activities), "127.0.0.1", 0) as port:
        line, body = await ask(port, request_line)
        assert (line.split()[1], bool(body)) == (status, has_body)


async def test_who_says_too_much_or_hangs_up_harms_nobody() -> None:
    async with local.connect() as client, answering(Worker(client, activities), "127.0.0.1", 0) as port:
        for said in (b"x" * 200_000, b""):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            writer.close()
        assert (await ask(port, "GET /live"))[0] == "HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("8080", ("127.0.0.1", 8080)),
        ("0.0.0.0:8080", ("0.0.0.0", 8080)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:80", ("localhost", 80)),
    ],
)
def test_an_address_is_a_port_or_a_host_and_a_port(given: str, address: tuple[str, int]) -> None:
    assert address_given(given) == address


@pytest.mark.parametrize("given", ["", ":8080", "host", "host:", "70000", "-1", "1e3", "\u0661"])
def test_other_addresses_are_refused(given: str) -> None:
    with pytest.raises(InvalidArgument, match="--health is a port, or HOST:PORT, not"):
        address_given(given)


def test_a_port_that_is_taken_is_told_and_no_task_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as end:
            CLI(MACHINE, activities, connect=local.connect).parse_args(["worker", "--health", str(port)])
    assert end.value.code == 2
    assert f"cannot listen with --health 127.0.0.1:{port}: Address already in use" in capsys.readouterr().err
