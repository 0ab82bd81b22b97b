"""From a run to a test: mocked results of its tasks, and a file for pytest that repeats it offline."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

from asfini._arns import Arn
from asfini.errors import InvalidArgument
from asfini.view.tree import Attempt, Run, StateRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """All that is needed to repeat an execution on a local service."""

    arn: str
    """The execution's ARN."""
    machine: str
    """The machine's name."""
    type: str
    definition: Any
    """The definition as JSON data."""
    input: Any
    status: str
    """`SUCCEEDED` or `FAILED`."""
    output: Any
    error: str | None
    cause: str | None
    mock_config: dict[str, Any]
    """The results of its tasks, in the format of Step Functions Local's MockConfigFile.json."""

    @property
    def activities(self) -> list[str]:
        """The names of the activities that the definition speaks of: to be run, it needs them to be there."""
        return sorted(set(_activities(self.definition)))

    @property
    def case(self) -> str:
        """The name of its test case in the mock configuration."""
        return _names(self.arn)[1]

    def files(self, stem: str | None = None) -> dict[str, str]:
        """Write it as files that belong next to each other.

        Args:
            stem: what their names begin with, by default the execution's.

        Returns:
            By the files' names, the test, what was recorded, and the mock configuration.
        """
        stem = _identifier(self.case if stem is None else stem)
        names = {"test": f"test_{stem}.py", "run": f"{stem}.run.json", "mocks": f"{stem}.mocks.json"}
        return {
            names["test"]: _test(self, stem, names["run"], names["mocks"]),
            names["run"]: _json(self._run()),
            names["mocks"]: _json(self.mock_config),
        }

    def _run(self) -> dict[str, Any]:
        failed = {"error": self.error or None, "cause": self.cause or None}
        end = {"output": self.output} if self.status == "SUCCEEDED" else failed
        return {
            "machine": self.machine,
            "type": self.type,
            "definition": self.definition,
            "activities": self.activities,
            "input": self.input,
            "end": {"status": self.status, **end},
        }


def record(
    run: Run,
    definition: Any,
    *,
    arn: str,
    tasks: Iterable[Attempt] | None = None,
    type: str = "STANDARD",
) -> Recording:
    """Take down what an execution's tasks gave, and how it ended.

    Args:
        run: its folded history, with data.
        definition: what it ran, as JSON data.
        arn: its ARN.
        tasks: the tries of its tasks, in the order in which they will be asked for when it is repeated; by
            default that in which they were scheduled.
        type: the machine's type.

    Raises:
        InvalidArgument: it did not come to an end by itself, or its data is not there.
    """
    name, case = _names(arn)
    if run.status not in ("SUCCEEDED", "FAILED"):
        raise InvalidArgument(f"only what succeeded or failed can be repeated: {arn} is {run.status}")
    ends = [event for event in run.events if event.type in ("ExecutionStarted", "ExecutionSucceeded")]
    if any(getattr(event, "truncated", False) for event in ends):
        raise InvalidArgument(f"the input and output of {arn} are not all in the history")
    results = defaultdict(list)
    for attempt in tasks_of([run]) if tasks is None else tasks:
        results[attempt.state.name].append(result_of(attempt))
    responses = {state: f"{case} {state}" for state in results}
    return Recording(
        arn=arn,
        machine=name,
        type=type,
        definition=definition,
        input=run.input,
        status=run.status,
        output=run.output,
        error=run.error,
        cause=run.cause,
        mock_config={
            "StateMachines": {name: {"TestCases": {case: responses}}},
            "MockedResponses": {responses[state]: _response(given) for state, given in results.items()},
        },
    )


def _activities(definition: Any) -> Iterator[str]:
    """The names of all activities in JSON data."""
    if isinstance(definition, str) and definition.startswith("arn:") and ":activity:" in definition:
        yield definition.partition(":activity:")[2]
    parts = definition.values() if isinstance(definition, dict) else definition
    for part in parts if isinstance(definition, (dict, list)) else ():
        yield from _activities(part)


