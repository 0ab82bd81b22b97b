"""Workers under fire: one in twenty requests goes wrong, workers are killed all the time, nothing is lost.

The service, a proxy that makes the faults, the workers and the ledger of what they did are processes of
their own. Each execution ends with the right output. None is done twice unless its first try had timed out,
and none times out but the tasks of workers that got SIGKILL, and those that came with an answer that got
lost. A report whose answer was lost and that is refused when it is sent again counts as done. Nothing is
left open anywhere.

Workers get SIGKILL and SIGTERM by turns. Those that will get SIGTERM try each call only once, so that all
depends on the worker itself. The first one stays until the end.

A small run takes part in all tests, a longer one where CI is set. For hours of it, say how many tasks:

    ASFINI_TORTURE_TASKS=20000 python -m pytest -s tests/torture/test_workers.py

ASFINI_TORTURE_SEED has other faults, kills and tasks than seed 1, which is the default.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from asfini import Activity, Client, Execution, StateMachine, Task, aws, construct_state_machine
from asfini.history import ActivityStarted

TASKS = int(os.environ.get("ASFINI_TORTURE_TASKS") or (2000 if os.environ.get("CI") else 300))
SEED = int(os.environ.get("ASFINI_TORTURE_SEED") or 1)
FAULTS = 0.05
"""The share of requests that go wrong."""
WORKERS, RUNNING = 4, min(300, 20 + TASKS // 20)
"""Workers at once, and executions: so few that there are still some to be done when workers are killed."""
SECONDS_BETWEEN_KILLS = 1, 4
STRAY = 1 + TASKS // 5000
"""Tasks that may time out by bad luck: several heartbeats in a row met faults."""
LONG = 120 + TASKS / 5
"""Seconds in which it surely ends."""
PROGRAMS = Path(__file__).parent / "programs"
SIGNS = ("Traceback", "never retrieved", "was never awaited", "ResourceWarning", "was destroyed")
"""What processes say that leave something behind."""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="only Linux tells of others' open files"
)


@dataclass
class Crew:
    """Workers, each of which works until it is killed, and is replaced."""

    url: str
    ledger: int
    folder: Path
    random: random.Random
    at_work: dict[asyncio.subprocess.Process, signal.Signals | None] = field(default_factory=dict)
    """Those at work, and how they will be killed, if they will."""
    leaving: set[asyncio.Task[None]] = field(default_factory=set)
    kills: Counter[str] = field(default_factory=Counter)
    killed: set[str] = field(default_factory=set)
    """The names of those that got SIGKILL."""
    hired: int = 0
    over: bool = False
    """Whether nobody is hired or killed any more."""

    async def hire(self) -> None:
        self.hired += 1
        log = self.folder / f"worker-{self.hired}.log"
        tries, kill = (1, signal.SIGTERM) if self.hired % 2 else (3, signal.SIGKILL)
        stays = self.hired == 1
        arguments = [str(PROGRAMS / "noting_worker.py"), self.url, str(self.ledger), str(tries)]
        with log.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "always::ResourceWarning", *arguments),
                stdout=asyncio.subprocess.PIPE,
                stderr=file,
            )
        self.at_work[process] = None if stays else kill
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n", log

    def dismiss(self, process: asyncio.subprocess.Process, kill: signal.Signals) -> None:
        """Have one end, and see that one which was asked to did so in good order."""

        async def leave() -> None:
            status = await process.wait()
            assert status == (0 if kill == signal.SIGTERM else -kill), f"{kill.name} ended one with {status}"

        del self.at_work[process]
        process.send_signal(kill)
        self.kills[kill.name] += 1
        if kill == signal.SIGKILL:
            self.killed.add(f"worker-{process.pid}")
        self.leaving.add(asyncio.create_task(leave()))

    async def turn_over(self) -> None:
        """Kill one after the other."""
        while not self.over:
            while len(self.at_work) < WORKERS:
                await self.hire()
            await asyncio.sleep(self.random.uniform(*SECONDS_BETWEEN_KILLS))
            kill = [signal.SIGKILL, signal.SIGTERM][sum(self.kills.values()) % 2]
            process = self.random.choice([each for each, its in self.at_work.items() if its == kill])
            self.dismiss(process, kill)

    async def __aenter__(self) -> None:
        self.turning = asyncio.create_task(self.turn_over())

    async def __aexit__(self, kind: object, *_: object) -> None:
        self.over = True
        try:
            await self.turning
            if kind is None:
                await self.go_home()
        finally:
            for process in self.at_work:
                if process.returncode is None:
                    process.kill()

    async def go_home(self) -> None:
        """Have all end in good order, and see that they leave nothing behind."""
        for process in list(self.at_work):
            self.dismiss(process, signal.SIGTERM)
        await asyncio.gather(*self.leaving)
        for log in self.folder.glob("worker-*.log"):
            text = log.read_text()
            assert not [sign for sign in SIGNS if sign in text], text


@asynccontextmanager
async def program(*command: object) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run a program; itself, and the first line that it prints. It is told to end at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        yield process, (await process.stdout.readline()).decode().strip()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def machine() -> StateMachine:
    task = Task("work", Activity("work", heartbeat=1), timeout_seconds=600)
    task.retry_for(["States.HeartbeatTimeout"], interval_seconds=1, max_attempts=50, backoff_rate=1.0)
    return construct_state_machine("works", task)


def name(task: dict[str, Any]) -> str:
    return f"task-{task['number']}"


async def execute_all(client: Client, works: StateMachine) -> list[Execution]:
    """Have all tasks done, some at once, and look at what came out."""
    numbers, room, executions = random.Random(SEED), asyncio.Semaphore(RUNNING), list[Execution]()

    async def execute(task: dict[str, Any]) -> None:
        async with room:
            execution = await client.start_execution(works, task, name=name(task), if_exists="return")
            executions.append(execution)
            assert await execution.wait() == task["number"] * 2

    async with asyncio.TaskGroup() as group:
        for number in range(TASKS):
            longest = 2 if number % 10 else 4 if number % 50 else 9  # longer than may be without heartbeats
            seconds = numbers.uniform(longest * 0.8 if longest > 4 else 0, longest)
            group.create_task(execute({"number": number, "seconds": seconds}))
    return executions


async def check_effects(entries: list[list[str]], killed: set[str]) -> int:
    """See that all was done, and once where that can be; how many were done again."""
    tokens = [token for _, token, _ in entries]
    assert len(tokens) == len(set(tokens))
    done: dict[int, list[str]] = {}
    for number, _, worker in entries:
        done.setdefault(int(number), []).append(worker)
    assert done.keys() == set(range(TASKS))
    again = [workers for workers in done.values() if len(workers) > 1]
    assert len([workers for workers in again if not killed.issuperset(workers[:-1])]) <= STRAY, again
    return len(again)


async def timeouts(executions: list[Execution], killed: set[str]) -> Counter[bool]:
    """How many tries timed out, by whether they were in the hands of a worker that got SIGKILL."""
    found: Counter[bool] = Counter()
    for execution in executions:
        worker = None
        async for event in execution.history():
            if isinstance(event, ActivityStarted):
                worker = event.worker_name
            elif event.type == "ActivityTimedOut":
                found[worker in killed] += 1
            else:
                assert event.type not in ("ActivityFailed", "ExecutionRedriven"), event
    return found


def entries(ledger: Path) -> list[list[str]]:
    """The ledger's lines: a task's number, its token's hash, and whose it was."""
    return [line.split() for line in ledger.read_text().splitlines()]


