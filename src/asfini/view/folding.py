"""Folding a history into a tree: `fold`.

Each event names the one that led to it, and so the place where it happened: the line and the state. A
branch's first state follows the start of its Parallel, an iteration the start of its Map, and whatever ends a
state follows the last event of what it failed or succeeded with. Where that does not tell (after a redrive,
in a part of a history), names and types do.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from asfini.history import Event, parse_event
from asfini.view.tree import FAILURES, Attempt, Line, Run, StateRun, Status

_ENTERED_AT = re.compile(r"\(entered at the event id #(\d+)\)")
"""How AWS says in a cause which state could not go on."""
_REDRIVEN = "ExecutionRedriven"


class _Place(NamedTuple):
    """Where an event happened."""

    event: Event | None
    line: Line
    state: StateRun | None = None
    """The state that it belongs to; none between two states."""


def fold(events: "Iterable[Event | Mapping[str, Any]]") -> Run:
    """Make a tree of a history.

    Args:
        events: the events, as classes or as the API gives them; those of a running execution, a part of them,
            in reverse or without data are as good, as far as they go.

    Raises:
        InvalidArgument: one of them is no event at all.
    """
    folding = Folding()
    for event in _in_order(events):
        folding.take(event)
    folding.run.line.ended = folding.run.ended
    folding.run.line.status = folding.run.status
    return folding.run


def _in_order(events: "Iterable[Event | Mapping[str, Any]]") -> list[Event]:
    found = [event if isinstance(event, Event) else parse_event(event) for event in events]
    if all(event.id > 0 for event in found):
        return sorted(found, key=lambda event: event.id)
    known = [event.id for event in found if event.id > 0]
    return found[::-1] if known and known[0] > known[-1] else found


@dataclass(slots=True)
class Folding:
    """The tree as it grows, and what finds the place of the next event: for histories that are followed."""

    run: Run = field(default_factory=Run)
    places: dict[int, _Place] = field(default_factory=dict)
    """Where each event happened, by its id."""
    entered: dict[int, StateRun] = field(default_factory=dict)
    """The states by the ids of the events with which they were entered."""
    open: dict[int, StateRun] = field(default_factory=dict)
    """The states that have come to no end, by identity, in the order in which they were entered."""
    named: dict[tuple[str, str], list[StateRun]] = field(default_factory=dict)
    """States by name, and by type, in the order in which they were entered; of use where they are open."""
    iterations: dict[tuple[int, int], Line] = field(default_factory=dict)
    """The iterations of each attempt, by its identity and by index."""
    begun: dict[tuple[str, int], list[Line]] = field(default_factory=dict)
    """The iterations of all Maps of a name, by index; of use where they run."""
    map_runs: dict[str, StateRun] = field(default_factory=dict)
    resumed: dict[int, StateRun] = field(default_factory=dict)
    """The states in which a redrive goes on that have not done so yet."""

    def take(self, event: Event) -> StateRun | None:
        """Add the next event; gives the state that it belongs to, or that is open there."""
        self.run.events.append(event)
        before = self.places.get(event.previous_event_id) or _Place(None, self.run.line)
        handle = _HANDLERS.get(event.type)
        place = self._unknown(event, before) if handle is None else handle(self, event, before)
        if event.id > 0:
            self.places[event.id] = place
        return place.state

    def _unknown(self, event: Event, before: _Place) -> _Place:
        self.run.loose.append(event)
        return before._replace(event=event)

    # Finding states

    def _around(self, before: _Place, fits: Callable[[StateRun], bool]) -> StateRun | None:
        """The innermost state around a place that fits."""
        state = before.state or before.line.parent
        while state is not None and not fits(state):
            state = state.line.parent
        return state

    def _latest(self, what: str, value: str) -> StateRun | None:
        """The state of a name or type that was entered last and has not come to an end."""
        found = self.named.get((what, value), [])
        while found and not found[-1].open:
            found.pop()
        return found[-1] if found else None

    def _running(self, name: str, index: int) -> Line | None:
        """The iteration of a Map's name that began last and still runs, or was just cut off with others."""
        lines = self.begun.get((name, index), [])
        latest = next((line for line in reversed(lines) if line.status == "RUNNING"), None)
        return latest or next((line for line in reversed(lines) if line.status == "ABORTED"), None)

    def _resuming(self, fits: Callable[[StateRun], bool]) -> StateRun | None:
        """The first state in which a redrive goes on and that fits: an event shows that it does."""
        state = next(filter(fits, self.resumed.values()), None)
        if state is not None:
            del self.resumed[id(state)]
        return state

    def _composite(self, event: Event, before: _Place) -> StateRun | None:
        """The Parallel or Map that an event of theirs speaks of."""
        kind = "Map" if event.type.startswith("Map") else "Parallel"
        name = getattr(event, "name", None)

        def fits(state: StateRun) -> bool:
            return state.type == kind and state.open and name in (None, state.name)

        latest = self._latest("type", kind) if name is None else self._latest("name", name)
        found = self._around(before, fits) or self._resuming(fits) or latest
        return found or self._around(before, lambda state: state.type == kind and state.exited is None)

    def _task(self, event: Event, before: _Place) -> StateRun | None:
        """The Task that an event of a task speaks of."""
        state = before.state
        if state is not None and state.type == "Task" and state.exited is None:
            return state
        resource = getattr(event, "integration", None) or getattr(event, "resource", None)

        def fits(state: StateRun) -> bool:
            return state.type == "Task"

        def fits_well(state: StateRun) -> bool:
            return fits(state) and bool(state.attempts) and state.attempts[-1].resource == resource

        return self._resuming(fits_well) or self._resuming(fits) or self._latest("type", "Task")

    # The execution

    def begin(self, event: Event, before: _Place) -> _Place:
        """Take ExecutionStarted."""
        self.run.input = getattr(event, "input", None)
        self.run.started = self.run.line.started = event.timestamp
        return _Place(event, self.run.line)

    def end(self, event: Event, before: _Place) -> _Place:
        """Take what ends the execution."""
        run, status = self.run, _ENDS[event.type]
        run.status, run.ended = status, event.timestamp
        run.output = getattr(event, "output", None)
        run.error, run.cause = _failure(event)
        if status == "FAILED":
            self._fail_of(event, before)
        last = run.line.states[-1] if run.line.states else None
        if last is not None and last.open and status in ("ABORTED", "TIMED_OUT"):
            run.cut_off = run.standing()
            self._close(last, event, status)
            self._cut_lines(last, event)
        for state in list(self.open.values()):
            self._close(state, event, "ABORTED")
            self._cut_lines(state, event)
        return _Place(event, run.line)

    def _fail_of(self, event: Event, before: _Place) -> None:
        """Find the state of which the execution failed, and let it fail with all around it."""
        told = _ENTERED_AT.search(self.run.cause or "")
        state = self.entered.get(int(told[1])) if told else None
        if state is None or state.exited is not None:
            here = before.line.states[-1:]
            state = before.state or (here[0] if here and here[0].exited is None else None)
        if state is None:
            return
        origin = state
        while not told and origin.attempts and origin.attempts[-1].failed_in is not None:
            origin = origin.attempts[-1].failed_in
        self._blame(origin, event, None)
        self.run.failed_in = origin
        for failed in [origin, *origin.within]:
            if failed.error is None and failed.cause is None:
                failed.error, failed.cause = self.run.error, self.run.cause
            last = failed.attempts[-1] if failed.attempts else None
            if last is not None and last.failed_in is not None and last.error is None:
                last.error, last.cause = failed.error, failed.cause

    def redrive(self, event: Event, before: _Place) -> _Place:
        """Take ExecutionRedriven: all that was cut off or failed goes on."""
        run = self.run
        run.redrives.append(event)
        run.status, run.ended, run.error, run.cause, run.failed_in = "RUNNING", None, None, None, None
        run.cut_off = []
        self.resumed.clear()
        self._resume(run.line)
        return _Place(event, run.line)

    def _resume(self, line: Line) -> None:
        """Reopen the last states of a line and of those inside of it, the innermost first."""
        reopened, waiting = [], [line]
        while waiting:
            line = waiting.pop()
            line.status, line.ended = "RUNNING", None
            state = line.states[-1] if line.states else None
            if state is None or state.exited is not None:
                continue
            reopened.append(state)
            inner = [each for each in state.lines if each.status != "SUCCEEDED"]
            if inner:
                state.attempts[-1].status, state.attempts[-1].ended = "RUNNING", None
            waiting += inner[::-1]
        for state in sorted(reopened, key=lambda state: -len(state.within)):
            self._reopen(state)

    def _reopen(self, state: StateRun) -> None:
        state.status, state.ended = "RUNNING", None
        self.open[id(state)] = self.resumed[id(state)] = state
        for key in (("name", state.name), ("type", state.type)):
            self.named.setdefault(key, []).append(state)

    # States

    def enter(self, event: Event, before: _Place) -> _Place:
        """Take `…StateEntered`."""
        name, line = str(getattr(event, "name", "?")), self._line_for(event, before)
        state = StateRun(
            name, event.type.removesuffix("StateEntered"), line, event.timestamp, None, "RUNNING", event
        )
        if line.states and line.states[-1].open:  # its end is not among the events
            self._close(line.states[-1], event, "SUCCEEDED")
        line.states.append(state)
        self.open[id(state)] = self.entered[event.id] = state
        for key in (("name", name), ("type", state.type)):
            self.named.setdefault(key, []).append(state)
        return _Place(event, line, state)

    def _line_for(self, event: Event, before: _Place) -> Line:
        """The line in which a state is entered: a branch begins right after its Parallel did."""
        cause = before.event.type if before.event is not None else ""
        if cause == "ParallelStateStarted" and before.state is not None and before.state.attempts:
            return _branch(before.state.attempts[-1], event)
        if cause == _REDRIVEN:
            name = getattr(event, "name", None)
            again = self._resuming(lambda state: state.name == name)
            if again is not None:  # a Fail is entered once more
                self._close(again, event, "FAILED")
                return again.line
        return before.line

    def exit(self, event: Event, before: _Place) -> _Place:
        """Take `…StateExited`."""
        name = getattr(event, "name", None)

        def fits(state: StateRun) -> bool:
            return state.name == name and state.exited is None

        state = self._around(before, fits) or self._resuming(fits) or self._latest("name", str(name))
        if state is None:
            return self._unknown(event, before)
        last = state.attempts[-1] if state.attempts else None
        if last is not None and last.status == "RUNNING":
            if before.state is not None and before.state is not state:
                self._blame(before.state, event, state)
            else:
                self._finish(last, event, "SUCCEEDED")
        state.exited = event
        caught = last is not None and (last.status in FAILURES or _refused(state))
        self._close(state, event, "CAUGHT" if caught else "SUCCEEDED")
        return _Place(event, state.line)

    def abort(self, event: Event, before: _Place) -> _Place:
        """Take `…StateAborted`: it follows the failure that cut the state off."""
        kind = event.type.removesuffix("StateAborted")
        state = before.state if before.state and before.state.type == kind and before.state.open else None
        state = state or next((found for found in self.open.values() if found.type == kind), None)
        if state is not None and state.attempts:
            state.attempts[-1].events.append(event)
        if state is not None and not state.lines:
            self._close(state, event, "FAILED" if state.attempts and _failed(state) else "ABORTED")
        return before._replace(event=event)

    def evaluate(self, event: Event, before: _Place) -> _Place:
        """Take EvaluationFailed: as it names the state, it may follow what came before that."""
        name = str(getattr(event, "state", ""))
        candidates = [before.state, *before.line.states[-1:]]
        state = next((each for each in candidates if each and each.name == name and each.open), None)
        state = state or self._latest("name", name)
        state = state or self._around(before, lambda found: found.name == name and found.exited is None)
        if state is None:
            return self._unknown(event, before)
        last = state.attempts[-1] if state.attempts else None
        if last is not None and str(getattr(event, "location", "")).startswith("Catch"):
            last.events.append(event)
            state.error, state.cause = _failure(event)
        else:
            again = last is None or last.status in FAILURES
            self._fail(self._begin(state, event) if again or last is None else last, event)
        return _Place(event, state.line, state)

    # Attempts

    def start_lines(self, event: Event, before: _Place) -> _Place:
        """Take ParallelStateStarted or MapStateStarted; once more, it is another try."""
        state = self._composite(event, before)
        if state is None:
            return self._unknown(event, before)
        last = state.attempts[-1] if state.attempts else None
        if last is not None and last.status == "RUNNING":
            self._blame(before.state or state, before.event or event, state)
        attempt = self._begin(state, event)
        attempt.length = getattr(event, "length", None)
        self.resumed.pop(id(state), None)
        return _Place(event, state.line, state)

    def end_lines(self, event: Event, before: _Place) -> _Place:
        """Take `…StateSucceeded` or `…StateFailed` of a Parallel or Map."""
        state = self._composite(event, before)
        if state is None:
            return self._unknown(event, before)
        attempt = state.attempts[-1] if state.attempts else self._begin(state, event)
        if event.type.endswith("Succeeded"):
            self._finish(attempt, event, "SUCCEEDED")
            for line in attempt.lines:
                _end(line, line.states[-1].ended if line.states else event.timestamp, "SUCCEEDED")
        else:
            self._blame(before.state or state, event, state)
            self._close(state, event, "FAILED")
        attempt.events.append(event)
        return _Place(event, state.line, state)

    def iterate(self, event: Event, before: _Place) -> _Place:
        """Take MapIterationStarted."""
        state = self._composite(event, before)
        if state is None:
            return self._unknown(event, before)
        attempt = state.attempts[-1] if state.attempts else self._begin(state, event)
        line = Line("iteration", attempt, getattr(event, "index", len(attempt.lines)), event.timestamp)
        attempt.lines.append(line)
        self.iterations[id(attempt), line.index] = line
        self.begun.setdefault((state.name, line.index), []).append(line)
        return _Place(event, line)

    def end_iteration(self, event: Event, before: _Place) -> _Place:
        """Take the end of an iteration; one that is cut off follows the failure that did it."""
        state, index = self._composite(event, before), getattr(event, "index", -1)
        line = self.iterations.get((id(state.attempts[-1]), index)) if state and state.attempts else None
        if line is None or line.status != "RUNNING":  # of a Map in another line, which was cut off as well
            line = self._running(getattr(event, "name", ""), index) or line
        if line is None:
            return self._unknown(event, before)
        status: Status = _ITERATION_ENDS[event.type]
        if status == "FAILED" and before.state is not None:
            self._blame(before.state, event, line.parent)
        elif status == "ABORTED":
            self._cut_off(line, event)
        _end(line, event.timestamp, status)
        return _Place(event, line) if status == "SUCCEEDED" else before._replace(event=event)

    def schedule(self, event: Event, before: _Place) -> _Place:
        """Take what schedules a task: once more, it is another try."""
        state = self._task(event, before)
        if state is None:
            return self._unknown(event, before)
        self.resumed.pop(id(state), None)
        last = state.attempts[-1] if state.attempts else None
        if last is not None and last.status not in FAILURES:  # what it gave was of no use
            self._finish(last, last.finished or event, "FAILED")
        self._begin(state, event).scheduled = event
        return _Place(event, state.line, state)

    def work(self, event: Event, before: _Place) -> _Place:
        """Take what happens to a task that was scheduled, or its end."""
        state = self._task(event, before)
        if state is None:
            return self._unknown(event, before)
        attempt = state.attempts[-1] if state.attempts else self._begin(state, event)
        if attempt.events[-1] is not event:
            attempt.events.append(event)
        if event.type == "TaskSubmitted":
            attempt.submitted = event
        elif event.type.endswith("Started"):
            attempt.taken = event
        else:
            attempt.finished = event
            self._end_task(attempt, event)
        return _Place(event, state.line, state)

    def _end_task(self, attempt: Attempt, event: Event) -> None:
        if event.type.endswith("Succeeded"):
            self._finish(attempt, event, "SUCCEEDED")
        else:
            self._fail(attempt, event, "TIMED_OUT" if event.type.endswith("TimedOut") else "FAILED")

    def map_run(self, event: Event, before: _Place) -> _Place:
        """Take what happens to the run of a distributed Map."""
        arn = getattr(event, "map_run_arn", None)
        state = self.map_runs.get(str(arn)) or self._composite(event, before)
        if state is None:
            return self._unknown(event, before)
        again = event.type == "MapRunRedriven"
        attempt = state.attempts[-1] if state.attempts and not again else self._begin(state, event)
        attempt.events.append(event)
        if arn is not None:
            self.resumed.pop(id(state), None)
            attempt.map_run_arn = str(arn)
            self.map_runs[str(arn)] = state
        else:
            attempt.finished = event
        if event.type == "MapRunFailed":
            self._fail(attempt, event)
        return _Place(event, state.line, state)

    # Ends

    def _begin(self, state: StateRun, event: Event) -> Attempt:
        redrives = len(self.run.redrives)
        attempt = Attempt(state, len(state.attempts) + 1, event.timestamp, redrives=redrives, events=[event])
        state.attempts.append(attempt)
        if not state.open:  # a Catch's own expression may fail after the state has
            state.status, state.ended = "RUNNING", None
            self.open[id(state)] = state
        return attempt

    def _finish(self, attempt: Attempt, event: Event, status: Status) -> None:
        attempt.status, attempt.ended = status, event.timestamp

    def _fail(self, attempt: Attempt, event: Event, status: Status = "FAILED") -> None:
        """Let an attempt fail of what an event says."""
        self._finish(attempt, event, status)
        attempt.error, attempt.cause = _failure(event)
        attempt.state.error, attempt.state.cause = attempt.error, attempt.cause
        if attempt.events[-1] is not event:
            attempt.events.append(event)

    def _close(self, state: StateRun, event: Event, status: Status) -> None:
        """End a state, and with it the attempt that it is in the middle of."""
        if status == "FAILED" and state.attempts and state.attempts[-1].status == "TIMED_OUT":
            status = "TIMED_OUT"
        state.status, state.ended = status, event.timestamp
        self.open.pop(id(state), None)
        self.resumed.pop(id(state), None)
        if state.attempts and state.attempts[-1].status == "RUNNING":
            self._finish(state.attempts[-1], event, status)

    def _blame(self, state: StateRun, event: Event, end: StateRun | None) -> None:
        """Let states fail from an inner one outwards, and cut off what stands beside them.

        Args:
            state: where something failed.
            event: what shows it.
            end: the state whose attempt fails of it, but which may go on; if there is none, all of them end.
        """
        failed: StateRun | None = state
        while failed is not None and failed is not end:
            if failed.exited is None:
                self._close(failed, event, "FAILED")
            attempt = failed.line.attempt
            if attempt is None:
                break
            _end(failed.line, event.timestamp, "FAILED")
            self._fail_with(attempt, failed, event)
            failed = attempt.state
        if end is not None and end.attempts and end.attempts[-1].status == "RUNNING":
            self._finish(end.attempts[-1], event, "FAILED")

    def _fail_with(self, attempt: Attempt, inner: StateRun, event: Event) -> None:
        """Let an attempt fail of a state in one of its lines."""
        if attempt.failed_in is not None:
            return
        attempt.failed_in = inner
        attempt.error, attempt.cause = inner.error, inner.cause
        attempt.state.error, attempt.state.cause = inner.error, inner.cause
        self._finish(attempt, event, "FAILED")
        self._cut_lines(attempt.state, event)

    def _cut_off(self, line: Line, event: Event) -> None:
        """End what has not ended in a line; only its last state may not have."""
        waiting = [line]
        while waiting:
            line = waiting.pop()
            state = line.states[-1] if line.states and line.states[-1].exited is None else None
            cut = state is not None or line.kind == "iteration"
            _end(line, event.timestamp, "ABORTED" if cut else "SUCCEEDED")
            if state is not None and state.open:
                self._close(state, event, "ABORTED")
                waiting += [inner for inner in state.lines if inner.status == "RUNNING"]

    def _cut_lines(self, state: StateRun, event: Event) -> None:
        for line in state.lines:
            if line.status == "RUNNING":
                self._cut_off(line, event)


