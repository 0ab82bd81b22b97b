"""Executions recorded on AWS, made into mock configurations and repeated on the local service."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from harness import ACCOUNT, HOUR, RECORDINGS, ROLE, cases as scorable, ruler

from asfini.errors import ServiceError
from asfini.local.service import LocalService
from asfini.testing import virtual_time
from asfini.view import fold, record

EXECUTION = "arn:aws:states:us-east-1:111111111111:execution:machine:recorded"
BAR = 0.99


def cases() -> Iterator[dict[str, Any]]:
    """The recorded executions that came to an end by themselves, with their events."""
    for case in scorable():
        if case["expected"].get("events") and case["expected"]["status"] in ("SUCCEEDED", "FAILED"):
            yield case


async def repeated(case: dict[str, Any]) -> dict[str, Any]:
    """Repeat an execution with what was made of its events."""
    recording = record(fold(case["expected"]["events"]), case["definition"], arn=EXECUTION)
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
            with anyio.move_on_after(HOUR):
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
