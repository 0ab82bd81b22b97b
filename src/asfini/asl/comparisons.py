"""The 39 comparisons of the States Language.

A comparison reads its operand from a path and holds it against a value, or against what another path gives
(the classes whose names end in `Path`).
"""

import operator
import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from asfini.asl._model import Time
from asfini.asl.choice import OPERATORS, Rule

PLACEHOLDER = re.compile(r"\$\{[^}]+\}")
"""A CloudFormation substitution, which deployed templates put where a value will stand."""
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}
"""How values are compared, by what operators have in their names."""


class Comparison(Rule):
    """A rule that compares the value at a path."""

    positional: ClassVar[tuple[str, ...]] = ("variable", "value", "next")

    variable: str = Field(kw_only=False)
    """The path of the value that is compared: `"$.order.total"`."""
    value: Any = Field(kw_only=False)
    """What it is compared to. In JSON, its key is the operator's name."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Write the value under the operator's name."""
        super().__pydantic_init_subclass__(**kwargs)
        if not cls.__name__.startswith("_"):
            field = cls.model_fields["value"]
            field.serialization_alias = cls.__name__
            OPERATORS[cls.__name__] = cls


def _or_placeholder(value: Any) -> Any:
    """Let text stand for a value of another type only where a deployment will replace it."""
    if isinstance(value, str) and not PLACEHOLDER.search(value):
        raise ValueError(f"{value!r} is text, where another type is compared")
    return value


Placeholder = Annotated[str, AfterValidator(_or_placeholder)]
Number = Annotated[int | float | str, AfterValidator(_or_placeholder)]


class _String(Comparison):
    value: str = Field(kw_only=False)


class _Numeric(Comparison):
    value: Number = Field(kw_only=False)


class _Timestamp(Comparison):
    value: Time = Field(kw_only=False)


class _Boolean(Comparison):
    value: bool | Placeholder = Field(kw_only=False)


class _Test(_Boolean):
    value: bool | Placeholder = Field(default=True, kw_only=False)

    @classmethod
    def _arguments(cls, args: tuple[Any, ...], fields: dict[str, Any]) -> dict[str, Any]:
        """Write the value also where it is not given."""
        return {"value": True} | super()._arguments(args, fields)


class _Path(Comparison):
    value: str = Field(kw_only=False)
    """The path of what it is compared to."""


class StringEquals(_String):
    """The text is the given one."""


class StringLessThan(_String):
    """The text is below the given one."""


class StringGreaterThan(_String):
    """The text is above the given one."""


class StringLessThanEquals(_String):
    """The text is at most the given one."""


class StringGreaterThanEquals(_String):
    """The text is at least the given one."""


class StringMatches(_String):
    r"""The text fits a pattern in which `*` stands for any characters, and `\*` for a star."""


class StringEqualsPath(_Path):
    """The text is the one at another path."""


class StringLessThanPath(_Path):
    """The text is below the one at another path."""


class StringGreaterThanPath(_Path):
    """The text is above the one at another path."""


class StringLessThanEqualsPath(_Path):
    """The text is at most the one at another path."""


class StringGreaterThanEqualsPath(_Path):
    """The text is at least the one at another path."""


class NumericEquals(_Numeric):
    """The number is the given one."""


class NumericLessThan(_Numeric):
    """The number is below the given one."""


class NumericGreaterThan(_Numeric):
    """The number is above the given one."""


class NumericLessThanEquals(_Numeric):
    """The number is at most the given one."""


class NumericGreaterThanEquals(_Numeric):
    """The number is at least the given one."""


class NumericEqualsPath(_Path):
    """The number is the one at another path."""


class NumericLessThanPath(_Path):
    """The number is below the one at another path."""


class NumericGreaterThanPath(_Path):
    """The number is above the one at another path."""


class NumericLessThanEqualsPath(_Path):
    """The number is at most the one at another path."""


class NumericGreaterThanEqualsPath(_Path):
    """The number is at least the one at another path."""


class TimestampEquals(_Timestamp):
    """The time is the given one."""


class TimestampLessThan(_Timestamp):
    """The time is below the given one."""


class TimestampGreaterThan(_Timestamp):
    """The time is above the given one."""


class TimestampLessThanEquals(_Timestamp):
    """The time is at most the given one."""


class TimestampGreaterThanEquals(_Timestamp):
    """The time is at least the given one."""


class TimestampEqualsPath(_Path):
    """The time is the one at another path."""


class TimestampLessThanPath(_Path):
    """The time is below the one at another path."""


class TimestampGreaterThanPath(_Path):
    """The time is above the one at another path."""


class TimestampLessThanEqualsPath(_Path):
    """The time is at most the one at another path."""


class TimestampGreaterThanEqualsPath(_Path):
    """The time is at least the one at another path."""


class BooleanEquals(_Boolean):
    """The boolean is the given one."""


class BooleanEqualsPath(_Path):
    """The boolean is the one at another path."""


class IsNull(_Test):
    """The value is null (or is not, for `False`)."""


class IsPresent(_Test):
    """The value is there at all (or is not, for `False`)."""


class IsNumeric(_Test):
    """The value is a number (or is not, for `False`)."""


class IsString(_Test):
    """The value is text (or is not, for `False`)."""


class IsBoolean(_Test):
    """The value is a boolean (or is not, for `False`)."""


class IsTimestamp(_Test):
    """The value is text in the form of a time (or is not, for `False`)."""
