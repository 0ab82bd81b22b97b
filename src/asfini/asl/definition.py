"""Definitions: states, and where to start. Machines, branches and a map's processor have the same form."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import PlainValidator

from asfini import _json
from asfini.asl._depth import TOO_DEEP, is_too_deep
from asfini.asl._model import Model, is_state
from asfini.asl.states import Choice, Fail, Pass, Seconds, State, Succeed, Task, Wait, reachable
from asfini.errors import InvalidArgument, MissingExtra

TYPES: dict[str, type[State]] = {
    "Task": Task,
    "Pass": Pass,
    "Choice": Choice,
    "Wait": Wait,
    "Succeed": Succeed,
    "Fail": Fail,
}
"""The states' classes by the `Type` that they have in JSON; `map` adds Parallel and Map when imported."""


def _read_states(value: Any) -> dict[str, State]:
    """Make states of their JSON objects, and give each its name."""
    if not isinstance(value, Mapping):
        raise InvalidArgument(f"states are an object, not {value!r}")
    return {name: _read_state(name, content) for name, content in value.items()}


def _read_state(name: str, content: Any) -> State:
    if isinstance(content, State):
        if content.name != name:
            raise InvalidArgument(f"the state {content.name!r} stands under the name {name!r}")
        return content
    if not isinstance(content, Mapping):
        raise InvalidArgument(f"the state {name!r} is an object, not {content!r}")
    state = _class_for(content.get("Type")).from_dict(content)
    vars(state)["name"] = name
    return state


def _class_for(kind: Any) -> type[State]:
    if kind in ("Parallel", "Map"):
        from asfini.asl import map as _  # noqa: F401 - it needs this module, and few machines need it
    return TYPES.get(kind, State) if isinstance(kind, str) else State


class Definition(Model):
    """States, and the one to start with."""

    positional: ClassVar[tuple[str, ...]] = ("start_at", "states")

    comment: str | None = None
    """For people."""
    query_language: Literal["JSONPath", "JSONata"] | None = None
    """The language of the states' expressions; AWS's default is JSONPath."""
    version: str | None = None
    """The version of the States Language: `"1.0"`."""
    timeout_seconds: Seconds | None = None
    """Seconds after which an execution ends as timed out. Branches and processors have none."""
    start_at: str
    """The name of the first state."""
    if TYPE_CHECKING:
        states: dict[str, State]
        """The states by name."""
    else:
        states: Annotated[dict, PlainValidator(_read_states)]

    @classmethod
    def starting_at(cls, start: State, **fields: Any) -> Self:
        """Collect the states that can be reached from the first one through the objects they are linked with.

        Args:
            start: the first state.
            fields: the definition's other fields, such as `comment`.

        Raises:
            InvalidArgument: two different states have one name.
        """
        if not is_state(start):
            raise InvalidArgument(f"a definition starts at a state, not at {start!r}")
        states: dict[str, State] = {}
        for state in reachable([start]):
            if states.setdefault(state.name, state) is not state:
                raise InvalidArgument(f"two states are named {state.name!r}")
        return cls(start_at=start.name, states=states, **fields)

    def __reduce__(self) -> tuple[Any, ...]:
        """Send it to other processes as what it is, JSON: a long chain of links is too deep for pickle."""
        return type(self).from_dict, (self.to_dict(),)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read JSON text; faults of the definition are kept, and told by `asfini.problems`.

        Args:
            text: the text; bytes are UTF-8.

        Raises:
            InvalidArgument: it is not JSON, not an object, or too deeply nested.
        """
        return cls._from_data(_json.loads(text, "the definition"))

    @classmethod
    def from_yaml(cls, text: str | bytes) -> Self:
        """Read YAML 1.2 text, in which `yes`, `010` and dates are just text (needs the extra `yaml`).

        Args:
            text: the text; bytes are UTF-8.

        Raises:
            InvalidArgument: it is not YAML, not an object, or too deeply nested.
            MissingExtra: the extra is not installed.
        """
        from asfini.asl import _yaml

        return cls._from_data(_yaml.loads(text))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file: YAML where its name ends in `.yaml` or `.yml`, else JSON.

        Args:
            path: the file's path; the text in it is UTF-8.

        Raises:
            InvalidArgument: it is neither, not an object, or too deeply nested.
            MissingExtra: it is YAML, and the extra `yaml` is not installed.
            OSError: it cannot be read.
        """
        file = Path(path)
        text = file.read_text(encoding="utf-8")
        try:
            return cls.from_yaml(text) if file.suffix in {".yaml", ".yml"} else cls.from_json(text)
        except MissingExtra:
            raise
        except InvalidArgument as error:
            raise InvalidArgument(f"{file}: {error}") from None

    @classmethod
    def _from_data(cls, data: Any) -> Self:
        if not isinstance(data, Mapping):
            raise InvalidArgument(f"a definition is a JSON object, not {data!r}")
        if is_too_deep(data):
            raise InvalidArgument(f"the definition is too deeply nested: {TOO_DEEP}")
        return cls.from_dict(data)

    def to_json(self, indent: int | None = 2) -> str:
        """Write JSON text.

        Args:
            indent: blanks a level; `None` writes it in one line.
        """
        return _json.dumps(self.to_dict(), "the definition", indent)

    def to_yaml(self) -> str:
        """Write YAML text (needs the extra `yaml`)."""
        from asfini.asl import _yaml

        return _yaml.dumps(self.to_dict())

    def walk(self) -> Iterator[State]:
        """All states, with those of branches and processors after the state they belong to."""
        for state in self.states.values():
            yield state
            for inner in definitions_in(state):
                yield from inner.walk()


def definitions_in(state: State) -> Iterable[Definition]:
    """The definitions inside of a state: a Parallel's branches, a Map's processor."""
    inner = [state.held(field) for field in ("item_processor", "iterator")]
    return [*(state.held("branches") or []), *(found for found in inner if found is not None)]


def read_definition(value: Any, kind: type[Definition] = Definition) -> Any:
    """Make a definition of whatever has one: JSON data, a machine, a first state, a definition."""
    if not isinstance(value, Model):  # whose unknown JSON may be called so
        value = getattr(value, "definition", value)
    if isinstance(value, kind):
        return value
    if isinstance(value, State):
        return kind.starting_at(value)
    if isinstance(value, Definition):
        return kind(**{name: getattr(value, name) for name in value.model_fields_set})
    if isinstance(value, Mapping):
        return kind._from_data(value)
    raise InvalidArgument(f"a definition, a machine or a state is needed, not {value!r}")


if TYPE_CHECKING:
    AnyDefinition = Definition
else:
    AnyDefinition = Annotated[Any, PlainValidator(read_definition)]
