"""Random machines that AWS would take: all types of states, nested, retried, caught, in both languages."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from hypothesis import strategies as st
from languages import Dice, Jsonata, JsonPath, Place

Writer = JsonPath | Jsonata
ERRORS = ("Boom", "ValueError", "Custom.Declined")
"""The errors of stand-ins."""
_CAUGHT = (
    *ERRORS,
    "States.TaskFailed",
    "States.Timeout",
    "States.HeartbeatTimeout",
    "States.QueryEvaluationError",
    "States.Runtime",
    "States.ResultPathMatchFailure",
    "States.IntrinsicFailure",
    "States.ExceedToleratedFailureThreshold",
    "States.BranchFailed",
)
_HERE = "arn:aws:states:us-east-1:123456789012:"
_FUNCTIONS = (
    "arn:aws:lambda:us-east-1:123456789012:function:work",
    "arn:aws:lambda:us-east-1:123456789012:function:work:$LATEST",
)
_CALLS = ("sqs:sendMessage", "aws-sdk:s3:getObject")
_JOBS = ("ecs:runTask.sync", "batch:submitJob.sync")
_ROWS = "a|b\n1|2\n3\n"
OBJECTS: dict[str, Any] = {
    "rows.csv": b"a,b\n1,2\n3\n",
    "twice.csv": "a,a\n1,2\n",
    "rows.psv": {"Body": _ROWS},
    "list.json": '[{"n": 1, "s": "ab"}, 2, null]',
    "object.json": {"one": {"n": 1}, "rows": [{"n": 1}, {"n": 2}]},
    "lines.jsonl": '{"n": 1}\n\n{"n": 2}\n3\n',
    "broken.json": "{",
    "inventory.json": '{"fileSchema": "Bucket, Key", "files": [{"key": "rows.csv"}]}',
    "results.txt": "s3://stock/rows.csv\n\ns3://stock/rows.csv",
    "": {"Contents": [{"Key": "list.json", "Size": 31}, {"Key": "object.json", "Size": 9}]},
}
"""What distributed maps can read, by key; the empty key is a list of some."""
NOBODYS = "nobody's"
"""The key of what nothing stands in for."""
_HEADED = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}
_READINGS = (
    ("list.json", {"InputType": "JSON"}),
    ("rows.csv", _HEADED),
    ("rows.psv", {**_HEADED, "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["n", "s"], "CSVDelimiter": "PIPE"}),
    ("object.json", {"InputType": "JSON"}),
    ("object.json", {"InputType": "JSON", "ItemsPointer": "/rows", "MaxItems": 1}),
    ("lines.jsonl", {"InputType": "JSONL", "MaxItems": 2}),
    ("", None),
    ("", {"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN"}),
)
_WRONG_READINGS = (
    ("twice.csv", _HEADED),
    ("broken.json", {"InputType": "JSON"}),
    ("nothing", {"InputType": "JSONL"}),
    (NOBODYS, {"InputType": "JSONL"}),
    ("object.json", {"InputType": "JSON", "ItemsPointer": "/rows/7"}),
    ("object.json", {"InputType": "JSON", "ItemsPointer": "/one/n"}),
    ("object.json", {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}),
    ("rows.csv", {"InputType": "PARQUET"}),
)
_MAX_DEPTH = 2
_RANDOM = st.randoms(use_true_random=False)


CHILD = {
    "StartAt": "small",
    "States": {
        "small": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericLessThan": 3, "Next": "rest"}],
            "Default": "refuse",
        },
        "rest": {"Type": "Wait", "Seconds": 2, "End": True},
        "refuse": {"Type": "Fail", "Error": "Boom", "Cause": "too many"},
    },
}
"""What is run by other machines."""


@dataclass(frozen=True)
class Case:
    """A machine and what happens to it."""

    definition: dict[str, Any]
    input: Any
    type: Literal["STANDARD", "EXPRESS"] = "STANDARD"
    seed: int = 0
    """What the stand-ins and the service's random choices follow from."""
    end_after: int | None = None
    """The seconds after which it is stopped, or its machine deleted, by chance."""