def _names(arn: str) -> tuple[str, str]:
    """The names of the machine and of the execution."""
    parts = Arn.parse(arn).parts
    if len(parts) < 2:
        raise InvalidArgument(f"an execution's ARN is needed, not {arn!r}")
    return parts[0].split("/")[0], parts[1]


def tasks_of(runs: Iterable[Run]) -> list[Attempt]:
    """The tries of all tasks of some runs, in the order in which they were scheduled.

    Those are left out after which a redrive went on in the same state: it is to end well at once.
    """
    return [attempt for run in runs for _, attempt in sorted(_tasks(run), key=lambda task: task[0])]


def _tasks(run: Run) -> Iterator[tuple[int, Attempt]]:
    for state in run.walk():
        for attempt in state.attempts if state.type == "Task" else ():
            if attempt.scheduled is not None and attempt.redrives == state.attempts[-1].redrives:
                yield attempt.scheduled.id, attempt


def result_of(attempt: Attempt) -> dict[str, Any]:
    """What a task gave, as the format has it; one that was cut off fails like what cut it off."""
    finished = attempt.finished
    if finished is None:
        return _thrown(*_cutting(attempt.state))
    if finished.type.endswith("Succeeded"):
        if getattr(finished, "truncated", False):
            raise InvalidArgument(f"the output of {attempt.state.name!r} is not in the history")
        return {"Return": attempt.output}
    failure = getattr(finished, "error", None), getattr(finished, "cause", None) or attempt.cause
    return _thrown(*failure)


def _thrown(error: str | None, cause: str | None) -> dict[str, Any]:
    return {"Throw": {"Error": error or "", "Cause": cause or ""}}


def _cutting(state: StateRun) -> tuple[str | None, str | None]:
    """The failure that cut a state off: that of what is around it, the innermost that tells."""
    attempt = state.line.attempt
    while attempt is not None:
        if attempt.error is not None or attempt.cause is not None:
            return attempt.error, attempt.cause
        attempt = attempt.state.line.attempt
    return state.error, state.cause


def _response(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The results by invocation; equal ones in a row share an entry."""
    response, first = {}, 0
    for number, result in enumerate(results):
        if number + 1 < len(results) and results[number + 1] == result:
            continue
        response[str(number) if number == first else f"{first}-{number}"] = result
        first = number + 1
    return response


# Files


def _identifier(name: str) -> str:
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "run"


def _json(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _test(recording: Recording, stem: str, run: str, mocks: str) -> str:
    region, account_id = Arn.parse(recording.arn).account.split(":")[3:5]
    ending = "succeeds" if recording.status == "SUCCEEDED" else "fails"
    return dedent(f'''\
        """Repeats an execution of {recording.machine} offline, with the results that its tasks had."""

        import asyncio
        import json
        from pathlib import Path
        from typing import Any

        import asfini
        from asfini.testing import virtual_time

        HERE = Path(__file__).parent
        RECORDED = json.loads((HERE / {json.dumps(run)}).read_text(encoding="utf-8"))


        def test_{stem}_{ending}_as_recorded() -> None:
            assert asyncio.run(repeated()) == RECORDED["end"]


        async def repeated() -> dict[str, Any]:
            """Run the machine with the recorded input and results; put your own machine here to test it."""
            machine = asfini.StateMachine(RECORDED["machine"], RECORDED["definition"], type=RECORDED["type"])
            with virtual_time():
                async with asfini.local.connect(
                    mock_config=HERE / {json.dumps(mocks)},
                    region={json.dumps(region)},
                    account_id={json.dumps(account_id)},
                ) as client:
                    await client.register(machine, *map(asfini.Activity, RECORDED["activities"]))
                    arn = (await client.account()).fill_in(machine.arn)
                    case = f"{{arn}}#{recording.case}"
                    execution = await client.start_execution(case, RECORDED["input"])
                    output = await execution.wait(raise_on_failure=False)
                    told = await execution.describe()
            if told["status"] == "SUCCEEDED":
                return {{"status": "SUCCEEDED", "output": output}}
            failure = {{name: told.get(name) or None for name in ("error", "cause")}}
            return {{"status": told["status"], **failure}}
        ''')
