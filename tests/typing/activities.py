"""What type checkers know of decorated activities: just what they knew of the functions."""

from collections.abc import Callable, Coroutine
from typing import Any, assert_type

from pydantic import BaseModel

from asfini import Activity, ActivityRegistration, CallableActivity, CurrentTask, Worker, current_task
from asfini.client import Client


class Order(BaseModel):
    id: str
    pence: int


class Receipt(BaseModel):
    order_id: str
    paid: int


activities = ActivityRegistration(prefix="shop-")


@activities.activity()
async def charge(order: Order) -> Receipt:
    task = current_task()
    assert_type(task, CurrentTask)
    await task.heartbeat()
    return Receipt(order_id=order.id, paid=order.pence)


@activities.activity("pack-it", heartbeat=None)
def pack(order: Order) -> str:
    return order.id


@activities.smart_activity(heartbeat=5)
async def refund(order_id: str, /, pence: int = 0, *, reason: str | None = None) -> Receipt:
    return Receipt(order_id=order_id, paid=-pence)


@CallableActivity.decorate("alone")
def alone(n: int) -> list[int]:
    return [n]


# A coroutine function stays one: it can be given to whatever wants one.
coroutine_function: Callable[[Order], Coroutine[Any, Any, Receipt]] = charge
function: Callable[[Order], str] = pack


async def use(order: Order) -> None:
    assert_type(await charge(order), Receipt)
    assert_type(pack(order), str)
    assert_type(await refund("o-1", pence=5, reason="broken"), Receipt)
    assert_type(alone(1), list[int])
    await charge("o-1")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await refund(order_id="o-1")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


async def work(client: Client) -> None:
    named: list[Activity] = [charge, pack]
    async with Worker(client, activities, max_tasks=10, grace=5) as worker:
        assert_type(worker, Worker)
    Worker(client, charge)
    Worker(client, named)
    assert_type(list(activities), list[Activity])