@st.composite
def cases(
    draw: st.DrawFn,
    language: Literal["JSONPath", "JSONata"],
    *,
    mixed: bool = False,
    type: Literal["STANDARD", "EXPRESS"] = "STANDARD",
) -> Case:
    """A machine in a query language.

    Args:
        draw: Hypothesis's.
        language: the language of all states.
        mixed: whether some of them are in JSONata all the same.
        type: the type of the machine.
    """
    dice = Dice(draw(_RANDOM))
    definition = _Author(dice).definition(Place(language == "JSONata", mixed, type == "EXPRESS"))
    definition |= {"QueryLanguage": language} if language == "JSONata" or dice.chance(10) else {}
    definition |= dice.some(10, TimeoutSeconds=dice.one(1_000, 5))
    end_after = dice.one(0, 1, 100) if dice.chance(8) else None
    return Case(definition, dice.document(), type, dice.number(0, 2**16), end_after)


@st.composite
def unfinished(draw: st.DrawFn, finished: st.SearchStrategy[Case]) -> Case:
    """A machine with a placeholder in some place of a finished one's definition."""
    case, random = copy.deepcopy(draw(finished)), draw(_RANDOM)  # parts of it may be in others, too
    holder, key = random.choice([*_parts(case.definition)])
    holder[key] = "${Value}"
    return case


def _parts(value: Any) -> Iterator[tuple[Any, Any]]:
    """All places in a value: what holds each, and its key or index."""
    if isinstance(value, (dict, list)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from _parts(part)


def saying(phrase: str, language: str) -> dict[str, Any]:
    """A state whose output is what a phrase says."""
    if language == "JSONata":
        return {"Type": "Pass", "Output": f"{{% {phrase} %}}", "End": True}
    return {"Type": "Pass", "Parameters": {"said.$": phrase}, "End": True}


def reciting(phrases: Sequence[str], variables: dict[str, Any], document: Any) -> Case:
    """A machine in JSONata that says one phrase after the other, whichever of them fail."""
    states: dict[str, Any] = {"start": {"Type": "Pass", "Assign": variables, "Next": "p0"}}
    for index, phrase in enumerate(phrases):
        following = f"p{index + 1}"
        states[f"p{index}"] = {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": f"said {index}", "States": {f"said {index}": saying(phrase, "JSONata")}}
            ],
            "Output": "{% $states.input %}",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.input %}", "Next": following}],
            "Next": following,
        }
    states[f"p{len(phrases)}"] = {"Type": "Succeed"}
    return Case({"QueryLanguage": "JSONata", "StartAt": "start", "States": states}, document)


class _Line:
    """The states of one definition while they are made."""

    def __init__(self, author: "_Author", key: str) -> None:
        self.author = author
        self.key = key
        self.states: dict[str, Any] = {}
        self._ways_out = 0

    def target(self, later: list[str]) -> str:
        """A state to go to: one that follows anyway, or a way out made for it."""
        dice = self.author.dice
        if later and not dice.chance(40):
            return dice.one(*later)
        self._ways_out += 1
        name = f"{self.key} out {self._ways_out}"
        self.states[name] = self.author.way_out()
        return name


