"""The base of everything that is written as States Language JSON."""

import difflib
import functools
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictStr,
    ValidationError,
    model_serializer,
)
from pydantic.alias_generators import to_pascal

from asfini.errors import InvalidArgument


def _with_zone(value: datetime | str) -> datetime | str:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError(f"a time needs a time zone, but {value.isoformat()} has none")
    return value


Time = Annotated[StrictStr | datetime, Field(union_mode="left_to_right"), AfterValidator(_with_zone)]
"""A `datetime` with a time zone, or text, which is written as it stands."""


LINKS = ("next", "default")
"""The fields that hold a state's name, and take the state itself."""


class Model(BaseModel):
    """A JSON object of the States Language.

    Keyword arguments and attributes have snake-case names, JSON has the language's. A field that is *unset* is
    left out of the JSON; `None` is written as `null`. JSON may hold unknown fields, which are kept; an unknown
    keyword argument is refused, for it is a typing mistake.
    """

    model_config = ConfigDict(
        alias_generator=to_pascal,
        extra="allow",
        validate_by_name=True,
        validate_by_alias=True,
        defer_build=True,
        arbitrary_types_allowed=True,
    )

    positional: ClassVar[tuple[str, ...]] = ()
    """The fields that may be given by position, in this order."""
    required: ClassVar[tuple[str, ...]] = ()
    """The fields that an author must give. JSON may lack them: see `from_dict`."""

    _links: dict[str, Any] = PrivateAttr(default_factory=dict)
    """The states that fields name, where they were given as objects: field → state."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Let only authors be held to the required fields, for incomplete JSON is read too."""
        super().__pydantic_init_subclass__(**kwargs)
        lacking = [name for name, field in cls.model_fields.items() if field.is_required()]
        for name in lacking:
            cls.model_fields[name].default = None
        cls.required = (*cls.required, *lacking)

    if not TYPE_CHECKING:  # For type checkers, pydantic makes the signature from the fields.

        def __init__(self, *args: Any, **fields: Any) -> None:
            fields = self._arguments(args, fields)
            links = {name: fields[name] for name in LINKS if is_state(fields.get(name))}
            fields |= {name: state.name for name, state in links.items()}
            try:
                self.__pydantic_validator__.validate_python(
                    fields, self_instance=self, by_alias=False, by_name=True
                )
            except ValidationError as error:
                raise InvalidArgument(explain(type(self).__name__, fields, error)) from None
            self._links.update(links)

        __init__.__pydantic_base_init__ = True  # JSON is validated without it

    @classmethod
    def _arguments(cls, args: tuple[Any, ...], fields: dict[str, Any]) -> dict[str, Any]:
        """Give positional arguments their names, and refuse what no field is called."""
        if len(args) > len(cls.positional):
            raise TypeError(
                f"{cls.__name__} takes at most {len(cls.positional)} positional arguments: "
                f"{', '.join(cls.positional)}; {len(args)} were given"
            )
        named = dict(zip(cls.positional, args, strict=False))
        if both := named.keys() & fields.keys():
            raise TypeError(f"{cls.__name__} got two values for {', '.join(sorted(both))}")
        if lacking := [name for name in cls.required if name not in named | fields]:
            raise TypeError(f"{cls.__name__} needs {', '.join(lacking)}")
        for name in fields:
            if name not in cls.model_fields:
                near = difflib.get_close_matches(name, cls.model_fields, 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise TypeError(f"{cls.__name__} has no field {name!r}{hint}")
        return named | fields

    def given(self, field: str) -> bool:
        """Whether a field was set, if only to `None`: set fields are written, others are not."""
        return field in self.model_fields_set

    def unset(self, field: str) -> None:
        """Make a field absent, as if it had never been given."""
        self.__dict__[field] = type(self).model_fields[field].get_default()
        self.model_fields_set.discard(field)
        self._links.pop(field, None)

    def to_dict(self) -> dict[str, Any]:
        """Write the object as plain JSON data, with the language's own names."""
        fields = self.__dict__
        given = self.model_fields_set
        written = {key: plain(fields[name]) for name, key in wire_names(type(self)) if name in given}
        return written | (self.model_extra or {})

    @model_serializer(mode="plain")
    def _serialize(self) -> dict[str, Any]:
        return self.to_dict()

    def linked(self) -> Iterator[Any]:
        """The states that this object names and knows, in the order of its fields."""
        yield from self._links.values()

    def _link(self, field: str, state: Any) -> None:
        """Let a field name a state: given as an object it is remembered, as text it is just written."""
        setattr(self, field, state.name if is_state(state) else state)
        self._links.pop(field, None)
        if is_state(state):
            self._links[field] = state

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self.to_dict() == other.to_dict()  # type: ignore[attr-defined]

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read plain JSON data with the language's own names.

        Nothing is refused and nothing is lost: what no field can hold is kept as it stands and written again.
        What is wrong with it, `asfini.problems` tells.
        """
        try:
            return cls.model_validate(data, by_alias=True, by_name=False)
        except ValidationError as error:
            unfit = {str(detail["loc"][0]) for detail in error.errors(include_url=False) if detail["loc"]}
            fitting = {key: value for key, value in data.items() if key not in unfit}
            read = cls.model_validate(fitting, by_alias=True, by_name=False)
            read.__pydantic_extra__ |= {key: data[key] for key in unfit}  # type: ignore[operator]
            return read


@functools.cache
def wire_names(kind: type[Model]) -> tuple[tuple[str, str], ...]:
    """The fields of a class that are written, each with its key in JSON."""
    return tuple(
        (name, field.serialization_alias or to_pascal(name))
        for name, field in kind.model_fields.items()
        if field.exclude is not True
    )


def is_state(value: Any) -> bool:
    """Whether a value is a state as an object, rather than its name."""
    return isinstance(value, Model) and "name" in type(value).model_fields


def plain(value: Any) -> Any:
    """Write whatever a field may hold as plain JSON data."""
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def explain(what: str, fields: dict[str, Any], error: ValidationError) -> str:
    """Say in one line what a validation found, naming the object, its fields and their values."""
    name = fields.get("name")
    reasons = []
    for detail in error.errors(include_url=False):
        place = ".".join(str(part) for part in detail["loc"])
        message = detail["msg"].removeprefix("Value error, ")
        message = message[0].lower() + message[1:]
        value = "" if detail["type"] in {"missing", "value_error"} else f", not {detail['input']!r}"
        reasons.append(f"{place}: {message}{value}" if place else message)
    return f"{what}{f' {name!r}' if isinstance(name, str) else ''}: " + "; ".join(dict.fromkeys(reasons))
