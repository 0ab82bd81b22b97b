"""Does one state by itself, and tells how it ended and what became of its data on the way.

The state is done by the interpreter's own functions. Only what a mocked result or error stands for is not:
the call of a Task, the branches of a Parallel, the iterations of a Map.
"""

import asyncio
import copy
from typing import Any

from asfini import errors
from asfini._arns import Account
from asfini.asl.definition import Definition
from asfini.asl.map import Map
from asfini.asl.states import Task
from asfini.local import (
    distributed,
    states as _states,  # noqa: F401 - it adds the states to the interpreter
)
from asfini.local.dataflow import Flow, speaks_jsonata
from asfini.local.datasets import Item
from asfini.local.dates import Dates
from asfini.local.distributed import Distribution
from asfini.local.failures import Failure, RuntimeFailure, Unsuitable, too_large
from asfini.local.inspection import Inspection
from asfini.local.interpreter import catcher_for, caught, do, explained, pause, retrier_for
from asfini.local.journal import Journal, Thread
from asfini.local.map_runs import MAX_CONCURRENCY
from asfini.local.maps import concurrency, tolerance
from asfini.local.noting import Taken, taken_by_test
from asfini.local.run import Frame, Machine, Outcome, Run, identifier, written
from asfini.local.state_requests import Mock, Request
from asfini.local.work import Workshop
from asfini.query.scope import QueryError

MAX_SECONDS = 300.0
"""How long a test may take: the API reference, "TestState"."""


class _Frame(Frame):
    """Where a state that is tested stands."""

    __slots__ = ("_inspection", "_request")

    def __init__(self, run: Run, request: Request, inspection: Inspection) -> None:
        super().__init__(run, Thread(run.journal), request.language, request.variables)
        self._request = request
        self._inspection = inspection

    def inner(self) -> Frame:
        """A frame for an iteration."""
        return _Frame(self.run, self._request, self._inspection)

    @property
    def exchanges(self) -> Inspection | None:
        """What takes note of an HTTP task's request and response, at the level TRACE."""
        return self._inspection if self._request.given.level == "TRACE" else None

    def context(self) -> dict[str, Any]:
        """The context object that was given, or that of an execution of an EXPRESS machine."""
        given = self._request.context
        if given is not None:
            return given if self.item is None else {**given, "Map": {"Item": self.item}}
        context = super().context()
        context["Execution"]["RoleArn"] = self._request.given.role_arn
        return context


class _GivenData:
    """A store that has one object, whatever is asked for."""

    def __init__(self, text: str) -> None:
        self._text = text

    async def read(self, resource: str, parameters: Any, state: str) -> str:
        """Read it."""
        return self._text

    async def write(self, resource: str, parameters: Any, state: str) -> None:
        """Nothing is written: results of a Map are mocked."""


