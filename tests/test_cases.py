"""Runs `cases/*.json`, one machine for each feature of the language.

A case has a `definition`, an `input` and, where the machine has work done, `tasks`: what each resource does,
call by call, as `{"result": …}` or `{"error": …, "cause": …}`, perhaps after some `seconds`. It says what
comes of it: `output`, or `error` and `cause`, and as far as it matters the types of the `events` and the
`seconds` that it took.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from asfini.errors import TaskFailed
from asfini.local.service import LocalService
from asfini.testing import virtual_time

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
ROLE = "arn:aws:iam::123456789012:role/cases"


@pytest.mark.parametrize(
    "text", [path.read_text(encoding="utf-8") for path in CASES], ids=[path.stem for path in CASES]
)
async def test_a_machine_does_what_its_case_says(text: str) -> None:
    case = json.loads(text)
    with virtual_time():
        described, events = await run(case)
    expected = {key: case[key] for key in ("output", "error", "cause") if key in case}
    assert told(described) == expected
    if "events" in case:
        assert [event["type"] for event in events] == case["events"]
    if "seconds" in case:
        passed = events[-1]["timestamp"] - events[0]["timestamp"]
        assert passed.total_seconds() == pytest.approx(case["seconds"], abs=0.002)


async def run(case: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run a case's machine once; gives the execution's description and its history."""
    handlers = {name: worker(outcomes) for name, outcomes in case.get("tasks", {}).items()}
    async with LocalService(handlers=handlers, seed=0) as service:
        machine = await service.call(
            "create_state_machine", name="case", definition=json.dumps(case["definition"]), roleArn=ROLE
        )
        started = await service.call(
            "start_execution",
            stateMachineArn=machine["stateMachineArn"],
            input=json.dumps(case.get("input", {})),
        )
        arn = started["executionArn"]
        with anyio.fail_after(10**9):
            await service.changed(arn, 0)
        history = await service.call("get_execution_history", executionArn=arn, maxResults=1000)
        return await service.call("describe_execution", executionArn=arn), history["events"]


def worker(outcomes: list[dict[str, Any]]) -> Callable[[Any], Any]:
    """What does a resource's work: an outcome for each call, in order."""
    waiting: Iterator[dict[str, Any]] = iter(outcomes)

    async def work(_given: Any) -> Any:
        outcome = next(waiting)
        await anyio.sleep(outcome.get("seconds", 0))
        if "error" in outcome:
            raise TaskFailed(outcome["error"], outcome.get("cause", ""))
        return outcome["result"]

    return work


def told(described: dict[str, Any]) -> dict[str, Any]:
    """An execution's output, or its error and cause."""
    if "output" in described:
        return {"output": json.loads(described["output"])}
    return {key: described[key] for key in ("error", "cause") if key in described}
