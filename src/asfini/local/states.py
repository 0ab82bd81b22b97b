"""What each type of state does: one coroutine per type."""

import asyncio
from typing import Any, NoReturn

from asfini.asl.map import Map, Parallel
from asfini.asl.states import Choice, Fail, Pass, Succeed, Task, Wait
from asfini.local import maps
from asfini.local.branches import together
from asfini.local.dataflow import Flow, flow_of
from asfini.local.failures import Failure, RuntimeFailure, Unsuitable
from asfini.local.interpreter import MAX_WAIT, do, interpret
from asfini.local.run import Frame, Outcome


@do.register
async def _(state: Pass, frame: Frame, value: Any) -> Outcome:
    flow = flow_of(frame, state)
    given = flow.arguments(frame, value)
    result = state.result if state.given("result") else given
    return flow.passed_on(frame, value, result, state.next)


@do.register
async def _(state: Succeed, frame: Frame, value: Any) -> Outcome:
    return flow_of(frame, state).unchanged(frame, value, None)


@do.register
async def _(state: Fail, frame: Frame, value: Any) -> NoReturn:
    flow = flow_of(frame, state)
    error = flow.string(frame, state, "error", value)
    raise Failure(error, flow.string(frame, state, "cause", value))


@do.register
async def _(state: Choice, frame: Frame, value: Any) -> Outcome:
    flow = flow_of(frame, state)
    selected = flow.selected(frame, value)
    for index, rule in enumerate(state.choices or []):
        if flow.holds(frame, index, rule, selected):
            return flow.chosen(frame, index, rule, value, rule.next)
    if state.default is None:
        raise RuntimeFailure(
            frame.cause("Failed to transition out of the state. The state does not point to a next state.")
        )
    return flow.chosen(frame, None, state, value, state.default)


@do.register
async def _(state: Wait, frame: Frame, value: Any) -> Outcome:
    flow = flow_of(frame, state)
    seconds = _delay(flow, state, frame, flow.selected(frame, value))
    await asyncio.sleep(seconds)  # anyio's would take 500 bytes more of ten thousand
    return flow.unchanged(frame, value, state.next)


def _delay(flow: Flow, state: Wait, frame: Frame, value: Any) -> float:
    """How many seconds a Wait lasts from now on."""
    seconds = flow.seconds(frame, state, value)
    if seconds is None:
        until = flow.timestamp(frame, state, value)
        seconds = max(0.0, (until - frame.thread.journal.now()).total_seconds())
    if seconds > MAX_WAIT:
        raise Unsuitable("Wait state delay is too long.")
    return float(seconds)


@do.register
async def _(state: Task, frame: Frame, value: Any) -> Outcome:
    result = await frame.run.workshop.do(state, frame, value)
    return flow_of(frame, state).passed_on(frame, value, result, state.next)


@do.register
async def _(state: Parallel, frame: Frame, value: Any) -> Outcome:
    flow = flow_of(frame, state)
    given = flow.arguments(frame, value)
    branches = state.branches or []

    async def branch(inner: Frame, index: int) -> Any:
        inner.thread.follow(frame.thread)  # not the branch that had come to its end in its place
        return await interpret(inner, branches[index], given)

    if frame.resumed is None:
        frame.thread.add("ParallelStateStarted")
    result = await together(frame, branch, len(branches), len(branches))
    frame.thread.add("ParallelStateSucceeded")
    return flow.passed_on(frame, value, result, state.next)


@do.register
async def _(state: Map, frame: Frame, value: Any) -> Outcome:
    flow = flow_of(frame, state)
    result = await maps.run(flow, state, frame, flow.selected(frame, value))
    frame.thread.add("MapStateSucceeded")
    return flow.passed_on(frame, value, result, state.next)
