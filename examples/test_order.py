"""A test with pytest that skips an hour: python -m pytest examples/test_order.py

The fixture `local_client` comes with asfini: a client on a service in this process, in virtual time.
"""

import pytest
from pydantic import BaseModel

from asfini import (
    ActivityRegistration,
    Choice,
    Client,
    ExecutionFailed,
    Fail,
    NumericGreaterThan,
    Succeed,
    Task,
    TaskFailed,
    Wait,
    Worker,
    construct_state_machine,
)


class Order(BaseModel):
    id: str
    pence: int


class Receipt(BaseModel):
    order_id: str
    paid: int


activities = ActivityRegistration(prefix="order-")


@activities.activity()
async def charge(order: Order) -> Receipt:
    if order.pence > 100_00:
        raise TaskFailed("CardDeclined", "over the limit")
    return Receipt(order_id=order.id, paid=order.pence)


cool_off = Wait("cool off", seconds=3600)
pay = Task("pay", charge, timeout_seconds=60)
pay.retry_for(["CardDeclined"], interval_seconds=5, max_attempts=2)
pay.catch(["CardDeclined"], Fail("declined", error="CardDeclined"))
size = Choice("size")
size.add(NumericGreaterThan("$.pence", 50_00), cool_off)
size.set_default(pay)
cool_off >> pay >> Succeed("paid")
machine = construct_state_machine("order", size, comment="Take the money")


@pytest.mark.asyncio
async def test_a_large_order_is_paid_after_an_hour(local_client: Client) -> None:  # takes milliseconds
    await local_client.register(activities, machine)
    async with Worker(local_client, activities):
        execution = await local_client.start_execution(machine, Order(id="o-1", pence=60_00))
        assert await execution.wait(Receipt) == Receipt(order_id="o-1", paid=60_00)
    events = [event async for event in execution.history()]
    assert (events[-1].timestamp - events[0].timestamp).total_seconds() == pytest.approx(3600)


@pytest.mark.asyncio
async def test_a_declined_card_is_tried_three_times(local_client: Client) -> None:
    await local_client.register(activities, machine)
    async with Worker(local_client, activities):
        execution = await local_client.start_execution(machine, Order(id="o-2", pence=200_00))
        with pytest.raises(ExecutionFailed, match="CardDeclined"):
            await execution.wait()
    types = [event.type async for event in execution.history()]
    assert types.count("ActivityFailed") == 3
