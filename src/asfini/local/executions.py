"""The operations on executions, and their running."""

import asyncio
import logging
import math
import uuid
from collections.abc import Callable
from typing import Any

from asfini import _json, errors
from asfini._arns import Account
from asfini.local import states as _states  # noqa: F401 - it adds the states to the interpreter
from asfini.local._operations import checked_arn, checked_name, page
from asfini.local.dataflow import number
from asfini.local.dates import Dates
from asfini.local.failures import Failure
from asfini.local.interpreter import interpret
from asfini.local.journal import MAX_EVENTS, HistoryFull, Journal, Thread, payload
from asfini.local.run import Frame, Machine, Run
from asfini.local.work import Workshop

_logger = logging.getLogger(__name__)
STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE")


MAX_EXPRESS_SECONDS = 300.0
"""How long an EXPRESS execution runs at the most: the service quotas page."""


class Executions:
    """Executions.

    Args:
        account: whose they are.
        dates: tells the time.
        machine_of: finds the machine of an ARN.
    """

    def __init__(self, account: Account, dates: Dates, machine_of: Callable[[str], Machine]) -> None:
        self._account = account
        self._dates = dates
        self._machine_of = machine_of
        self._workshop: Workshop
        self._runs: dict[str, Run] = {}

    def _use(self, workshop: Workshop) -> None:
        self._workshop = workshop

    def _find(self, arn: str) -> Run:
        found = self._runs.get(checked_arn(arn, "execution|express"))
        if found is None:
            raise errors.ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
        return found

    async def start_execution(
        self,
        stateMachineArn: str,
        name: str | None = None,
        input: str = "{}",
        traceHeader: str | None = None,
    ) -> dict[str, Any]:
        """Start an execution, or find the same one that runs already."""
        run = self._start(stateMachineArn, name, input, traceHeader)
        return {"executionArn": run.arn, "startDate": run.start_date}

    async def start_sync_execution(
        self,
        stateMachineArn: str,
        name: str | None = None,
        input: str = "{}",
        traceHeader: str | None = None,
        includedData: str = "ALL_DATA",
    ) -> dict[str, Any]:
        """Run an execution of an EXPRESS machine to its end, and tell of it."""
        if self._machine_of(stateMachineArn).kind != "EXPRESS":
            raise errors.StateMachineTypeNotSupported(
                "This operation is not supported by this type of state machine"
            )
        run = self._start(stateMachineArn, name, input, traceHeader)
        run.redrivable = False
        try:
            await run.ended()
        finally:
            if run.running:  # nobody waits for it any more
                run.abort()
        return _sync_description(run, includedData != "METADATA_ONLY")

    def _start(self, machine_arn: str, name: str | None, text: str, trace_header: str | None) -> Run:
        machine = self._machine_of(machine_arn)
        name = checked_name(str(uuid.uuid4()) if name is None else name, "an execution")
        arn = _arn(machine, name)
        value = _input(text)
        known = self._runs.get(arn)
        if known is not None:
            if known.running and known.input == text:
                return known
            raise errors.ExecutionAlreadyExists(f"Execution Already Exists: '{arn}'")
        run = self._made(arn, name, machine, text)
        run.trace_header = trace_header
        return self._begun(run, value)

    def _made(self, arn: str, name: str, machine: Machine, text: str) -> Run:
        now = self._dates.now()
        run = self._runs[arn] = Run(arn, name, machine, text, now, Journal(self._dates.now), self._workshop)
        return run

    def _begun(self, run: Run, value: Any) -> Run:
        details = {**payload("input", run.input), "roleArn": run.machine.role_arn}
        run.journal.add("ExecutionStarted", 0, details)
        run.task = asyncio.create_task(self._run(run, value))
        return run

    def _start_child(self, machine: Machine, text: str, map_run_arn: str) -> Run:
        """Start a machine for an item of a distributed Map."""
        name = str(uuid.uuid4())
        run = self._made(_arn(machine, name), name, machine, text)
        run.map_run_arn = map_run_arn
        return self._begun(run, _json.loads(text))

    async def _run(self, run: Run, value: Any) -> None:
        """Run an execution to its end, whatever that is."""
        definition = run.machine.definition
        thread = Thread(run.journal)
        frame = Frame(run, thread, run.machine.language or definition.query_language or "JSONPath", {})
        timer = self._deadline(run, definition.timeout_seconds)
        try:
            frame.keep(value, run.input)
            output = await interpret(frame, definition, value)
            self._end(run, thread, "SUCCEEDED", "ExecutionSucceeded", output=frame.text(output))
        except Failure as failure:
            self._end(run, thread, "FAILED", "ExecutionFailed", failure=failure)
        except HistoryFull:
            thread.tail = len(run.journal.events)
            cause = f"The execution reached the maximum number of history events ({MAX_EVENTS})."
            self._end(run, thread, "FAILED", "ExecutionFailed", failure=Failure("States.Runtime", cause))
        except (errors.InvalidArgument, RecursionError) as error:
            cause = f"A value cannot be handed on: {error}"
            self._end(run, thread, "FAILED", "ExecutionFailed", failure=Failure("States.Runtime", cause))
        except Exception as error:
            _logger.exception("a fault of the local service ended %s", run.arn)
            cause = f"The local service has a fault: {error!r}"
            self._end(run, thread, "FAILED", "ExecutionFailed", failure=Failure("States.Runtime", cause))
        finally:
            if timer is not None:
                timer.cancel()

    def _deadline(self, run: Run, seconds: Any) -> asyncio.TimerHandle | None:
        """End an execution when its TimeoutSeconds are over, or the five minutes of an EXPRESS one."""
        limit = number(seconds)
        if run.machine.kind == "EXPRESS":
            limit = min(limit or MAX_EXPRESS_SECONDS, MAX_EXPRESS_SECONDS)
        if limit is None:
            return None
        return asyncio.get_running_loop().call_later(limit, self._time_out, run)

    def _time_out(self, run: Run) -> None:
        if run.running:
            run.journal.add("ExecutionTimedOut", 0, {"error": "States.Timeout"}, last=True)
            run.end("TIMED_OUT")

    async def _close(self) -> None:
        """Drop what still runs."""
        tasks = [run.task for run in self._runs.values() if run.task is not None and not run.task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _end(
        self,
        run: Run,
        thread: Thread,
        status: str,
        event: str,
        output: str | None = None,
        failure: Failure | None = None,
    ) -> None:
        if run.running:
            details = failure.details() if failure else payload("output", output or "null")
            thread.add(event, details, last=True)
            run.end(status, output, failure)

    async def describe_execution(self, executionArn: str, includedData: str = "ALL_DATA") -> dict[str, Any]:
        """Tell where an execution stands."""
        return _description(self._find(executionArn), includedData != "METADATA_ONLY")

    async def stop_execution(
        self, executionArn: str, error: str | None = None, cause: str | None = None
    ) -> dict[str, Any]:
        """Stop an execution; one that has ended stays as it is."""
        run = self._find(executionArn)
        if run.running:
            run.abort(Failure(error, cause))
        return {"stopDate": run.stop_date}

    async def list_executions(
        self,
        stateMachineArn: str,
        statusFilter: str | None = None,
        maxResults: int = 0,
        nextToken: str | None = None,
    ) -> dict[str, Any]:
        """List a machine's executions, the youngest first."""
        if statusFilter is not None and statusFilter not in STATUSES:
            raise errors.ValidationException(
                f"1 validation error detected: Value '{statusFilter}' at 'statusFilter' failed to satisfy "
                f"constraint: Member must satisfy enum value set: [{', '.join(STATUSES)}]"
            )
        machine = self._machine_of(stateMachineArn)
        entries = [
            _entry(run)
            for run in reversed(self._runs.values())
            if run.machine.arn == machine.arn and statusFilter in (None, run.status)
        ]
        return page("executions", entries, maxResults, nextToken)

    async def get_execution_history(
        self,
        executionArn: str,
        maxResults: int = 0,
        reverseOrder: bool = False,
        nextToken: str | None = None,
        includeExecutionData: bool = True,
    ) -> dict[str, Any]:
        """List an execution's events."""
        events = self._find(executionArn).journal.events
        response = page("events", events[::-1] if reverseOrder else events, maxResults, nextToken)
        if not includeExecutionData:
            response["events"] = [_without_data(event) for event in response["events"]]
        return response

    async def describe_state_machine_for_execution(
        self, executionArn: str, includedData: str = "ALL_DATA"
    ) -> dict[str, Any]:
        """Tell which machine an execution runs, as it was when it started."""
        machine = self._find(executionArn).machine
        described = {
            "stateMachineArn": machine.arn,
            "name": machine.name,
            "definition": machine.definition_text,
            "roleArn": machine.role_arn,
            "updateDate": machine.updated,
            "revisionId": machine.revision,
        }
        if includedData == "METADATA_ONLY":
            del described["definition"]
        return described

    def _start_as_task(self, parameters: dict[str, Any]) -> Run:
        """Start a machine as a task of another one, with the parameters of the integration."""
        text = _json.dumps(parameters.get("Input", {}))
        return self._start(str(parameters.get("StateMachineArn")), parameters.get("Name"), text, None)


def _arn(machine: Machine, name: str) -> str:
    """The ARN of an execution; those of EXPRESS machines never meet."""
    if machine.kind == "EXPRESS":
        return f"{machine.arn.replace(':stateMachine:', ':express:')}:{name}:{uuid.uuid4()}"
    return f"{machine.arn.replace(':stateMachine:', ':execution:')}:{name}"


def _input(text: str) -> Any:
    try:
        value = _json.loads(text, "the input")
    except errors.InvalidArgument as error:
        raise errors.InvalidExecutionInput(f"Invalid State Machine Execution Input: '{error}'") from None
    if _json.size(text) > _json.MAX_PAYLOAD_BYTES:
        raise errors.ValidationException(
            "1 validation error detected: Value at 'input' failed to satisfy constraint: "
            f"Member must have length less than or equal to {_json.MAX_PAYLOAD_BYTES}"
        )
    return value


def _entry(run: Run) -> dict[str, Any]:
    entry = {
        "executionArn": run.arn,
        "stateMachineArn": run.machine.arn,
        "name": run.name,
        "status": run.status,
        "startDate": run.start_date,
        "redriveCount": 0,
    }
    return entry if run.stop_date is None else {**entry, "stopDate": run.stop_date}


def _description(run: Run, data: bool = True) -> dict[str, Any]:
    described = _entry(run)
    described |= {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": _redrive_reason(run)}
    if run.trace_header is not None:
        described["traceHeader"] = run.trace_header
    if run.failure is not None and data:
        described |= run.failure.details()
    if data:
        described |= {"input": run.input, "inputDetails": {"included": True}}
        if run.output is not None:
            described |= {"output": run.output, "outputDetails": {"included": True}}
    return described


def _sync_description(run: Run, data: bool) -> dict[str, Any]:
    """Describe an execution that was waited for, with what it would cost."""
    described = _description(run, data)
    for key in ("redriveCount", "redriveStatus", "redriveStatusReason"):
        del described[key]
    duration = ((run.stop_date or run.start_date) - run.start_date).total_seconds() * 1000
    billed = {"billedDurationInMilliseconds": math.ceil(duration / 100) * 100, "billedMemoryUsedInMB": 64}
    return {**described, "billingDetails": billed}


def _redrive_reason(run: Run) -> str:
    if run.running:
        return "Execution is RUNNING and cannot be redriven"
    return f"Execution is {run.status} and cannot be redriven"


_DATA = ("input", "output", "parameters", "error", "cause", "assignedVariables")


def _without_data(event: dict[str, Any]) -> dict[str, Any]:
    """Leave the payloads out of an event, and say so."""
    return {
        key: (
            {
                name: ({"truncated": True} if name.endswith("Details") else value)
                for name, value in content.items()
                if name not in _DATA
            }
            if isinstance(content, dict)
            else content
        )
        for key, content in event.items()
    }
