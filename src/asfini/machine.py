"""State machines: definitions with a name and the options with which they are registered."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from asfini import _checks
from asfini._arns import arn_of, check_name
from asfini.asl.definition import Definition, read_definition
from asfini.asl.states import State
from asfini.asl.validation import problems
from asfini.errors import DefinitionError, InvalidArgument

if TYPE_CHECKING:
    from asfini.view.graphs import Graph

_TYPES = ("STANDARD", "EXPRESS")
_OPTIONS: dict[str, tuple[type, str]] = {
    "role": (str, "a name or an ARN"),
    "logging": (Mapping, "the API's loggingConfiguration"),
    "tracing": (bool, "True or False"),
    "tags": (Mapping, "texts by name"),
    "encryption": (Mapping, "the API's encryptionConfiguration"),
}


class MachineOptions(TypedDict, total=False):
    """The options of `StateMachine`, which explains them."""

    type: Literal["STANDARD", "EXPRESS"]
    role: str | None
    logging: Mapping[str, Any] | None
    tracing: bool | None
    tags: Mapping[str, str] | None
    encryption: Mapping[str, Any] | None


@dataclass
class StateMachine:
    """A named definition, and how it is to be registered.

    It knows no account: the same object is registered locally and with any AWS account. Options that are
    `None` are left to AWS, or as they are where the machine is registered already.

    Raises:
        InvalidArgument: the name is not one that AWS takes, or another argument makes no sense.
    """

    name: str
    """At most 80 characters."""
    definition: Definition
    """The states. JSON data, or the first of some linked states, is made into a definition."""
    _: KW_ONLY
    type: Literal["STANDARD", "EXPRESS"] = "STANDARD"
    role: str | None = None
    """The role that executions act in: an ARN, or the name of a role in the account."""
    logging: Mapping[str, Any] | None = None
    """The API's `loggingConfiguration`."""
    tracing: bool | None = None
    """Whether X-Ray traces executions."""
    tags: Mapping[str, str] | None = None
    """Tags to set; others that the registered machine has are left alone."""
    encryption: Mapping[str, Any] | None = None
    """The API's `encryptionConfiguration`."""

    def __post_init__(self) -> None:
        check_name(self.name, "a state machine")
        what = f"of state machine {self.name!r}"
        _refuse_bare_states(self.definition, what)
        self.definition = read_definition(self.definition)
        if self.type not in _TYPES:
            raise InvalidArgument(f"the type {what} is {' or '.join(_TYPES)}, not {self.type!r}")
        for option, (kind, meaning) in _OPTIONS.items():
            value = getattr(self, option)
            if value is not None and not isinstance(value, kind):
                raise InvalidArgument(f"the option {option} {what} is {meaning}, not {value!r}")
        _checks.names(role=self.role)
        if not all(isinstance(text, str) for tag in (self.tags or {}).items() for text in tag):
            raise InvalidArgument(f"the option tags {what} is texts by name, not {self.tags!r}")

    @property
    def arn(self) -> str:
        """The machine's ARN, in which pseudo parameters stand for the account."""
        return arn_of("states", f"stateMachine:{self.name}")

    @property
    def heartbeat_seconds(self) -> None:
        """A machine that runs as a task sends no heartbeats."""
        return

    def to_dict(self) -> dict[str, Any]:
        """Write the definition as plain JSON data."""
        return self.definition.to_dict()

    def to_json(self, indent: int | None = 2) -> str:
        """Write the definition as JSON text.

        Args:
            indent: blanks a level; `None` writes it in one line.
        """
        return self.definition.to_json(indent)

    def to_mermaid(self) -> str:
        """Write it for Mermaid, which GitHub and many other sites draw."""
        return self._graph().to_mermaid()

    def to_dot(self) -> str:
        """Write it for Graphviz."""
        return self._graph().to_dot()

    def to_svg(self) -> str:
        """Draw it as SVG, light or dark as its reader likes."""
        return self._graph().to_svg()

    def to_cloudformation(
        self, *, role: Any = None, substitutions: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Write it as a resource of a CloudFormation template; `asfini.infrastructure` has more.

        Args:
            role: its role: an ARN, a name, or a function such as `{"Fn::GetAtt": ["Role", "Arn"]}`; by
                default the one that it names.
            substitutions: what the template fills in for `${name}` in the definition, by name.

        Raises:
            InvalidArgument: there is no role.
        """
        from asfini.infrastructure import cloudformation_resource  # only who deploys needs it

        return cloudformation_resource(self, role=role, substitutions=substitutions)

    def _repr_svg_(self) -> str:
        """Show it in a notebook."""
        return self.to_svg()

    def _graph(self) -> "Graph":
        from asfini.view.graphs import graph  # only who draws needs it

        return graph(self.definition)

    def check(self) -> None:
        """Make sure that nothing is wrong with the definition.

        Raises:
            DefinitionError: something is; all of it is named.
        """
        if found := problems(self):
            raise DefinitionError(f"state machine {self.name!r}", found)


def machine_told(told: Mapping[str, Any]) -> StateMachine:
    """Read a machine as the service describes it, by the API's own names."""
    return StateMachine(
        told["name"],
        Definition.from_json(told["definition"]),
        type=told.get("type", "STANDARD"),
        role=told.get("roleArn"),
        logging=told.get("loggingConfiguration"),
        tracing=told.get("tracingConfiguration", {}).get("enabled"),
        encryption=told.get("encryptionConfiguration"),
    )


def _refuse_bare_states(given: Any, what: str) -> None:
    """Refuse states by name, as sfini took them: they would pass for fields that are not known."""
    if isinstance(given, Mapping) and any(isinstance(value, State) for value in given.values()):
        raise InvalidArgument(f"the states {what} go into Definition(start_at=…, states=…), or are linked")


def construct_state_machine(
    name: str,
    start: State,
    *,
    comment: str | None = None,
    timeout_seconds: int | timedelta | None = None,
    query_language: Literal["JSONPath", "JSONata"] | None = None,
    **options: Unpack[MachineOptions],
) -> StateMachine:
    """Make a machine of all states that can be reached from the first one.

    Construct it last: states that are linked afterwards are not in it.

    Args:
        name: the machine's name, at most 80 characters.
        start: the state to start with.
        comment: what the machine is for.
        timeout_seconds: seconds after which an execution ends as timed out.
        query_language: the language of the states' expressions; AWS's default is JSONPath.
        options: `type`, `role` and the other options of `StateMachine`.

    Raises:
        DefinitionError: the machine breaks rules of the States Language; all of them are named.
        InvalidArgument: the name is not one that AWS takes, or two states have the same one.
    """
    fields: dict[str, Any] = {
        "comment": comment,
        "timeout_seconds": timeout_seconds,
        "query_language": query_language,
    }
    given = {field: value for field, value in fields.items() if value is not None}
    machine = StateMachine(name, Definition.starting_at(start, **given), **options)
    machine.check()
    return machine
