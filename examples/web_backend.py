"""A web back end that starts executions and awaits them (python -m pip install fastapi httpx).

Run it: python examples/web_backend.py
That plays a client's part, offline: an order is placed and paid, another one is declined.

Serve it with an AWS account: uvicorn --factory web_backend:deployed (and see worker_service.py for the work)
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from httpx import ASGITransport, AsyncClient
from pydantic import BaseModel

import asfini
from asfini import (
    ActivityRegistration,
    Client,
    ExecutionFailed,
    Fail,
    Task,
    TaskFailed,
    Worker,
    construct_state_machine,
)


class Order(BaseModel):
    id: str
    pence: int


class Receipt(BaseModel):
    order_id: str
    paid: int


activities = ActivityRegistration(prefix="web-")


@activities.activity()
async def charge(order: Order) -> Receipt:
    if order.pence > 100_00:
        raise TaskFailed("CardDeclined", "over the limit")
    return Receipt(order_id=order.id, paid=order.pence)


pay = Task("pay", charge, timeout_seconds=60)
pay.catch(["CardDeclined"], Fail("declined", error="CardDeclined", cause="over the limit"))
machine = construct_state_machine("web-order", pay)

Connect = Callable[[], AbstractAsyncContextManager[Client]]


def create_app(connect: Connect) -> FastAPI:
    """Make the application on whatever answers for Step Functions."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Client]]:
        async with connect() as client:
            await client.register(activities, machine)
            yield {"client": client}

    app = FastAPI(lifespan=lifespan)
    app.post("/orders", status_code=202)(place)
    app.get("/orders/{order_id}")(receipt)
    return app


def deployed() -> FastAPI:
    """The application on AWS."""
    return create_app(asfini.aws.connect)


def step_functions(request: Request) -> Client:
    client: Client = request.state.client
    return client


StepFunctions = Annotated[Client, Depends(step_functions)]


async def place(order: Order, client: StepFunctions) -> dict[str, str]:
    """Take an order; a client that sends it twice starts one execution."""
    execution = await client.start_execution(machine, order, name=order.id, if_exists="return")
    return {"execution": execution.arn}


async def receipt(order_id: str, execution: str, client: StepFunctions) -> Receipt:
    """Wait for an order's receipt, for up to 20 seconds."""
    try:
        return await client.execution(execution).wait(Receipt, timeout=20)
    except ExecutionFailed as error:
        raise HTTPException(402, f"{order_id}: {error.error}") from error
    except TimeoutError as error:
        raise HTTPException(504, f"{order_id} is not paid yet") from error


async def main() -> None:
    async with asfini.local.connect() as client, Worker(client, activities):

        @asynccontextmanager
        async def connected() -> AsyncIterator[Client]:
            yield client

        app = create_app(connected)
        async with (
            app.router.lifespan_context(app) as state,
            AsyncClient(transport=ASGITransport(with_state(app, state)), base_url="http://shop") as http,
        ):
            for order in (Order(id="o-1", pence=60_00), Order(id="o-2", pence=600_00)):
                placed = await http.post("/orders", json=order.model_dump())
                answer = await http.get(f"/orders/{order.id}", params=placed.json())
                print(answer.status_code, answer.json())


def with_state(app: Any, state: Any) -> Any:
    """Hand the lifespan's state to each request, as a server does."""

    async def with_state(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": dict(state or {})}, receive, send)

    return with_state


if __name__ == "__main__":
    asyncio.run(main())
