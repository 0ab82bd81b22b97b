"""Redriving executions: where they stood when they ended, whether they may go on, and how often they did."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asfini.local.map_runs import MapRun
    from asfini.local.run import Frame, Run

MAX_EVENTS = 24_999
"""How many events an execution has that has too many: one must follow `ExecutionRedriven`, at least."""
PERIOD = timedelta(days=14)
"""How long after its end an execution can be redriven."""
MAX_OPEN = timedelta(days=365)
"""How long an execution may be open: like the above, the page "Restarting state machine executions"."""
MAX_MAP_RUN_REDRIVES = 1000
"""How often a map run can be redriven: the page "Redriving Map Runs"."""
_TOKENS, _TOKEN_PERIOD = 10, timedelta(minutes=15)
"""How many client tokens are remembered, and for how long: RedriveExecution in the API reference."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line of states stood when its execution ended: in a state that was entered, but not left."""

    state: str
    entered: int
    """The id of the event with which the state was entered, which tells its input."""
    variables: dict[str, Any]
    results: dict[int, Any]
    """What those of its branches or iterations gave that had come to their ends, by their numbers."""
    places: dict[int, "Place"]
    """Where those stood that had not."""
    map_run: "MapRun | None"
    """The map run of its children, if they were begun."""

    @property
    def within(self) -> bool:
        """Whether the state is not done anew, but goes on inside."""
        return bool(self.results or self.places) or self.map_run is not None


def place_of(frame: "Frame") -> Place | None:
    """Note where a line stands; `None` where it has not begun."""
    if frame.state is None:
        return frame.resumed
    if frame.resumed is not None:  # the state has not come to what is inside of it
        inside = frame.resumed.results, frame.resumed.places, frame.resumed.map_run
    else:
        inside = *_inside(frame), frame.map_run
    return Place(frame.state.name, frame.entered, frame.variables, *inside)


def _inside(frame: "Frame") -> tuple[dict[int, Any], dict[int, Place]]:
    lines = frame.lines
    if lines is None:
        return {}, {}
    places = dict(lines.places)
    for inner, number in lines.numbers.items():
        if number not in lines.results and (place := place_of(inner)) is not None:
            places[number] = place
    return dict(lines.results), places


@dataclass(slots=True)
class Redrives:
    """How often an execution was redriven, and when."""

    count: int = 0
    date: datetime | None = None
    _tokens: dict[str, datetime] = field(default_factory=dict)

    def add(self, token: str | None, now: datetime) -> None:
        """Count another one."""
        self.count, self.date = self.count + 1, now
        if token is not None:
            self._tokens[token] = now
            for old in list(self._tokens)[:-_TOKENS]:
                del self._tokens[old]

    def of(self, token: str | None, now: datetime) -> datetime | None:
        """When a client's token redrove it, if that was not too long ago."""
        date = None if token is None else self._tokens.get(token)
        return date if date is not None and now - date <= _TOKEN_PERIOD else None


def obstacle(run: "Run", now: datetime) -> str | None:
    """Why an execution cannot be redriven, in AWS's words; `None` if it can."""
    if run.stop_date is None or run.status in ("SUCCEEDED", "PENDING_REDRIVE"):
        return f"Execution is {run.status} and cannot be redriven"
    if run.leaving:
        return "State machine is in DELETING status"
    if run.machine.kind == "EXPRESS":
        return None if run.map_run_arn is not None else "Execution is EXPRESS and cannot be redriven"
    if len(run.journal.events) >= MAX_EVENTS:
        return "Execution history event limit exceeded"
    if now - run.start_date > MAX_OPEN:
        return "Execution has exceeded the max execution time"
    return "Execution redrivable period exceeded" if now - run.stop_date > PERIOD else None


def standing(run: "Run") -> dict[str, Any]:
    """What describing an execution says of its redrives."""
    reason = obstacle(run, run.journal.now())
    status = "REDRIVABLE" if run.map_run_arn is None else "REDRIVABLE_BY_MAP_RUN"
    told = {"redriveStatus": status}
    if reason is not None:
        told = {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": reason}
    return {**counted(run), **told}


def counted(run: "Run") -> dict[str, Any]:
    """What listing an execution says of its redrives."""
    redrives = run.redrives
    if redrives is None:
        return {"redriveCount": 0}
    return {"redriveCount": redrives.count, "redriveDate": redrives.date}
