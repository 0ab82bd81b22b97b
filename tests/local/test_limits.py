"""AWS's limits: payloads, histories, times; and nothing that holds the loop."""

import asyncio
import json
from typing import Any

import pytest
from executions import ended, history, local_service, machine, run, start

from asfini.errors import TaskFailed

LIMIT = 262_144
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:work"
LOOP = machine(
    turn={"Type": "Pass", "Next": "again"},
    again={
        "Type": "Choice",
        "Choices": [{"Variable": "$.stop", "IsPresent": True, "Next": "end"}],
        "Default": "turn",
    },
    end={"Type": "Succeed"},
)


@pytest.mark.parametrize(("length", "status"), [(LIMIT - 2, "SUCCEEDED"), (LIMIT - 1, "FAILED")])
async def test_a_result_of_a_task_has_at_most_262_144_bytes(length: int, status: str) -> None:
    work = {"Type": "Task", "Resource": FUNCTION, "ResultSelector": {"n": 1}, "End": True}
    async with local_service(handlers={"work": lambda _given: "x" * length}) as service:
        described = await run(service, machine(work=work))
    assert described["status"] == status
    if status == "FAILED":
        assert described["error"] == "States.DataLimitExceeded"
        assert described["cause"].startswith(f"The state/task '{FUNCTION}' returned a result")


