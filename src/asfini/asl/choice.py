"""The rules of a Choice: a class per operator, `And`, `Or`, `Not`, and JSONata conditions.

The operators themselves are in `asfini.asl.comparisons`. Rules combine with `&`, `|` and `~`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, PlainValidator

from asfini.asl._model import Json, Model
from asfini.errors import InvalidArgument

if TYPE_CHECKING:
    from asfini.asl.states import State

OPERATORS: dict[str, type["Rule"]] = {}
"""Every key that makes a JSON object a rule, with the rule's class; `comparisons` adds its own."""


class Rule(Model):
    """When it holds, its Choice goes on to `next`."""

    next: str | None = None
    """The name of the state to go to. A state itself may be given."""
    comment: str | None = None
    """For people."""
    assign: dict[str, Json] | None = None
    """Variables to set when the rule holds."""
    output: Json = None
    """What the Choice passes on when the rule holds (JSONata)."""

    def __and__(self, other: "Rule") -> "And":
        return And([self, other])

    def __or__(self, other: "Rule") -> "Or":
        return Or([self, other])

    def __invert__(self) -> "Not":
        return Not(self)

    def __bool__(self) -> bool:
        """Refuse `and`, `or` and `not`, which would keep just one of the rules.

        Raises:
            TypeError: always.
        """
        raise TypeError("rules are combined with &, | and ~, not with and, or and not")


def read_rule(value: Any) -> Rule:
    """Make a rule of its JSON object."""
    if isinstance(value, Rule):
        return value
    if not isinstance(value, Mapping):
        raise InvalidArgument(f"a rule is needed, not {value!r}")
    from asfini.asl import comparisons  # noqa: F401 - many classes, which few programs need at once

    operators = [key for key in value if key in OPERATORS]
    return OPERATORS.get(operators[0] if len(operators) == 1 else "", Rule).from_dict(value)


AnyRule = Annotated[Rule, PlainValidator(read_rule)]


class Condition(Rule):
    """A rule in JSONata: `Condition("{% $states.input.n > 10 %}")`."""

    positional: ClassVar[tuple[str, ...]] = ("condition", "next")

    condition: str | bool = Field(kw_only=False)
    """A JSONata expression in `{% … %}` that gives a boolean, or a boolean."""


class And(Rule):
    """All of the rules hold."""

    positional: ClassVar[tuple[str, ...]] = ("rules", "next")

    rules: list[AnyRule] = Field(kw_only=False, serialization_alias="And")
    """Rules that say nowhere to go themselves."""

    if TYPE_CHECKING:

        def __init__(
            self,
            rules: Sequence[Rule],
            next: "State | str | None" = None,
            *,
            comment: str | None = None,
            assign: dict[str, Any] | None = None,
            output: Any = None,
        ) -> None: ...


class Or(Rule):
    """At least one of the rules holds."""

    positional: ClassVar[tuple[str, ...]] = ("rules", "next")

    rules: list[AnyRule] = Field(kw_only=False, serialization_alias="Or")
    """Rules that say nowhere to go themselves."""

    if TYPE_CHECKING:

        def __init__(
            self,
            rules: Sequence[Rule],
            next: "State | str | None" = None,
            *,
            comment: str | None = None,
            assign: dict[str, Any] | None = None,
            output: Any = None,
        ) -> None: ...


class Not(Rule):
    """The rule does not hold."""

    positional: ClassVar[tuple[str, ...]] = ("rule", "next")

    rule: AnyRule = Field(kw_only=False, serialization_alias="Not")
    """A rule that says nowhere to go itself."""

    if TYPE_CHECKING:

        def __init__(
            self,
            rule: Rule,
            next: "State | str | None" = None,
            *,
            comment: str | None = None,
            assign: dict[str, Any] | None = None,
            output: Any = None,
        ) -> None: ...


OPERATORS |= {"And": And, "Or": Or, "Not": Not, "Condition": Condition}
