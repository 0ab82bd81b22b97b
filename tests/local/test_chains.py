"""Which event led to which: the lines of events of an execution, its branches and its iterations."""

from typing import Any

from executions import chain, ended, history, local_service, machine, start

FAIL = {"Type": "Fail", "Error": "Broken", "Cause": "a cup"}


async def chained(definition: dict[str, Any], value: Any = None, **handlers: Any) -> list[tuple[str, int]]:
    async with local_service(handlers=handlers) as service:
        arn = await start(service, definition, {} if value is None else value)
        await ended(service, arn)
        return chain(await history(service, arn))


async def test_the_first_state_follows_nothing_and_each_other_event_the_one_before() -> None:
    states = machine(a={"Type": "Pass", "Next": "b"}, b={"Type": "Succeed"})
    assert [previous for _, previous in await chained(states)] == [0, 0, 2, 3, 4, 5]


async def test_a_map_goes_on_from_its_last_iteration() -> None:
    each = {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": machine(p={"Type": "Pass", "End": True})}
    assert await chained(machine(each={**each, "End": True}), [1, 2]) == [
        ("ExecutionStarted", 0),
        ("MapStateEntered", 0),
        ("MapStateStarted", 2),
        ("MapIterationStarted", 3),
        ("PassStateEntered", 4),
        ("PassStateExited", 5),
        ("MapIterationSucceeded", 6),
        ("MapIterationStarted", 6),
        ("PassStateEntered", 8),
        ("PassStateExited", 9),
        ("MapIterationSucceeded", 10),
        ("MapStateSucceeded", 11),
        ("MapStateExited", 11),
        ("ExecutionSucceeded", 13),
    ]


async def test_what_a_failure_cuts_off_follows_the_failure() -> None:
    pause = {"Type": "Wait", "Seconds": 1, "Next": "no"}
    long = {"Type": "Wait", "Seconds": 60, "End": True}
    both = {"Type": "Parallel", "Branches": [machine(long=long), machine(pause=pause, no=FAIL)], "End": True}
    assert (await chained(machine(both=both)))[5:] == [
        ("WaitStateExited", 5),
        ("FailStateEntered", 6),
        ("WaitStateAborted", 7),
        ("ParallelStateFailed", 7),
        ("ExecutionFailed", 9),
    ]


async def test_a_failed_task_aborts_beside_the_line() -> None:
    work = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": True}
    one = {"Type": "Parallel", "Branches": [machine(work=work)], "End": True}
    handlers = {"sqs:sendMessage": lambda _given: 1 / 0}
    assert (await chained(machine(one=one), **handlers))[6:] == [
        ("TaskFailed", 6),
        ("TaskStateAborted", 7),
        ("ParallelStateFailed", 7),
        ("ExecutionFailed", 9),
    ]


async def test_a_failed_evaluation_follows_what_came_before_the_state() -> None:
    start_ = {"Type": "Pass", "Next": "make"}
    make = {"Type": "Pass", "Output": "{% $states.input.lost %}", "End": True}
    definition = {"QueryLanguage": "JSONata"} | machine(start=start_, make=make)
    assert (await chained(definition))[3:] == [
        ("PassStateEntered", 3),
        ("EvaluationFailed", 3),
        ("ExecutionFailed", 5),
    ]


async def test_an_evaluation_that_fails_after_a_wait_follows_the_entry() -> None:
    rest = {"Type": "Wait", "Timestamp": "{% 'tomorrow' %}", "End": True}
    definition = {"QueryLanguage": "JSONata"} | machine(rest=rest)
    assert (await chained(definition))[1:] == [
        ("WaitStateEntered", 0),
        ("EvaluationFailed", 2),
        ("ExecutionFailed", 3),
    ]


async def test_a_catcher_whose_output_fails_fails_the_state_again() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.input.lost %}", "Next": "end"}]
    one = {"Type": "Parallel", "Branches": [machine(no=FAIL)], "Catch": catch, "End": True}
    definition = {"QueryLanguage": "JSONata"} | machine(one=one, end={"Type": "Succeed"})
    assert (await chained(definition))[3:] == [
        ("FailStateEntered", 3),
        ("ParallelStateFailed", 4),
        ("EvaluationFailed", 4),
        ("ParallelStateFailed", 6),
        ("ExecutionFailed", 7),
    ]