async def test_bytes_are_counted_not_characters() -> None:
    work = {"Type": "Task", "Resource": FUNCTION, "End": True}
    async with local_service(handlers={"work": lambda _given: "é" * (LIMIT // 2)}) as service:
        described = await run(service, machine(work=work))
    assert described["error"] == "States.DataLimitExceeded"


async def test_a_state_whose_output_is_too_large_fails() -> None:
    double = {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}, "End": True}
    async with local_service() as service:
        described = await run(service, machine(double=double), "x" * 140_000)
    assert described["error"] == "States.DataLimitExceeded"
    assert described["cause"].startswith("The state/task 'double' returned a result")


async def test_what_a_task_gets_has_a_limit_too() -> None:
    parameters = {"a.$": "$", "b.$": "$"}
    work = {"Type": "Task", "Resource": FUNCTION, "Parameters": parameters, "End": True}
    async with local_service(handlers={"work": lambda _given: 1}) as service:
        arn = await start(service, machine(work=work), "x" * 140_000)
        assert (await ended(service, arn))["error"] == "States.DataLimitExceeded"
        assert "LambdaFunctionScheduled" not in [event["type"] for event in await history(service, arn)]


async def test_the_variables_that_a_state_sets_have_a_limit() -> None:
    keep = {"Type": "Pass", "Assign": {"a.$": "$", "b.$": "$"}, "End": True}
    async with local_service() as service:
        described = await run(service, machine(keep=keep), "x" * 140_000)
    assert described["error"] == "States.DataLimitExceeded"


async def test_the_25_000th_event_is_the_failure_that_says_so() -> None:
    async with local_service() as service:
        arn = await start(service, LOOP, {})
        described = await ended(service, arn)
        events = await history(service, arn)
    assert described["error"] == "States.Runtime"
    assert described["cause"] == "The execution reached the maximum number of history events (25000)."
    assert len(events) == 25_000
    assert (events[-1]["type"], events[-1]["previousEventId"]) == ("ExecutionFailed", 24_999)


async def test_branches_that_fill_the_history_together_fail_once() -> None:
    both = {"Type": "Parallel", "Branches": [LOOP, LOOP, LOOP], "End": True}
    async with local_service() as service:
        arn = await start(service, machine(both=both), {})
        assert "25000" in (await ended(service, arn))["cause"]
        assert len(await history(service, arn)) == 25_000


async def test_a_long_loop_leaves_others_their_turns() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with local_service() as service:
        arn = await start(service, LOOP, {})
        task = asyncio.create_task(others())
        await ended(service, arn)
        task.cancel()
    assert turns > 100


async def test_an_execution_ends_exactly_when_its_time_is_over() -> None:
    definition = machine(rest={"Type": "Wait", "Seconds": 100, "End": True}) | {"TimeoutSeconds": 30}
    async with local_service() as service:
        arn = await start(service, definition, {})
        described = await ended(service, arn)
        events = await history(service, arn)
    assert described["status"] == "TIMED_OUT"
    assert (described["stopDate"] - described["startDate"]).total_seconds() == pytest.approx(30)
    assert "error" not in described
    assert events[-1]["previousEventId"] == 0
    assert events[-1]["executionTimedOutEventDetails"] == {"error": "States.Timeout"}


async def test_an_express_execution_has_five_minutes() -> None:
    definition = machine(rest={"Type": "Wait", "Seconds": 301, "End": True})
    async with local_service() as service:
        described = await run(service, definition, {}, "EXPRESS")
    assert described["status"] == "TIMED_OUT"
    assert (described["stopDate"] - described["startDate"]).total_seconds() == pytest.approx(300)


async def test_text_that_utf8_cannot_hold_is_written_as_escapes() -> None:
    keep = {"Type": "Pass", "Parameters": {"all.$": "$"}, "Assign": {"half.$": "$"}, "End": True}
    async with local_service() as service:
        arn = await start(service, machine(keep=keep), "\ud83e")
        assert (await ended(service, arn))["output"] == '{"all":"\\ud83e"}'
        json.dumps(await history(service, arn), default=str).encode()


async def test_data_nested_too_deeply_ends_the_execution_not_the_service() -> None:
    wrap: dict[str, Any] = {"Type": "Pass", "Parameters": {"in.$": "$"}, "Next": "again"}
    again = LOOP["States"]["again"] | {"Default": "wrap"}
    async with local_service() as service:
        described = await run(service, machine(wrap=wrap, again=again, end={"Type": "Succeed"}))
    assert described["status"] == "FAILED"
    assert "fault" not in described["cause"]


async def test_a_pattern_of_many_stars_is_matched_at_once() -> None:
    rule = {"Variable": "$", "StringMatches": "*a" * 20 + "*b", "Next": "yes"}
    choice = {"Type": "Choice", "Choices": [rule], "Default": "no"}
    definition = machine(
        choice=choice, yes={"Type": "Pass", "Result": 1, "End": True}, no={"Type": "Succeed"}
    )
    text = "a" * 10_000
    async with local_service() as service:
        assert (await run(service, definition, text))["output"] == json.dumps(text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("**", "ab", True),
        ("ab", "ab", True),
        ("ab", "abc", False),
        ("ab*ba", "aba", False),
        ("ab*ba", "abba", True),
        ("a*b*c", "a-b-b-c\n-c", True),
        ("a*b*c", "a-c-b", False),
        ("*ab*ab*", "aab", False),
        ("*ab*ab*", "abab", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
        ("a\\\\*", "a\\x", True),
        ("a\\b", "a\\b", True),
    ],
)
async def test_what_patterns_match(pattern: str, text: str, expected: bool) -> None:
    choice = {
        "Type": "Choice",
        "Choices": [{"Variable": "$", "StringMatches": pattern, "Next": "yes"}],
        "Default": "no",
    }
    definition = machine(choice=choice, yes={"Type": "Succeed"}, no={"Type": "Fail"})
    async with local_service() as service:
        described = await run(service, definition, text)
    assert (described["status"] == "SUCCEEDED") is expected


async def test_what_a_catcher_makes_of_an_error_has_a_limit_too() -> None:
    def work(_given: Any) -> None:
        raise TaskFailed("Broken", "c" * 30_000)

    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "after"}]
    task = {"Type": "Task", "Resource": FUNCTION, "Catch": catch, "End": True}
    async with local_service(handlers={"work": work}) as service:
        definition = machine(work=task, after={"Type": "Succeed"})
        described = await run(service, definition, {"given": "x" * 240_000})
    assert described["error"] == "States.DataLimitExceeded"
    assert described["cause"].startswith("The state/task 'work' returned a result")