def _branch(attempt: Attempt, event: Event) -> Line:
    line = Line("branch", attempt, len(attempt.lines), event.timestamp)
    attempt.lines.append(line)
    return line


def _end(line: Line, time: Any, status: Status) -> None:
    line.ended, line.status = time, status


def _failed(state: StateRun) -> bool:
    return state.attempts[-1].status in FAILURES


def _refused(state: StateRun) -> bool:
    """Whether a catcher took the refusal of a result, which only the output tells; note the error."""
    waiting = [(state.input, state.output)]
    while waiting:
        before, after = waiting.pop()
        if not isinstance(after, dict):
            continue
        if after.keys() == {"Error", "Cause"} and after["Error"] in _REFUSALS and after != before:
            state.error, state.cause = after["Error"], after["Cause"]
            return True
        known = before if isinstance(before, dict) else {}
        waiting += [(known.get(name), inner) for name, inner in after.items()]
    return False


def _failure(event: Event) -> tuple[str | None, str | None]:
    """An event's error and cause, as texts."""
    error, cause = getattr(event, "error", None), getattr(event, "cause", None)
    return error, cause if cause is not None else _text(event.details.get("cause"), event.type)


def _text(cause: Any, kind: str) -> str | None:
    """The text of a cause that some tool has parsed: JSON with blanks where a Lambda function wrote it."""
    if cause is None or isinstance(cause, str):
        return cause
    separators = (", ", ": ") if kind.startswith("LambdaFunction") else (",", ":")
    return json.dumps(cause, default=str, ensure_ascii=False, separators=separators)