class _Author:
    """Makes definitions, each name in them once."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self._definitions = 0

    def definition(self, place: Place) -> dict[str, Any]:
        """A machine, a branch or a processor."""
        self._definitions += 1
        key = f"d{self._definitions}"
        line = _Line(self, key)
        names = [f"{key} s{index}" for index in range(self.dice.number(1, 4 - place.depth))]
        place = replace(place, own=(f"{key}v", f"{key}w"))
        writer = self._writer(place)
        zero, _, _ = writer.counted(place.own[0])
        line.states[f"{key} start"] = {
            **self._language(writer),
            "Type": "Pass",
            "Assign": zero | {place.own[1]: {"n": 1}},
            "Next": names[0],
        }
        for index, name in enumerate(names):
            self._add(line, place, name, names[index + 1 :])
        return {"StartAt": f"{key} start", "States": line.states}

    def _add(self, line: _Line, place: Place, name: str, later: list[str]) -> None:
        """Add a state, or several that stand for one."""
        if later and place.depth < _MAX_DEPTH and self.dice.chance(12):
            self._add_loop(line, place, name, later)
        else:
            line.states[name] = self._state(line, place, later)

    def _add_loop(self, line: _Line, place: Place, name: str, later: list[str]) -> None:
        """Add a state that is done twice."""
        writer = self._writer(place)
        zero, below, increased = writer.counted(f"{line.key}c")
        check, body, again = f"{name} check", f"{name} body", f"{name} again"
        language = self._language(writer)
        line.states[name] = {**language, "Type": "Pass", "Assign": zero, "Next": check}
        line.states[check] = {
            **language,
            "Type": "Choice",
            "Choices": [{**below, "Next": body}],
            "Default": later[0],
        }
        line.states[again] = {**language, "Type": "Pass", "Assign": increased, "Next": check}
        line.states[body] = self._state(line, replace(place, depth=_MAX_DEPTH), [again])

    def _writer(self, place: Place) -> Writer:
        jsonata = place.jsonata or (place.mixed and self.dice.chance(40))
        return Jsonata(self.dice, place) if jsonata else JsonPath(self.dice, place)

    def _language(self, writer: Writer) -> dict[str, Any]:
        """Name the language where it is not the machine's."""
        return {"QueryLanguage": "JSONata"} if writer.jsonata and not writer.place.jsonata else {}

    def _state(self, line: _Line, place: Place, later: list[str]) -> dict[str, Any]:
        kinds = [self._pass, self._task, self._task, self._wait, self._choice]
        if place.depth < _MAX_DEPTH:
            kinds += [self._parallel, self._map, self._map]
        if not later:
            kinds += [self._succeed, self._fail]
        writer = self._writer(place)
        return self._language(writer) | self.dice.one(*kinds)(writer, line, later)

    def way_out(self) -> dict[str, Any]:
        """A state that ends it all, in any language."""
        failure = {"Type": "Fail", "Error": "Boom", "Cause": "out"}
        return self.dice.one({"Type": "Succeed"}, {"Type": "Pass", "End": True}, failure)

    # The types of states

    def _flow(self, writer: Writer, later: list[str]) -> dict[str, Any]:
        return ({"Next": later[0]} if later else {"End": True}) | self.dice.some(25, **writer.assign())

    def _pass(self, writer: Writer, line: _Line, later: list[str]) -> dict[str, Any]:
        path = {} if writer.jsonata else {"ResultPath": "$.r"}
        return {"Type": "Pass", **writer.fixed(), **path, **self._flow(writer, later)}

    def _wait(self, writer: Writer, line: _Line, later: list[str]) -> dict[str, Any]:
        return {"Type": "Wait", **writer.wait(), **writer.given(), **self._flow(writer, later)}

    def _succeed(self, writer: Writer, line: _Line, later: list[str]) -> dict[str, Any]:
        return {"Type": "Succeed", **writer.given()}

    def _fail(self, writer: Writer, line: _Line, later: list[str]) -> dict[str, Any]:
        return {"Type": "Fail", **writer.failure()}

    def _choice(self, writer: Writer, line: _Line, later: list[str]) -> dict[str, Any]:
        first = [{**writer.rule(), "Next": later[0]}] if later else []
        count = self.dice.number(1 - len(first), 3 - len(first))
        rules = [{**writer.rule(), "Next": line.target(later)} for _ in range(count)]
        default = {"Default": line.target(later)} if self.dice.chance(85) else {}
        assigned = self.dice.some(20, **writer.assign())
        return {"Type": "Choice", "Choices": rules + first, **default, **assigned, **writer.given()}

    def _task(self, writer: Writer, line: _Line, later: list[str]) -> dict[str, Any]:
        return {
            "Type": "Task",
            **self._resource(writer),
            **self._limits(writer),
            **self.dice.some(5, Credentials={"RoleArn": "arn:aws:iam::123456789012:role/other"}),
            **writer.result(),
            **self._handled(writer, line, later),
            **self._flow(writer, later),
        }

    def _resource(self, writer: Writer) -> dict[str, Any]:
        """What a task has done, and what that gets."""
        ways = [self._function, self._call, self._invocation, self._child, self._request]
        if not writer.place.express:
            ways += [self._activity, self._callback, self._job, self._waited_for]
        arn, given = self.dice.one(*ways)(writer)
        return {"Resource": arn, **given}

    def _function(self, writer: Writer) -> tuple[str, dict[str, Any]]:
        return self.dice.one(*_FUNCTIONS), writer.work()

    def _call(self, writer: Writer) -> tuple[str, dict[str, Any]]:
        return f"arn:aws:states:::{self.dice.one(*_CALLS)}", writer.work()

    def _invocation(self, writer: Writer) -> tuple[str, dict[str, Any]]:
        name = self.dice.mostly(("work", f"{_FUNCTIONS[0]}:7"), (7,))
        return "arn:aws:states:::lambda:invoke", {
            writer.parameters: {"FunctionName": name, "Payload": {"n": 1}}
        }

    def _request(self, writer: Writer) -> tuple[str, dict[str, Any]]:
        headers = self.dice.one({"Accept": ["*/*"]}, {"Accept": "*/*"}, ["Accept"])
        return "arn:aws:states:::apigateway:invoke", {writer.parameters: {"Headers": headers, "Path": "/"}}

    def _child(self, writer: Writer) -> tuple[str, dict[str, Any]]:
        return "arn:aws:states:::states:startExecution", writer.child()

    def _waited_for(self, writer: Writer) -> tuple[str, dict[str, Any]]:
        return f"arn:aws:states:::states:startExecution.sync{self.dice.one('', ':2')}", writer.child()

    def _activity(self, writer: Writer) -> tuple[str, dict[str, Any]]:
        return f"{_HERE}activity:{self.dice.one('work', 'work', 'none')}", writer.work()

    def _callback(self, writer: Writer) -> tuple[str, dict[str, Any]]:
        return "arn:aws:states:::sqs:sendMessage.waitForTaskToken", writer.token()

    def _job(self, writer: Writer) -> tuple[str, dict[str, Any]]:
        return f"arn:aws:states:::{self.dice.one(*_JOBS)}", writer.work()

    def _limits(self, writer: Writer) -> dict[str, Any]:
        """How long a task may take."""
        if not self.dice.chance(50):
            return {}
        heartbeat = writer.limit("HeartbeatSeconds", 1, 2) if self.dice.chance(60) else {}
        return writer.limit("TimeoutSeconds", 5, 60) | heartbeat

    def _parallel(self, writer: Writer, line: _Line, later: list[str]) -> dict[str, Any]:
        place = writer.place
        inner = replace(place, depth=place.depth + 1, outer=place.variables)
        return {
            "Type": "Parallel",
            "Branches": [self.definition(inner) for _ in range(self.dice.number(1, 3))],
            **writer.work(),
            **writer.result(),
            **self._handled(writer, line, later),
            **self._flow(writer, later),
        }

    def _map(self, writer: Writer, line: _Line, later: list[str]) -> dict[str, Any]:
        distributed = not writer.place.express and self.dice.chance(40)
        legacy = not writer.jsonata and not distributed and self.dice.chance(20)
        return {
            "Type": "Map",
            **writer.selected(legacy=legacy),
            **(self._distributed(writer, line) if distributed else self._inline(writer, legacy=legacy)),
            **(writer.limit("MaxConcurrency", 0, 3) if self.dice.chance(40) else {}),
            **writer.result(),
            **self._handled(writer, line, later),
            **self._flow(writer, later),
        }

    def _inline(self, writer: Writer, *, legacy: bool) -> dict[str, Any]:
        place = writer.place
        inner = self.definition(replace(place, depth=place.depth + 1, outer=place.variables, item=True))
        config = {} if legacy else self.dice.some(30, ProcessorConfig={"Mode": "INLINE"})
        return {"Iterator" if legacy else "ItemProcessor": inner | config, **writer.items()}

    def _distributed(self, writer: Writer, line: _Line) -> dict[str, Any]:
        """A processor in child executions, which read no variables of this one's."""
        place, kind = writer.place, self.dice.one("STANDARD", "EXPRESS")
        inner = replace(place, depth=place.depth + 1, express=kind == "EXPRESS", outer=(), item=False)
        config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}}
        return {
            "ItemProcessor": self.definition(inner) | config,
            **(self._reader(writer) if self.dice.chance(30) else writer.items()),
            **(self._results(writer) if self.dice.chance(30) else {}),
            **(writer.batch() if self.dice.chance(30) else {}),
            **(writer.limit("ToleratedFailureCount", 0, 2) if self.dice.chance(30) else {}),
            **(writer.limit("ToleratedFailurePercentage", 0, 100) if self.dice.chance(30) else {}),
            **self.dice.some(20, Label=f"{line.key}runs{len(line.states)}"),
        }

    def _reader(self, writer: Writer) -> dict[str, Any]:
        key, config = self.dice.one(*(_WRONG_READINGS if self.dice.chance(30) else _READINGS))
        action = "getObject" if key else "listObjectsV2"
        place = {"Bucket": "stock", "Key": key} if key else {"Bucket": "stock"}
        reader = {"Resource": f"arn:aws:states:::s3:{action}", writer.parameters: place}
        return {"ItemReader": reader | ({} if config is None else {"ReaderConfig": config})}

    def _results(self, writer: Writer) -> dict[str, Any]:
        config = self.dice.one(
            {"Transformation": "COMPACT"},
            {"Transformation": "FLATTEN"},
            {"OutputType": "JSONL"},
        )
        prefix = self.dice.one({}, {"Prefix": "runs/"}, {"Prefix": 7})
        place = {
            "Resource": "arn:aws:states:::s3:putObject",
            writer.parameters: {"Bucket": "results"} | prefix,
        }
        bare = {"Resource": "arn:aws:states:::s3:putObject"}
        ways = place, {**place, "WriterConfig": config}, {"WriterConfig": config}
        return {"ResultWriter": self.dice.mostly(ways, (bare,))}

    # Errors

    def _handled(self, writer: Writer, line: _Line, later: list[str]) -> dict[str, Any]:
        """Retry and Catch."""
        handled = {}
        if self.dice.chance(35):
            handled["Retry"] = [self._retrier(self._names()) for _ in range(self.dice.number(1, 2))]
            handled["Retry"] += [self._retrier(["States.ALL"])] if self.dice.chance(50) else []
        if self.dice.chance(45):
            names = [self._names() for _ in range(self.dice.number(0, 1))] + [["States.ALL"]]
            handled["Catch"] = [self._catcher(writer, line, later, each) for each in names]
        return handled

    def _names(self) -> list[str]:
        return [self.dice.one(*_CAUGHT) for _ in range(self.dice.number(1, 2))]

    def _retrier(self, names: list[str]) -> dict[str, Any]:
        return {
            "ErrorEquals": names,
            **self.dice.some(90, MaxAttempts=self.dice.number(0, 2)),
            **self.dice.some(50, IntervalSeconds=self.dice.number(1, 20)),
            **self.dice.some(30, BackoffRate=self.dice.one(1, 1.5, 3.0)),
            **self.dice.some(30, MaxDelaySeconds=self.dice.number(21, 30)),
            **self.dice.some(30, JitterStrategy=self.dice.one("NONE", "FULL")),
        }

    def _catcher(self, writer: Writer, line: _Line, later: list[str], names: list[str]) -> dict[str, Any]:
        return {"ErrorEquals": names, "Next": line.target(later), **writer.caught()}
