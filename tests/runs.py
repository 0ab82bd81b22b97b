"""Runs machines on the local service in virtual time, with stand-ins that fail by chance, but repeatably."""

import asyncio
import json
import logging
import random
import secrets
import uuid
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from machines import CHILD, ERRORS, NOBODYS, OBJECTS, Case

from asfini._json import MAX_PAYLOAD_BYTES
from asfini.errors import TaskFailed, TaskTimedOut
from asfini.local.handlers import Call, Submitted
from asfini.local.service import LocalService
from asfini.testing import virtual_time

AGES = timedelta(days=36_500).total_seconds()
"""What counts as never coming to an end, in virtual time."""
START = datetime(2026, 1, 1, tzinfo=UTC)
ROLE = "arn:aws:iam::123456789012:role/any"


class Hands:
    """All that does tasks: by chance they succeed, fail or take their time."""

    service: LocalService

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._at_work: set[asyncio.Task[None]] = set()

    def answer(self, call: Call) -> Any:
        """Stand in for everything but machines, and what only wraps a function."""
        if call.target.name.startswith("s3:"):
            return self._store(call)
        here = call.target.name in {"states:startExecution", "lambda:invoke"}
        return None if here else self._answer(call)

    async def _answer(self, call: Call) -> Any:
        if call.target.pattern == ".waitForTaskToken":
            self._start(call.input.get("token") if isinstance(call.input, dict) else None)
            return None
        if call.target.pattern.startswith(".sync"):
            return await self._do_job(call.input)
        return "x" * MAX_PAYLOAD_BYTES if call.target.name == "huge" else await self._do(call.input)

    async def _do_job(self, given: Any) -> Submitted:
        try:
            return Submitted({"job": 1}, await self._do(given))
        except TaskFailed as failed:
            return Submitted({"job": 1}, failed)

    def _store(self, call: Call) -> Any:
        key = call.input.get("Key", "") if isinstance(call.input, dict) else "list.json"
        return None if key == NOBODYS else self._read_or_write(call.target.name, key, call.input)

    async def _read_or_write(self, action: str, key: str, given: dict[str, Any]) -> Any:
        if self.random.random() < 0.05:
            raise OSError("out of order")
        return json.loads(given["Body"].splitlines()[0]) if action == "s3:putObject" else OBJECTS[key]

    async def _do(self, given: Any) -> Any:
        await anyio.sleep(self.random.choice([0, 0, 0, 0, 0.25, 3, 100]))
        if self.random.random() < 0.2:
            raise self.random.choice([*(TaskFailed(name, "by chance") for name in ERRORS), ValueError("no")])
        return self.random.choice([given, given, [1, 2], {"n": 1, "s": "ab", "items": [3]}, "text", None, 7])

    def _start(self, token: Any) -> None:
        if token in self.service.open_tokens:  # else it was not handed on
            self.begin(self._complete(token))

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something besides, until the hands rest."""
        task = asyncio.create_task(work)
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def rest(self) -> None:
        """Let go of all that is at work."""
        while self._at_work:
            for task in self._at_work:
                task.cancel()
            await asyncio.wait(self._at_work)

    async def _complete(self, token: str) -> None:
        """End a task by its token, with signs of life on the way, unless it is closed by then."""
        try:
            for _ in range(self.random.choice([0, 0, 2])):
                await anyio.sleep(1.5)
                await self.service.call("send_task_heartbeat", taskToken=token)
            await self._report(token)
        except TaskTimedOut:
            pass

    async def _report(self, token: str) -> None:
        try:
            output = await self._do({"n": 2})
        except (TaskFailed, ValueError) as error:
            name = getattr(error, "error", "ValueError")
            await self.service.call("send_task_failure", taskToken=token, error=name, cause=str(error))
        else:
            await self.service.call("send_task_success", taskToken=token, output=json.dumps(output))

    async def work(self, activity: str) -> None:
        """Be an activity's worker."""
        while True:
            task = await self.service.call("get_activity_task", activityArn=activity, workerName="hands")
            self._start(task["taskToken"])


@dataclass
class Run:
    """What came of a machine."""

    described: dict[str, Any]
    events: list[dict[str, Any]]
    faults: list[str]
    """What was logged as an error, or reached the loop."""