class StateTest:
    """One test.

    Args:
        request: what is to be tested.
        account: the account in which it is.
        dates: tells the time.
        workshop: has tasks done that are not mocked.
    """

    def __init__(self, request: Request, account: Account, dates: Dates, workshop: Workshop) -> None:
        self._request = request
        self._state = request.state
        self._inspection = Inspection(
            [(request.value, request.given.input), *_given_text(request.mock)],
            reveals_secrets=request.given.reveals_secrets,
        )
        self._details: dict[str, int] = {}
        """What is told of the retrier or catcher that an error meets."""
        workshop = copy.copy(workshop)
        workshop.store = _GivenData(request.given.configuration.get("mapItemReaderData", ""))
        self._frame = frame = _Frame(_run(request, account, dates, workshop), request, self._inspection)
        frame.thread.add("ExecutionStarted", {"input": request.given.input})
        frame.keep(request.value, request.given.input)
        frame.enter(self._state, request.value)
        self._taken = _taken(request)
        if self._taken is not None:
            self._taken.entered(self._state)
        frame.retries = request.given.configuration.get("retrierRetryCount", 0)

    async def run(self) -> dict[str, Any]:
        """Do the state, and tell how it ended."""
        try:
            async with asyncio.timeout(MAX_SECONDS):
                told = await self._ended()
        except TimeoutError:
            told = self._failed(Failure("States.Timeout"))
        return told if self._request.given.level == "INFO" else {**told, "inspectionData": self._inspected()}

    async def _ended(self) -> dict[str, Any]:
        try:
            return {"status": "SUCCEEDED"} | self._left(await self._do())
        except (Failure, QueryError, Unsuitable) as error:
            return self._failed(self._failure(error))
        except (errors.InvalidArgument, errors.MissingExtra, RecursionError) as error:
            return self._failed(RuntimeFailure(f"A value cannot be handed on: {error}"))

    async def _do(self) -> Outcome:
        frame, state, value, mock = self._frame, self._state, self._request.value, self._request.mock
        flow = frame.run.machine.programs[id(state)] = self._inspection.flow(frame, state)
        flow.selected(frame, value)
        outcome = await (do(state, frame, value) if mock is None else self._do_mocked(flow, mock))
        if not frame.fits(outcome.output):
            raise too_large(state.name)
        return outcome

    async def _do_mocked(self, flow: Flow, mock: Mock) -> Outcome:
        """Do all of the state but its work."""
        state: Any = self._state
        if isinstance(state, Map):
            await self._begin_map(flow, state)
        elif isinstance(state, Task):
            self._begin_task(state)
        if mock.failure is not None:
            raise mock.failure
        return flow.passed_on(self._frame, self._request.value, mock.result, state.next)

    def _begin_task(self, state: Task) -> None:
        workshop = self._frame.run.workshop
        if state.resource.endswith(".waitForTaskToken"):
            self._frame.token = identifier(workshop.random)
        workshop.arguments(state, self._frame, self._request.value)

    async def _begin_map(self, flow: Flow, state: Map) -> None:
        """Find a Map's items and settings, and fail where too many iterations have failed."""
        frame = self._frame
        value = flow.selected(frame, self._request.value)
        items = None if state.item_reader is not None else flow.items(frame, state, value)
        most = concurrency(flow, state, frame, value, MAX_CONCURRENCY)
        tolerated = tolerance(flow, state, frame, value)
        map_run = distributed.new_map_run(state, frame, most, tolerated)
        distribution = Distribution(flow, state, frame, value, frame.run.machine, map_run)
        found = await self._read(distribution) if items is None else [Item(item) for item in items]
        self._prepare(distribution, found)
        failed = self._request.given.configuration.get("mapIterationFailureCount", 0)
        self._check_counts(state, len(found), failed)
        map_run.items.update(failed=failed, succeeded=max(0, len(found) - failed))
        if failed and distributed.limits_failures(state) and map_run.too_many_failed:
            raise distributed.threshold_exceeded()

    def _check_counts(self, state: Map, count: int, failed: int) -> None:
        """Refuse a mock that no run of a Map over so many items can give.

        Iterations that failed may have a place in the result, or none.

        Raises:
            ValidationException: it is refused, for which AWS's words are not known.
        """
        if failed > count:
            raise errors.ValidationException(
                f"mapIterationFailureCount is {failed}, but the Map has {count} iterations."
            )
        mock = self._request.mock
        result = None if mock is None or state.item_batcher is not None else mock.result
        if isinstance(result, list) and len(result) not in (count, count - failed):
            raise errors.ValidationException(
                f"The mocked result has {len(result)} items, but the Map has {count} iterations."
            )

    async def _read(self, distribution: Distribution) -> list[Item]:
        found = await distributed.read_items(distribution)
        reader = distribution.state.item_reader
        if reader is not None and reader.reader_config is not None and reader.reader_config.items_pointer:
            self._inspection.note_list("afterItemsPointer", (item.value for item in found))
        return found

    def _prepare(self, distribution: Distribution, items: list[Item]) -> None:
        """Note what iterations would get."""
        state = distribution.state
        selected = [distributed.selected(distribution, index, item) for index, item in enumerate(items)]
        if state.given("item_selector") or state.given("parameters"):
            self._inspection.note_list("afterItemSelector", selected)
        if state.item_batcher is not None:
            batches = distributed.batches(distribution, state.item_batcher, iter(selected))
            self._inspection.note_texts("afterItemBatcher", (text for text, _ in batches))

    def _failure(self, error: Exception) -> Failure:
        """What an error means to the state. Of a Map that is mocked, AWS tells nothing but the reason."""
        if isinstance(self._state, Map) and not speaks_jsonata(self._frame, self._state):
            error = error if isinstance(error, Failure) else RuntimeFailure(str(error))
        try:
            return explained(self._frame, self._state, error)
        except RuntimeFailure as failure:
            return failure

    def _failed(self, failure: Failure) -> dict[str, Any]:
        """Tell of a failure: whether it would be tried again, or caught."""
        told: dict[str, Any] = {"status": "FAILED", **failure.details()}
        if isinstance(failure, RuntimeFailure):
            return told
        if self._is_tried_again(failure):
            return told | {"status": "RETRIABLE"}
        index = catcher_for(self._state, failure)
        if index is None:
            return told
        self._details["catchIndex"] = index
        try:
            outcome = caught(self._frame, self._state, self._request.value, failure)
            return told | {"status": "CAUGHT_ERROR"} | self._left(outcome)
        except Failure as last:
            return {"status": "FAILED", **last.details()}

    def _is_tried_again(self, failure: Failure) -> bool:
        index, retrier = retrier_for(self._state, failure)
        if retrier is None:
            return False
        self._details["retryIndex"] = index
        if self._taken is not None:
            self._taken.went(retrier)
        seconds = pause(self._frame, retrier, self._frame.retries + 1)
        if seconds is None:
            return False
        self._details["retryBackoffIntervalSeconds"] = int(seconds)
        return True

    def _left(self, outcome: Outcome) -> dict[str, Any]:
        """Leave the state, and tell with what and where to."""
        self._frame.exit(self._state, outcome)
        if self._taken is not None:
            self._taken.went(self._state if outcome.by is None else outcome.by)
        told = {"output": self._inspection.text(outcome.output)}
        return told if outcome.next is None else {**told, "nextState": outcome.next}

    def _inspected(self) -> dict[str, Any]:
        frame = self._frame
        told: dict[str, Any] = {
            "input": self._request.given.input,
            **self._inspection.told(frame, self._state),
        }
        if frame.variables:
            told["variables"] = written(frame.variables)[0]
        if self._details:
            told["errorDetails"] = self._details
        return told


def _given_text(mock: Mock | None) -> list[tuple[Any, str]]:
    return [] if mock is None or mock.text is None else [(mock.result, mock.text)]


def _taken(request: Request) -> Taken | None:
    given = request.given
    return taken_by_test(given.definition, request.whole, request.state, alone=given.state_name is None)


def _run(request: Request, account: Account, dates: Dates, workshop: Workshop) -> Run:
    """An execution that is none: of an EXPRESS machine that nobody has registered."""
    names = [identifier(workshop.random) for _ in range(2)]
    prefix = account.fill_in("arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:")
    now = dates.now()
    machine = Machine(
        f"{prefix}stateMachine:{names[0]}",
        names[0],
        "EXPRESS",
        request.given.role_arn or "",
        request.given.definition,
        Definition(start_at=request.state.name, states={str(request.state.name): request.state}),
        "",
        now,
    )
    arn = f"{prefix}express:{names[0]}:{names[1]}"
    run = Run(arn, names[1], machine, request.given.input, now, Journal(dates.now), workshop)
    run.redrivable = False
    return run
