"""Runs executions, from their start to whatever end they come to."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from asfini import _json, errors
from asfini.local import states as _states  # noqa: F401 - it adds the states to the interpreter
from asfini.local._operations import checked_arn, checked_name, read_input
from asfini.local.dataflow import number
from asfini.local.dates import Dates
from asfini.local.failures import Failure
from asfini.local.interpreter import interpret
from asfini.local.journal import MAX_EVENTS, HistoryClosed, Journal, Thread
from asfini.local.mock_config import Case, MockConfig
from asfini.local.noting import taken
from asfini.local.registry import Start
from asfini.local.run import Frame, Machine, Run, identifier
from asfini.local.work import Workshop

_logger = logging.getLogger(__name__)

MAX_EXPRESS_SECONDS = 300.0
"""How long an EXPRESS execution runs at the most: the service quotas page."""


class Runner:
    """Runs executions and keeps them.

    Args:
        dates: tells the time.
        start_of: finds what an ARN starts executions of, if they can be started.
        mock_config: the test cases that executions can go through.
    """

    def __init__(
        self, dates: Dates, start_of: Callable[[str], Start], mock_config: MockConfig | None = None
    ) -> None:
        self._dates = dates
        self._mock_config = mock_config
        self._start_of = start_of
        self.workshop: Workshop
        """Has tasks done; given after it was made, for it starts executions itself."""
        self.runs: dict[str, Run] = {}
        """All executions by ARN, in the order of their starts."""
        self._closed = False

    def find(self, arn: str) -> Run:
        """An execution.

        Raises:
            ExecutionDoesNotExist: there is none.
        """
        found = self.runs.get(checked_arn(arn, "execution|express"))
        if found is None:
            raise errors.ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
        return found

    def start(self, machine_arn: str, name: str | None, text: str, trace_header: str | None = None) -> Run:
        """Start an execution, or find the same one that runs already.

        Args:
            machine_arn: the machine, or a version or an alias of it; `arn#TestCase` begins a test case of the
                mock configuration.
            name: the execution's name; one is made by default.
            text: the input as JSON text.
            trace_header: X-Ray's header.
        """
        machine_arn, case = self.split(machine_arn)
        machine, association = self._start_of(machine_arn)
        name = checked_name(self._identifier() if name is None else name, "an execution")
        arn = self._arn(machine, name)
        value = read_input(text)
        machine.taken = taken(machine.taken, machine.name, machine.definition_text, machine.definition)
        known = self.runs.get(arn)
        if known is not None:
            if known.running and known.input == text:
                return known
            raise errors.ExecutionAlreadyExists(f"Execution Already Exists: '{arn}'")
        run = self._made(arn, name, machine, text)
        run.trace_header, run.case = trace_header, case
        if case is not None:
            case.look_at(machine.definition)
        run.association = association
        return self._begun(run, value)

    def split(self, machine_arn: str) -> tuple[str, Case | None]:
        """Take `arn#TestCase` apart.

        Raises:
            ValidationException: there is no such case, or no mock configuration.
        """
        if self._mock_config is not None:
            return self._mock_config.split(machine_arn)
        arn, mark, name = machine_arn.partition("#")
        if mark:
            raise errors.ValidationException(f"{arn}: no test case {name!r}, since no mock_config is given")
        return arn, None

    def start_child(self, machine: Machine, text: str, map_run_arn: str) -> Run:
        """Start a machine for an item of a distributed Map."""
        name = self._identifier()
        run = self._made(self._arn(machine, name), name, machine, text)
        run.map_run_arn = map_run_arn
        return self._begun(run, _json.loads(text))

    def redrive(self, run: Run, token: str | None = None) -> None:
        """Let an execution go on where it stood when it ended; one that is EXPRESS begins anew.

        Args:
            run: the execution; nothing of it is at work any more.
            token: the client's token.

        Raises:
            ServiceClosed: nothing goes on any more.
        """
        if self._closed:
            raise errors.ServiceClosed("cannot redrive an execution: the local service is closed")
        if run.machine.kind == "EXPRESS":
            run.start_date, run.journal = self._dates.now(), Journal(self._dates.now)
            run.stop_date = run.output = run.failure = None
            run.change("RUNNING")
            self._begun(run, run.value)
        else:
            run.reopen(token)
            run.task = asyncio.create_task(self._run(run, run.value, len(run.journal.events)))

    def start_as_task(self, parameters: dict[str, Any]) -> Run:
        """Start a machine as a task of another one, with the parameters of the integration."""
        text = _json.dumps(parameters.get("Input", {}))
        return self.start(str(parameters.get("StateMachineArn")), parameters.get("Name"), text)

    def _identifier(self) -> str:
        return identifier(self.workshop.random)

    def _arn(self, machine: Machine, name: str) -> str:
        """The ARN of an execution; those of EXPRESS machines never meet."""
        if machine.kind == "EXPRESS":
            return f"{machine.arn.replace(':stateMachine:', ':express:')}:{name}:{self._identifier()}"
        return f"{machine.arn.replace(':stateMachine:', ':execution:')}:{name}"

    def _made(self, arn: str, name: str, machine: Machine, text: str) -> Run:
        now = self._dates.now()
        run = self.runs[arn] = Run(arn, name, machine, text, now, Journal(self._dates.now), self.workshop)
        return run

    def _begun(self, run: Run, value: Any) -> Run:
        details = {"input": run.input, "roleArn": run.machine.role_arn, **run.association}
        run.journal.add("ExecutionStarted", 0, details)
        run.task = asyncio.create_task(self._run(run, value))
        return run

    async def _run(self, run: Run, value: Any, previous: int = 0) -> None:
        """Run an execution to its end, whatever that is.

        Args:
            run: the execution.
            value: its input.
            previous: the id of the event that the first one follows.
        """
        definition = run.machine.definition
        thread = Thread(run.journal, previous)
        frame = Frame(run, thread, run.machine.language or definition.query_language or "JSONPath", {})
        run.frame, frame.resumed = frame, run.place
        timer = self._deadline(run, definition.timeout_seconds)
        output = failure = None
        try:
            frame.keep(value, run.input)
            output = frame.text(await interpret(frame, definition, value))
        except Exception as error:  # noqa: BLE001 - whatever it is, the execution fails of it
            failure = _failure(run, thread, error)
        except BaseException:  # somebody ends it, or the program: nobody shall wait for it in vain
            run.task = None
            run.abort()
            raise
        finally:
            if timer is not None:
                timer.cancel()
        run.task = None  # its end has nothing to cut off any more
        status = "SUCCEEDED" if failure is None else "FAILED"
        run.end(status, output=output, failure=failure, previous=thread.tail)

    def _deadline(self, run: Run, seconds: Any) -> asyncio.TimerHandle | None:
        """End an execution when its TimeoutSeconds are over, or the five minutes of an EXPRESS one."""
        limit = number(seconds)
        if run.machine.kind == "EXPRESS":
            limit = min(limit or MAX_EXPRESS_SECONDS, MAX_EXPRESS_SECONDS)
        if limit is None:
            return None
        return asyncio.get_running_loop().call_later(limit, run.time_out)

    def close(self) -> list[asyncio.Task[None]]:
        """Stop what still runs.

        Returns:
            The tasks that are still to end.
        """
        self._closed = True
        for run in self.runs.values():
            run.abort()
        return [run.task for run in self.runs.values() if run.task is not None]


def _failure(run: Run, thread: Thread, error: Exception) -> Failure:
    """What an execution fails of."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, HistoryClosed):
        thread.tail = len(run.journal.events)
        cause = f"The execution reached the maximum number of history events ({MAX_EVENTS})."
    elif isinstance(error, errors.InvalidArgument | RecursionError):
        cause = f"A value cannot be handed on: {error}"
    elif isinstance(error, errors.MissingExtra):
        cause = str(error)
    else:
        _logger.error("a fault of the local service ended %s", run.arn, exc_info=error)
        cause = f"The local service has a fault: {error!r}"
    return Failure("States.Runtime", cause)
