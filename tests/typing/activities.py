"""What type checkers know of decorated activities: just what they knew of the functions."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, assert_type

from pydantic import BaseModel

from asfini import Activity, ActivityRegistration, CallableActivity, CurrentTask, Worker, current_task
from asfini.client import Client
from asfini.worker import ActivityStats, CallNext, Limits, Step


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


@asynccontextmanager
async def open_pool() -> AsyncIterator[int]:
    yield 7


async def watch(step: Step, call_next: CallNext) -> object:
    assert_type(step.task, CurrentTask | None)
    return await call_next()


async def work(client: Client) -> None:
    named: list[Activity] = [charge, pack]
    async with Worker(client, activities, max_tasks=10, grace=5) as worker:
        assert_type(worker, Worker)
    Worker(client, charge)
    Worker(client, named)
    limits = {charge: Limits(max_tasks=5), "shop-pack-it": Limits(priority=1)}
    Worker(client, named, limits=limits, resources={"db": open_pool}, middleware=[watch], late="hand_back")
    Worker(client, named, limits={"shop-charge": Limits()}, middleware=(watch,))
    Worker(client, named, late="later")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    assert_type(worker.stats().activities["shop-charge"], ActivityStats)
    assert_type(list(activities), list[Activity])
