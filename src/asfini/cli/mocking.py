"""What `--mock` says: which tasks are not done, but give a result or fail."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asfini import _json
from asfini.asl.definition import Definition
from asfini.asl.states import Task
from asfini.client import Client
from asfini.errors import InvalidArgument, TaskFailed
from asfini.local.handlers import Target

_ERROR = re.compile(r"error:([^:]+)(?::(.*))?", re.DOTALL)
_SHOWN = 12
"""How many names an error tells."""


@dataclass
class Told:
    """What was said of the tasks of one state, or of one resource."""

    thing: str | None = None
    """The resource."""
    state: str | None = None
    """The state, where it is that."""
    results: list[Any] = field(default_factory=list)
    """Results and exceptions: one after the other, the last one from then on."""

    def put(self, client: Client) -> None:
        """Let a client's service do so."""
        if len(self.results) > 1 or isinstance(self.results[0], Exception):
            effects = itertools.chain(self.results, itertools.repeat(self.results[-1]))
            client.mock(self.thing, state=self.state, side_effect=effects)
        else:
            client.mock(self.thing, state=self.state, return_value=self.results[0])


def read_mocks(given: Iterable[str], definitions: Iterable[Definition]) -> list[Told]:
    """Read what is said of tasks.

    Args:
        given: `NAME=RESULT`, where the name is that of a Task or of what does it.
        definitions: the definitions that have the tasks.

    Raises:
        InvalidArgument: there are no such tasks, or that is no result.
    """
    known = _names(definitions)
    for text in given:
        name, result = _split(text, known)
        known[name].results.append(_result(text, name, result))
    return [told for told in known.values() if told.results]


def _names(definitions: Iterable[Definition]) -> dict[str, Told]:
    """What can be mocked, by what it may be called; a state comes before a resource."""
    states = [state for definition in definitions for state in definition.walk()]
    tasks = [state for state in states if isinstance(state, Task)]
    resources = {name: Told(thing=name) for state in states for name in _resources(state)}
    return resources | {state.name: Told(state=state.name) for state in tasks}


def _resources(state: Any) -> Iterator[str]:
    """What a state asks for: the whole ARN, and its last part with the pattern and without."""
    owners = [state, state.held("item_reader"), state.held("result_writer")]
    for arn in filter(None, (getattr(owner, "resource", None) for owner in owners)):
        target = Target.parse(arn)
        yield from (arn, target.name + target.pattern, target.name)
        if target.name == "lambda:invoke":
            yield from _function(state)


def _function(state: Task) -> Iterator[str]:
    """The Lambda function that a Task names as one of its arguments, unless that is an expression."""
    given = state.held("parameters") or state.held("arguments")
    name = given.get("FunctionName") if isinstance(given, dict) else None
    if isinstance(name, str) and not name.startswith("{%"):
        yield from (name, Target.function(name).name)


def _split(text: str, known: Mapping[str, Told]) -> tuple[str, str]:
    """Take `NAME=RESULT` apart; names of states may have `=`, too."""
    for name in sorted(known, key=len, reverse=True):
        if text.startswith(f"{name}="):
            return name, text[len(name) + 1 :]
    name, equals, _ = text.partition("=")
    if not (name and equals):
        raise InvalidArgument(f"a mock is given like STATE=JSON or STATE=error:Name:cause, not {text!r}")
    raise InvalidArgument(f"--mock {name}: no Task and no resource is called so, but {_listed(known)}")


def _listed(known: Mapping[str, Told]) -> str:
    names = [name for name in known if not name.startswith("arn:")]  # each has a short name, too
    names.sort(key=lambda name: known[name].state is None)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(map(repr, names[:_SHOWN])) or "there is none") + more


def _result(text: str, name: str, result: str) -> Any:
    failure = _ERROR.fullmatch(result)
    if failure is not None:
        return TaskFailed(failure[1], failure[2] or "")
    if result.startswith("error:"):
        raise InvalidArgument(f"--mock {text}: a failure is given like error:Name or error:Name:cause")
    try:
        return read_json(result, f"the result in --mock {name}")
    except InvalidArgument as error:
        if result.startswith("@"):
            raise
        raise InvalidArgument(f"{error}; text has quotes of its own: '{name}=\"…\"'") from None


def read_json(given: str, what: str) -> Any:
    """Read JSON that is given on the command line, or `@` and the path of a file that has it.

    Raises:
        InvalidArgument: it is none, or the file cannot be read.
    """
    if not given.startswith("@"):
        return _json.loads(given, what)
    try:
        return _json.loads(Path(given[1:]).read_bytes(), given[1:])
    except OSError as error:
        raise InvalidArgument(f"cannot read {given[1:]}: {error.strerror or error}") from error
