"""Retrying, catching and parameters of work, where one machine a case does not show it."""

from typing import Any

import pytest
from executions import ended, history, local_service, machine, run, start

from asfini.errors import TaskFailed
from asfini.local.failures import matches
from asfini.local.handlers import Submitted

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:work"


def flaky(failures: int) -> Any:
    """A function that fails some times before it succeeds."""
    left = iter(range(failures))

    def work(_given: Any) -> str:
        if next(left, None) is not None:
            raise TaskFailed("Busy")
        return "done"

    return work


async def times(seed: int) -> float:
    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 10, "MaxAttempts": 5, "JitterStrategy": "FULL"}]
    work = {"Type": "Task", "Resource": FUNCTION, "Retry": retry, "End": True}
    async with local_service(seed=seed, handlers={"work": flaky(5)}) as service:
        described = await run(service, machine(work=work))
        assert described["output"] == '"done"'
        passed: float = (described["stopDate"] - described["startDate"]).total_seconds()
        return passed


async def test_full_jitter_waits_for_parts_of_the_intervals_that_a_seed_repeats() -> None:
    longest = 10 + 20 + 40 + 80 + 160
    first, second, other = await times(1), await times(1), await times(2)
    assert first == second != other
    assert 0 < first < longest
    assert 0 < other < longest


@pytest.mark.parametrize("jitter", ["NONE", "FULL"])
async def test_back_off_grows_until_a_retry_is_as_late_as_any_wait(jitter: str) -> None:
    retry = {"ErrorEquals": ["Busy"], "MaxAttempts": 4, "BackoffRate": 1e300, "JitterStrategy": jitter}
    work = {"Type": "Task", "Resource": FUNCTION, "Retry": [retry], "End": True}
    async with local_service(seed=0, handlers={"work": flaky(4)}) as service:
        arn = await start(service, machine(work=work), {})
        await service.changed(arn, 0)
        described = await service.call("describe_execution", executionArn=arn)
    assert described["output"] == '"done"'
    if jitter == "NONE":
        passed = described["stopDate"] - described["startDate"]
        assert passed.total_seconds() == 1 + 3 * (2**31 - 1)


@pytest.mark.parametrize(
    ("names", "error", "expected"),
    [
        (["States.ALL"], "Broken", True),
        (["States.ALL"], None, True),
        (["States.ALL"], "States.Timeout", True),
        (["States.ALL"], "States.DataLimitExceeded", True),
        (["States.ALL"], "States.Runtime", False),
        (["States.TaskFailed"], "Broken", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.TaskFailed"], "States.HeartbeatTimeout", True),
        (["States.Timeout"], "States.HeartbeatTimeout", True),
        (["Other", "Broken"], "Broken", True),
        (["broken"], "Broken", False),
    ],
)
def test_names_stand_for_errors(names: list[str], error: str | None, expected: bool) -> None:
    assert matches(names, error) is expected


async def test_a_job_that_fails_after_it_was_submitted_is_told_so() -> None:
    async def submit(_given: Any) -> Submitted:
        return Submitted({"JobId": "j"}, TaskFailed("Broken", "a cup"))

    job = {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync", "End": True}
    async with local_service(handlers={"batch:submitJob.sync": submit}) as service:
        arn = await start(service, machine(job=job), {})
        described = await ended(service, arn)
        types = [event["type"] for event in await history(service, arn)]
    assert (described["error"], described["cause"]) == ("Broken", "a cup")
    assert types[2:] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskFailed", "ExecutionFailed"]


@pytest.mark.parametrize("language", ["JSONPath", "JSONata"])
async def test_the_role_of_a_task_is_told(language: str) -> None:
    path = {"RoleArn.$": "$.role"}
    credentials = path if language == "JSONPath" else {"RoleArn": "{% $states.input.role %}"}
    work = {"Type": "Task", "Resource": FUNCTION, "Credentials": credentials, "End": True}
    definition = {"QueryLanguage": language} | machine(work=work)
    async with local_service(handlers={"work": lambda _given: 1}) as service:
        arn = await start(service, definition, {"role": "arn:aws:iam::210987654321:role/r"})
        await ended(service, arn)
        details = (await history(service, arn))[2]["lambdaFunctionScheduledEventDetails"]
    assert details["taskCredentials"] == {"roleArn": "arn:aws:iam::210987654321:role/r"}


@pytest.mark.parametrize(
    ("field", "value", "cause"),
    [
        ("TimeoutSeconds", "{% 0 %}", "TimeoutSeconds must be a positive number of seconds, but is 0."),
        ("HeartbeatSeconds", "{% 1.5 %}", "The HeartbeatSeconds field must be an integer but was: 1.5"),
        ("TimeoutSeconds", "{% 'soon' %}", "Expected 'number', but was 'string' for value: \"soon\""),
    ],
)
async def test_limits_of_a_task_are_positive_integers(field: str, value: str, cause: str) -> None:
    work = {"Type": "Task", "Resource": FUNCTION, field: value, "End": True}
    definition = {"QueryLanguage": "JSONata"} | machine(work=work)
    async with local_service(handlers={"work": lambda _given: 1}) as service:
        described = await run(service, definition)
    assert described["error"] == "States.QueryEvaluationError"
    assert cause in described["cause"]


async def test_data_that_is_handed_on_untouched_keeps_its_text() -> None:
    keep = machine(a={"Type": "Pass", "Next": "b"}, b={"Type": "Succeed"})
    async with local_service() as service:
        arn = await start(service, keep, [1, 2])
        assert (await ended(service, arn))["output"] == "[1, 2]"
        assert (await history(service, arn))[1]["stateEnteredEventDetails"]["input"] == "[1, 2]"


async def test_an_express_machine_can_be_waited_for() -> None:
    definition = machine(rest={"Type": "Wait", "Seconds": 2, "End": True})
    async with local_service() as service:
        arn = await start(service, definition, {"n": 1}, "EXPRESS")
        await ended(service, arn)
        machine_arn = arn.replace(":express:", ":stateMachine:").rpartition(":machine:")[0] + ":machine"
        told = await service.call("start_sync_execution", stateMachineArn=machine_arn, input='{"n":1}')
    assert (told["status"], told["output"]) == ("SUCCEEDED", '{"n":1}')
    assert told["billingDetails"] == {"billedDurationInMilliseconds": 2000, "billedMemoryUsedInMB": 64}
    assert "redriveCount" not in told