def open_files(process: asyncio.subprocess.Process) -> int:
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


async def closed(process: asyncio.subprocess.Process, before: int) -> None:
    """Wait until a process has no more files open than before."""
    while open_files(process) > before:  # noqa: ASYNC110 - it is another's
        await asyncio.sleep(0.1)


async def test_nothing_is_lost_nor_done_twice_whatever_fails(
    nothing_configured: None, tmp_path: Path
) -> None:
    began, ledger = time.monotonic(), tmp_path / "ledger"
    async with (
        asyncio.timeout(LONG),
        program("-m", "asfini", "local", "--port", "0", "--poll-seconds", "2") as (service, told),
        program(PROGRAMS / "ledger.py", ledger) as (_, ledger_port),
        program(PROGRAMS / "faulty_proxy.py", told.rpartition(":")[2], FAULTS, SEED) as (proxy, port),
    ):
        url = f"http://127.0.0.1:{port}"
        crew = Crew(url, int(ledger_port), tmp_path, random.Random(SEED))
        files = open_files(service), open_files(proxy)
        async with aws.connect(region="us-east-1", endpoint_url=told.split()[-1]) as direct:
            works = machine()
            await direct.register(Activity("work", heartbeat=1), works)
            async with aws.connect(region="us-east-1", endpoint_url=url, max_attempts=8) as client, crew:
                executions = await execute_all(client, works)
            effects = entries(ledger)
            again = await check_effects(effects, crew.killed)
            assert len(executions) == TASKS
            timed_out = await timeouts([direct.execution(each.arn) for each in executions], crew.killed)
            assert not [each async for each in direct.list_executions(works, status="RUNNING")]
        await closed(service, files[0])
        await closed(proxy, files[1])
        proxy.terminate()
        counts = json.loads((await proxy.communicate())[0])
    assert timed_out[False] <= counts["lost tasks"] + STRAY, (timed_out, counts)
    assert counts["SendTaskSuccess"] <= len(effects) * (1 + 3 * FAULTS) + 10, counts
    assert not counts.get("SendTaskFailure"), counts
    seconds = time.monotonic() - began
    print(f"\n{TASKS} tasks in {seconds:.0f} s; done again: {again}; timed out: {timed_out.total()}")
    print(f"kills: {dict(crew.kills)}; {counts}")
    assert set(crew.kills) == {"SIGKILL", "SIGTERM"}
