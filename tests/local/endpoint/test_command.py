"""The command `asfini local`, in a process of its own."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import anyio.lowlevel
import pytest
from http_caller import Caller

SHOP = """
import asyncio
from asfini import ActivityRegistration, Lambda, Task, construct_state_machine

activities = ActivityRegistration(prefix="shop-")

@activities.activity()
async def charge(pence: int) -> int:
    await asyncio.sleep(60)
    return pence

charging = Task("charge", charge)
charging >> Task("thank", Lambda("thank"))
machine = construct_state_machine("shop", charging)
handlers = {Lambda("thank"): lambda pence: f"thank you for {pence}"}

def double(event):
    return event * 2

nothing = None
"""
DOUBLE = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:double", "End": True}


@dataclass
class Running:
    """A running command."""

    process: asyncio.subprocess.Process
    caller: Caller
    line: str
    """What it said when it was ready."""
    log: list[str] = field(default_factory=list)

    async def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send it a signal; its exit status and what it wrote to standard error."""
        self.process.send_signal(number)
        _, errors = await asyncio.wait_for(self.process.communicate(), 30)
        assert self.process.returncode is not None
        return self.process.returncode, errors.decode()


Run = Callable[..., Awaitable[Running]]


async def begin(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "asfini",
        *arguments,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Run]:
    """Starts the command."""
    (tmp_path / "shop.py").write_text(SHOP)
    started: list[asyncio.subprocess.Process] = []
    async with aiohttp.ClientSession() as session:

        async def start(*arguments: str) -> Running:
            process = await begin(tmp_path, "local", "--port", "0", *arguments)
            started.append(process)
            assert process.stdout is not None
            line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
            return Running(process, Caller(line.split()[-1], session), line)

        yield start
        for process in started:
            if process.returncode is None:
                process.kill()
                await process.communicate()


async def test_it_says_when_it_is_ready_and_that_it_is_well(run: Run) -> None:
    running = await run()
    assert running.line.startswith("asfini local listening on http://127.0.0.1:")
    assert (await running.caller.send("GET", "/health")).body == {"status": "ok"}


@pytest.mark.parametrize("options", [(), ("--virtual-time",)], ids=str)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_it_in_good_order(run: Run, number: int, options: tuple[str, ...]) -> None:
    running = await run(*options)
    arn = (await running.caller.call("CreateActivity", name="pay"))["activityArn"]
    wait = await running.caller.machine({"w": {"Type": "Wait", "Seconds": 9, "End": True}})
    await running.caller.start(wait)
    polling = asyncio.create_task(running.caller.call("GetActivityTask", activityArn=arn))
    await running.caller.call("ListActivities")
    status, errors = await running.stop(number)
    assert status == 0
    assert "Traceback" not in errors
    with pytest.raises(aiohttp.ClientConnectionError):
        await polling


async def test_what_an_app_has_is_registered_and_done(run: Run) -> None:
    running = await run("--app", "shop", "--virtual-time")
    machines = (await running.caller.call("ListStateMachines"))["stateMachines"]
    arn = await running.caller.start(machines[0]["stateMachineArn"], 500)
    while (told := await running.caller.call("DescribeExecution", executionArn=arn))["status"] == "RUNNING":
        await anyio.lowlevel.checkpoint()
    assert json.loads(told["output"]) == "thank you for 500"
    assert round(told["stopDate"] - told["startDate"], 3) == 60


async def test_functions_stand_in_for_lambda_and_calls_are_logged_without_payloads(run: Run) -> None:
    running = await run(
        "--lambda", "double=shop:double", "--region", "eu-west-1", "--account", "210987654321"
    )
    machine = await running.caller.machine({"d": DOUBLE}, "doubling")
    assert machine == "arn:aws:states:eu-west-1:210987654321:stateMachine:doubling"
    execution = await running.caller.start(machine, "secret")
    told = await running.caller.call("DescribeExecution", executionArn=execution)
    assert json.loads(told["output"]) == "secretsecret"
    await running.caller.ask("DescribeExecution", {"executionArn": "no\nline"})
    status, log = await running.stop()
    assert status == 0
    assert "secret" not in log
    assert "StartExecution doubling: ok" in log
    assert f"execution doubling:{execution.rpartition(':')[2]}: succeeded after" in log
    assert r"'DescribeExecution no\nline': InvalidArn" in log


async def test_it_can_be_quiet(run: Run) -> None:
    running = await run("-q")
    await running.caller.call("ListActivities")
    assert await running.stop() == (0, "")


async def test_polls_end_as_it_is_told(run: Run) -> None:
    running = await run("--poll-seconds", "0.1")
    arn = (await running.caller.call("CreateActivity", name="pay"))["activityArn"]
    assert await running.caller.call("GetActivityTask", activityArn=arn) == {}


async def test_calls_are_throttled_as_on_aws_if_that_is_wanted(run: Run) -> None:
    running = await run("--quotas", "aws")
    answers = [await running.caller.ask("CreateActivity", {"name": f"a{n}"}) for n in range(110)]
    assert {answer.code for answer in answers if answer.status != 200} == {"ThrottlingException"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "--allow-remote"),
        (["--port", "65536"], "port is a number from 0 to 65535, not 65536"),
        (["--port", "http"], "invalid int value"),
        (["--poll-seconds", "-1"], "--poll-seconds is a number of seconds, not -1.0"),
        (["--lambda", "double"], "'double'"),
        (["--lambda", "double=shop:missing"], "has no 'missing'"),
        (["--lambda", "double=shop:nothing"], "'shop:nothing' is no function"),
        (["--account", "12"], "--account is a text of 12 digits, not '12'"),
        (["--region", ""], "--region is AWS's name of one, such as 'us-east-1', not ''"),
        (["--aws-endpoint", "nowhere"], "--aws-endpoint is a URL"),
        (["--aws-endpoint", "http://[::1"], "--aws-endpoint is a URL"),
        (["--aws-endpoint", "https://sqs.us-east-1.amazonaws.com"], "say so, --aws-endpoint aws"),
        (["--mock-config", "missing.json"], "--mock-config cannot be read"),
        (["--host", "192.0.2.1", "--allow-remote"], "--host 192.0.2.1"),
        (["--endpoint-url", "http://localhost"], "--endpoint-url is not for local"),
        (["--app", "missing"], "there is no module 'missing'"),
        (["--virtual-tme"], "asfini local: error: unrecognized arguments: --virtual-tme"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
async def test_what_makes_no_sense_is_said(tmp_path: Path, options: list[str], message: str) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    process = await begin(tmp_path, "local", *options)
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2, errors
    assert message in errors.decode()


async def test_a_port_that_is_taken_is_named(run: Run, tmp_path: Path) -> None:
    running = await run()
    port = running.caller.url.rpartition(":")[2]
    process = await begin(tmp_path, "local", "--port", port)
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert f"cannot listen with --host 127.0.0.1 --port {port}: Address already in use\n" in errors.decode()


async def test_bytes_that_are_no_http_are_not_logged(run: Run) -> None:
    running = await run("-vv")
    url, port = running.line.split()[-1].rsplit(":", 1)
    for data in (b"secret \x00\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX-Key: " + b"secret" * 9000):
        reader, writer = await asyncio.open_connection(url.removeprefix("http://"), int(port))
        writer.write(data)
        await asyncio.wait_for(reader.read(12), 30)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    status, log = await running.stop()
    assert status == 0
    assert log.count("refused what is no HTTP") == 2
    assert "secret" not in log
