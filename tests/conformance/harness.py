"""Drives the recorded executions: the local service in virtual time, tasks answered as they were recorded."""

import asyncio
import importlib.util
import json
from collections import defaultdict
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio

from asfini._arns import Account
from asfini.errors import ServiceError, TaskFailed
from asfini.local.handlers import Call, Submitted
from asfini.local.service import LocalService
from asfini.testing import virtual_time

RECORDINGS = Path(__file__).parents[3] / "shared" / "conformance"
ACCOUNT = Account("aws", "us-east-1", "111111111111")
ROLE = "arn:aws:iam::111111111111:role/test-sfn-role"
"""The role of all recorded machines, which the recordings replace by a word."""
MADE = datetime(2026, 11, 22, 1, 25, 36, tzinfo=UTC)
"""The date that inputs with times relative to an execution's start were made for."""
SYNCHRONOUS = "<SyncExecArn_"
"""What recordings have in place of the ARN of an execution that StartSyncExecution answered for."""
HOUR = 3600.0
TIMED_OUT = frozenset({"TaskTimedOut", "LambdaFunctionTimedOut", "ActivityTimedOut"})


@cache
def ruler() -> ModuleType:
    """The recordings' own rules of comparison."""
    spec = importlib.util.spec_from_file_location("compare", RECORDINGS / "compare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases() -> Iterator[dict[str, Any]]:
    """The recorded executions that can be compared."""
    for file in sorted((RECORDINGS / "asl").glob("*.json")):
        case = json.loads(file.read_text(encoding="utf-8"))
        if ruler().scorable(case):
            yield case


@dataclass
class Verdict:
    """How a recorded execution compares; `None` where nothing was recorded to compare with."""

    case: dict[str, Any]
    result: bool
    types: bool | None
    whole: bool | None
    reason: str = ""


def judge(case: dict[str, Any]) -> Verdict:
    """Run a recorded execution and compare it; one that cannot be driven counts as a miss."""
    recorded = bool(case["expected"].get("events"))
    try:
        described, events = asyncio.run(_run(case))
    except (ServiceError, TimeoutError) as error:
        return Verdict(case, False, False if recorded else None, False if recorded else None, repr(error))
    output = described.get("output")
    result, why = ruler().result_matches(
        case,
        described["status"],
        None if output is None else json.loads(output),
        described.get("error"),
        described.get("cause"),
    )
    types, whole, why_not = ruler().events_match(case, events)
    return Verdict(case, result, types, whole, "; ".join(part for part in (why, why_not) if part))


async def _run(case: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run an execution as it was run on AWS; gives its description and its history."""
    tasks = Tasks(case)
    with virtual_time():
        async with LocalService(account=ACCOUNT, stand_in=tasks.answer, seed=0, start_date=MADE) as service:
            tasks.service = service
            for arn in tasks.activities:
                await service.call("create_activity", name=arn.rpartition(":")[2])
            machine = await service.call(
                "create_state_machine",
                name="recorded",
                definition=json.dumps(case["definition"]),
                roleArn=ROLE,
                type=case["machine_type"],
            )
            given = {"stateMachineArn": machine["stateMachineArn"], "input": json.dumps(case["input"])}
            if SYNCHRONOUS in json.dumps(case["expected"]):
                found: tuple[dict[str, Any], list[Any]]
                found = await service.call("start_sync_execution", **given), []
            else:
                found = await _executed(service, case, tasks, given)
            await tasks.end()
            return found


async def _executed(
    service: LocalService, case: dict[str, Any], tasks: "Tasks", given: dict[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Start an execution, do its activities' tasks, stop it if it was stopped, and wait for its end."""
    async with anyio.create_task_group() as workers:
        for arn in tasks.activities:
            workers.start_soon(tasks.work, arn)
        started = await service.call("start_execution", **given)
        arn = started["executionArn"]
        with anyio.move_on_after(HOUR):
            if case["expected"]["status"] == "ABORTED":
                await anyio.sleep(1)
                await service.call("stop_execution", executionArn=arn)
            await service.changed(arn, 0)
        workers.cancel_scope.cancel()
    described = await service.call("describe_execution", executionArn=arn)
    return described, await _history(service, arn, tasks.reverse)


async def _history(service: LocalService, arn: str, reverse: bool) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    token = None
    while True:
        page = await service.call(
            "get_execution_history", executionArn=arn, maxResults=1000, reverseOrder=reverse, nextToken=token
        )
        events += page["events"]
        token = page.get("nextToken")
        if token is None:
            return events


class Tasks:
    """The recorded results of tasks, handed out state by state in the order in which they were scheduled.

    What no definition or input tells is read from the recorded history: workers' names, and which way round
    the history was asked for.
    """

    service: LocalService

    def __init__(self, case: dict[str, Any]) -> None:
        self.results: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
        for result in case.get("task_results") or []:
            self.results[result["state"]].append(result)
        self._completing: list[asyncio.Task[None]] = []
        events = case["expected"].get("events") or []
        self.workers = [
            event.get("activityStartedEventDetails", {}).get("workerName")
            for event in events
            if event["type"] == "ActivityStarted"
        ]
        self.activities = sorted(_activities(case["definition"]))
        self.reverse = bool(events) and events[0].get("id") == len(events) > 1

    def _next(self, state: str) -> dict[str, Any] | None:
        waiting = self.results.get(state)
        return waiting.pop(0) if waiting else None

    def answer(self, call: Call) -> Awaitable[Any] | None:
        """Answer a task as it was recorded; one that was not recorded is left to the service."""
        result = self._next(call.state)
        return None if result is None else self._answer(result, call)

    async def _answer(self, result: dict[str, Any], call: Call) -> Any:
        if call.target.pattern == ".waitForTaskToken":
            asyncio.get_running_loop().call_soon(self._complete_later, result, _token(self.service))
            return Submitted(result.get("submitted_output"))
        if result["outcome"] in TIMED_OUT:
            await anyio.sleep_forever()
        failed = "error" in result or "cause" in result
        failure = TaskFailed(result.get("error", ""), result.get("cause", ""))
        if "submitted_output" in result:
            return Submitted(result["submitted_output"], failure if failed else result.get("output"))
        if failed:
            raise failure
        return result.get("output")

    def _complete_later(self, result: dict[str, Any], token: str) -> None:
        self._completing.append(asyncio.ensure_future(self._complete(result, token)))

    async def end(self) -> None:
        """Wait until all is reported.

        Raises:
            ServiceError: a report was refused.
        """
        await asyncio.gather(*self._completing)

    async def _complete(self, result: dict[str, Any], token: str) -> None:
        await anyio.sleep(0.1)
        if result["outcome"] in TIMED_OUT:
            return
        if "output" in result:
            await self.service.call("send_task_success", taskToken=token, output=json.dumps(result["output"]))
        else:
            given = {key: result[key] for key in ("error", "cause") if key in result}
            await self.service.call("send_task_failure", taskToken=token, **given)

    async def work(self, arn: str) -> None:
        """Be the worker of an activity."""
        while True:
            name = self.workers.pop(0) if self.workers else None
            task = await self.service.call("get_activity_task", activityArn=arn, workerName=name)
            result = next((found.pop(0) for found in self.results.values() if found), None)
            if result is not None:
                await self._complete(result, task["taskToken"])


def _token(service: LocalService) -> str:
    """The token of the task that was opened last."""
    opened: list[str] = list(service.open_tokens)
    return opened[-1]


def _activities(definition: Any) -> set[str]:
    """The ARNs of all activities in a definition."""
    if isinstance(definition, dict):
        inner = set().union(*(_activities(value) for value in definition.values()), set())
        resource = definition.get("Resource")
        return inner | ({resource} if isinstance(resource, str) and ":activity:" in resource else set())
    if isinstance(definition, list):
        return set().union(*(_activities(value) for value in definition), set())
    return set()