def run(case: Case) -> Run:
    """Run a machine to its end. The same case gives the same run, to the last byte."""
    with chance_repeated(case.seed), faults_told() as told, asyncio.Runner() as runner:
        loop = runner.get_loop()
        loop.time = lambda: 0.0  # type: ignore[method-assign] # each run begins then, so that times round alike
        loop.set_exception_handler(lambda _, context: told.append(repr(context)))
        return runner.run(_run(case, told))


@contextmanager
def chance_repeated(seed: int) -> Iterator[None]:
    """Let names, tokens and ids that are drawn be the same in each run."""
    entropy = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=entropy.getrandbits(128), version=4))
        patch.setattr(secrets, "token_urlsafe", lambda _: f"{entropy.getrandbits(256):064x}")
        yield


@contextmanager
def faults_told() -> Iterator[list[str]]:
    """Collect what the package logs as an error."""
    told: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: told.append(handler.format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("asfini")
    logger.addHandler(handler)
    try:
        yield told
    finally:
        logger.removeHandler(handler)


async def _run(case: Case, faults: list[str]) -> Run:
    hands = Hands(case.seed)
    with virtual_time():
        async with LocalService(stand_in=hands.answer, seed=case.seed, start_date=START) as service:
            hands.service = service
            activity = await service.call("create_activity", name="work")
            hands.begin(hands.work(activity["activityArn"]))
            await _create(service, "child", CHILD)
            arn = await _create(service, "machine", case.definition, case.type)
            run = _run_express if case.type == "EXPRESS" else _run_standard
            described, events = await run(service, arn, case)
            await hands.rest()
        faults += await left_behind()
        return Run(described, events, faults)


async def left_behind() -> list[str]:
    """End what still runs, which nothing should."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    while any(not task.done() for task in tasks):
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=AGES)
    return [f"left behind: {task!r}" for task in tasks]


async def _create(service: LocalService, name: str, definition: Any, type: str = "STANDARD") -> str:
    text = json.dumps(definition)
    machine = await service.call("create_state_machine", name=name, definition=text, roleArn=ROLE, type=type)
    arn: str = machine["stateMachineArn"]
    return arn


async def _run_express(
    service: LocalService, machine: str, case: Case
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run a machine whose executions have no history."""
    with anyio.fail_after(AGES):
        ended = await service.call(
            "start_sync_execution", stateMachineArn=machine, input=json.dumps(case.input)
        )
    return ended, []


async def _run_standard(
    service: LocalService, machine: str, case: Case
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    started = await service.call("start_execution", stateMachineArn=machine, input=json.dumps(case.input))
    arn = started["executionArn"]
    with anyio.move_on_after(AGES if case.end_after is None else case.end_after):
        await (_follow(service, arn) if case.seed % 2 else service.changed(arn, 0))
    if case.end_after is not None:
        await _end(service, machine, arn, case)
    for _ in range(case.seed % 3):
        await _redrive(service, arn)
    return await service.call("describe_execution", executionArn=arn), await _history(service, arn)


async def _redrive(service: LocalService, arn: str) -> None:
    """Redrive an execution, if that can be done, and stop it if it does not end by itself."""
    described = await service.call("describe_execution", executionArn=arn)
    if described["redriveStatus"] == "REDRIVABLE":
        await service.call("redrive_execution", executionArn=arn)
        with anyio.move_on_after(AGES):
            await service.changed(arn, 0)
        await service.call("stop_execution", executionArn=arn)


async def _end(service: LocalService, machine: str, arn: str, case: Case) -> None:
    """Stop an execution, or delete its machine, which stops it at its next transition."""
    if case.seed % 3:
        await service.call("stop_execution", executionArn=arn, error="Stopped")
    else:
        await service.call("delete_state_machine", stateMachineArn=machine)
        with anyio.move_on_after(AGES):
            await service.changed(arn, 0)
    await anyio.sleep(1_000)  # by then all that was not stopped would have told of itself


async def _follow(service: LocalService, arn: str) -> None:
    """Look on, event by event, until the execution has ended."""
    seen = 0
    while (await service.call("describe_execution", executionArn=arn))["status"] == "RUNNING":
        await service.changed(arn, 0, seen)
        seen = len(await _history(service, arn))


async def _history(service: LocalService, arn: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    token = None
    while True:
        page = await service.call("get_execution_history", executionArn=arn, maxResults=1000, nextToken=token)
        events += page["events"]
        if (token := page.get("nextToken")) is None:
            return events