_ENDS: dict[str, Status] = {
    "ExecutionAborted": "ABORTED",
    "ExecutionFailed": "FAILED",
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionTimedOut": "TIMED_OUT",
}
_REFUSALS = ("States.DataLimitExceeded", "States.ResultPathMatchFailure")
"""Errors of which the history has no event: results that are too large, or have no place in the input."""
_ITERATION_ENDS: dict[str, Status] = {
    "MapIterationAborted": "ABORTED",
    "MapIterationFailed": "FAILED",
    "MapIterationSucceeded": "SUCCEEDED",
}
_STATES = ("Choice", "Fail", "Map", "Parallel", "Pass", "Succeed", "Task", "Wait")
_TASK_ENDS = ("Failed", "ScheduleFailed", "StartFailed", "SubmitFailed", "Succeeded", "TimedOut")
_TASKS = ("Activity", "LambdaFunction", "Task")

_Handler = Callable[[Folding, Event, _Place], _Place]
_HANDLERS: dict[str, _Handler] = {
    "ExecutionStarted": Folding.begin,
    **dict.fromkeys(_ENDS, Folding.end),
    _REDRIVEN: Folding.redrive,
    **{f"{kind}StateEntered": Folding.enter for kind in _STATES},
    **{f"{kind}StateExited": Folding.exit for kind in _STATES},
    **{f"{kind}StateAborted": Folding.abort for kind in _STATES},
    "EvaluationFailed": Folding.evaluate,
    "ParallelStateStarted": Folding.start_lines,
    "MapStateStarted": Folding.start_lines,
    **{f"{kind}State{end}": Folding.end_lines for kind in ("Map", "Parallel") for end in _TASK_ENDS[::4]},
    "MapIterationStarted": Folding.iterate,
    **dict.fromkeys(_ITERATION_ENDS, Folding.end_iteration),
    **{
        f"MapRun{word}": Folding.map_run for word in ("Started", "Redriven", "Succeeded", "Failed", "Aborted")
    },
    **{f"{kind}Scheduled": Folding.schedule for kind in _TASKS},
    **{f"{kind}{word}": Folding.work for kind in _TASKS for word in ("Started", *_TASK_ENDS)},
    "TaskSubmitted": Folding.work,
}
"""What takes an event, by its type."""
