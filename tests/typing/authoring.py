"""Machines as authors write them, by position where sfini did; type checkers read this, nothing runs it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from asfini import (
    Activity,
    And,
    Catcher,
    Choice,
    Condition,
    Definition,
    Fail,
    IsPresent,
    Lambda,
    Map,
    Not,
    NumericGreaterThan,
    Or,
    Parallel,
    Pass,
    Problem,
    Resource,
    Retrier,
    StateMachine,
    StringEqualsPath,
    Succeed,
    Task,
    TimestampLessThan,
    Wait,
    construct_state_machine,
    problems,
)

charge = Activity("shop-charge", heartbeat=10)
resources: list[Resource] = [charge, Lambda("tax:live")]

# Linking gives the state that follows, in its own class, so that chains end in what was linked last.
wait, task, end = Wait("cool off", 3600), Task("pay", charge), Succeed("paid")
assert_type(wait >> task, Task)
assert_type(wait >> task >> end, Succeed)
assert_type(wait.goes_to(task).goes_to(end), Succeed)
wait.remove_next()

Wait("seconds", seconds=60)
Wait("a while", timedelta(minutes=5))
Wait("a date", datetime(2030, 1, 1, tzinfo=UTC))
Wait("a path", seconds_path="$.seconds")
Pass("data", result={"n": 1}, result_path="$.data", assign={"n": 1})
Fail("declined", error="CardDeclined", cause="over the limit")
Task("mail", "sqs:sendMessage.waitForTaskToken", parameters={"Token.$": "$$.Task.Token"})
Task("tax", Lambda("tax"), timeout_seconds=timedelta(minutes=1), result_path=None)
Task("jsonata", charge, query_language="JSONata", arguments={"n": "{% $states.input.n %}"})

# What retries and catches gives the state itself.
assert_type(task.retry_for(["States.Timeout"], interval_seconds=5, jitter_strategy="FULL"), Task)
assert_type(task.catch(("CardDeclined",), Fail("declined"), result_path="$.error"), Task)
Retrier(["States.ALL"], max_attempts=3, backoff_rate=1.5)
Catcher(["States.ALL"], end, result_path=None)

# Rules combine, by classes or by operators.
large = NumericGreaterThan("$.pence", 50_00)
known = IsPresent("$.customer", True)
assert_type(large & known, And)
assert_type(large | StringEqualsPath("$.customer", "$.owner"), Or)
assert_type(~large, Not)
And([large, Or([known, Not(large)])])
And([large, known], end)  # by position, as in sfini
Or((large, known), "paid", comment="either")
Not(large, next=end, assign={"n": 1})
TimestampLessThan("$.due", datetime(2030, 1, 1, tzinfo=UTC))
size = Choice("size")
assert_type(size.add(large, wait), Choice)
size.add("{% $states.input.n > 10 %}", task)
size.add(Condition("{% $states.input.n > 10 %}", next="pay"))
size.remove(large)
size.set_default(end)

both = Parallel("both", branches=[Definition.starting_at(task)])
both.add(wait)
Map("each", task, items_path="$.orders", max_concurrency=10)

machine = construct_state_machine("shop", size, comment="Take the money", timeout_seconds=60)
assert_type(machine, StateMachine)
assert_type(machine.to_dict(), dict[str, Any])
assert_type(machine.to_json(), str)
assert_type(machine.definition, Definition)
found: Sequence[Problem] = problems(machine.definition)
for problem in found:
    texts: tuple[str, str, str] = (problem.code, problem.location, problem.message)
Task("nested", machine)
