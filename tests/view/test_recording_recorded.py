"""Executions recorded on AWS, made into mock configurations and repeated on the local service."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from harness import ACCOUNT, HOUR, RECORDINGS, ROLE, cases as scorable, ruler

from asfini._arns import Account
from asfini.errors import ServiceError
from asfini.execution import Execution
from asfini.local.service import LocalService
from asfini.service import Service
from asfini.testing import record, virtual_time

EXECUTION = "arn:aws:states:us-east-1:111111111111:execution:machine:recorded"
BAR = 0.99


def cases() -> Iterator[dict[str, Any]]:
    """The recorded executions that came to an end by themselves, with their events."""
    for case in scorable():
        if case["expected"].get("events") and case["expected"]["status"] in ("SUCCEEDED", "FAILED"):
            yield case


class Recorded(Service):
    """Answers with what was recorded.

    Args:
        case: the recorded execution.
    """

    def __init__(self, case: dict[str, Any]) -> None:
        self._answers: dict[str, dict[str, Any]] = {
            "get_execution_history": {"events": case["expected"]["events"]},
            "describe_state_machine_for_execution": {"definition": json.dumps(case["definition"])},
            "list_executions": {"executions": []},
        }

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        return self._answers[operation]

    async def account(self) -> Account:
        return ACCOUNT


async def repeated(case: dict[str, Any]) -> dict[str, Any]:
    """Repeat an execution with what was made of its events."""
    recording = await record(Execution(Recorded(case), EXECUTION))
    with virtual_time():
        async with LocalService(account=ACCOUNT, seed=0, mock_config=recording.mock_config) as service:
            for name in recording.activities:
                await service.call("create_activity", name=name)
            machine = await service.call(
                "create_state_machine",
                name=recording.machine,
                definition=json.dumps(recording.definition),
                roleArn=ROLE,
            )
            started = await service.call(
                "start_execution",
                stateMachineArn=f"{machine['stateMachineArn']}#{recording.case}",
                input=json.dumps(case["input"]),
            )
            with anyio.move_on_after(10 * HOUR):
                await service.changed(started["executionArn"], 0)
            return await service.call("describe_execution", executionArn=started["executionArn"])


def test_nearly_all_recorded_executions_end_alike_when_they_are_repeated() -> None:
    if not RECORDINGS.exists():
        pytest.skip("there are no recorded executions")
    misses, count = [], 0
    for case in cases():
        count += 1
        if (reason := miss(case)) is not None:
            misses.append((case["id"], reason))
    assert count > 300
    assert 1 - len(misses) / count >= BAR, misses


def miss(case: dict[str, Any]) -> str | None:
    """Why a repeated execution did not end as it was recorded; `None` if it did."""
    try:
        told = asyncio.run(repeated(case))
    except ServiceError as error:
        return repr(error)
    output = json.loads(told["output"]) if "output" in told else None
    alike, reason = ruler().result_matches(case, told["status"], output, told.get("error"), told.get("cause"))
    return None if alike else f"{reason}: {told.get('error')}: {told.get('cause')}"
