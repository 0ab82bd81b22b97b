"""Machines that the client's tests register, whichever service answers."""

from typing import Any

import anyio

from asfini import (
    Activity,
    Choice,
    Client,
    Execution,
    Fail,
    Map,
    NumericGreaterThan,
    Parallel,
    Pass,
    StateMachine,
    Task,
    Wait,
    construct_state_machine,
)

PREFIX = "arn:aws:states:eu-west-1:123456789012:"
ROLE = "arn:aws:iam::123456789012:role/shop"
PATIENCE = 30
"""Seconds that anything on a server may take."""


def machine(name: str = "shop", result: Any = None, **options: Any) -> StateMachine:
    """A machine that gives a result, or its input."""
    given = {} if result is None else {"result": result}
    return construct_state_machine(name, Pass("give", **given), **options)


waiting = construct_state_machine("waiting", Wait("an hour", 3600))
failing = construct_state_machine("failing", Fail("f", error="Declined", cause="over the limit"))
pay = Activity("pay")
paying = construct_state_machine("paying", Task("pay", pay, timeout_seconds=600))


def sorting() -> StateMachine:
    """A machine whose next state depends on its input."""
    size = Choice("size")
    size.add(NumericGreaterThan("$.pence", 5000), Pass("large", result=["large"]))
    size.set_default(Pass("small", result=["small"]))
    return construct_state_machine("sorting", size)


def mapping() -> StateMachine:
    """A machine that does something with each item."""
    each = Map("each", Pass("item"), items_path="$.items")
    return construct_state_machine("mapping", each)


def branching() -> StateMachine:
    """A machine that does two things at once."""
    both = Parallel("both", branches=[Pass("left", result=1), Pass("right", result=2)])
    return construct_state_machine("branching", both)


def retrying() -> StateMachine:
    """A machine whose failure is caught."""
    both = Parallel("try", branches=[Fail("boom", error="Boom", cause="bang")])
    both.catch(["Boom"], Pass("caught"))
    return construct_state_machine("retrying", both)


async def ended(client: Client, machine: StateMachine, input: Any = 0, **options: Any) -> Execution:
    """Register a machine, start it and wait for its end, whatever that is."""
    await client.register(machine)
    execution = await client.start_execution(machine, input, **options)
    with anyio.fail_after(PATIENCE):
        await execution.wait(raise_on_failure=False)
    return execution
