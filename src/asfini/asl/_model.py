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
    PlainValidator,
    PrivateAttr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_pascal

from asfini.errors import InvalidArgument


def _with_zone(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"a time needs a time zone, but {value.isoformat()} has none")
    return value


Time = Annotated[datetime, AfterValidator(_with_zone)] | str
"""A `datetime` with a time zone, or text, which is written as it stands."""


def copied(value: Any) -> Any:
    """Copy JSON data, so that what is done to the original changes nothing here."""
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    return [copied(part) for part in value] if isinstance(value, list) else value


def _kept(value: Any) -> Any:
    try:
        return copied(value)
    except RecursionError:
        raise ValueError("the value is too deeply nested, or holds itself") from None


Json = Annotated[Any, PlainValidator(_kept)]
"""JSON data, of which a model keeps a copy. Objects with a JSON form stay what they are."""

LINKS = ("next", "default")
"""The fields that hold a state's name, and take the state itself."""

_MAX_SHOWN = 200
"""Characters of a value in a message."""


class _Fields(dict[str, Any]):
    """Values by the fields' names, where pydantic would else read JSON."""


class Model(BaseModel):
    """A JSON object of the States Language.

    Keyword arguments and attributes have snake-case names, JSON has the language's. A field that is *unset*
    is left out of the JSON; `None` is written as `null`. JSON may hold unknown fields, which are kept; an
    unknown keyword argument or attribute is refused, for it is a typing mistake.
    """

    model_config = ConfigDict(
        extra="allow",
        strict=True,  # what JSON holds is written again as it was: "true" does not become true
        validate_assignment=True,
        validate_by_name=True,
        defer_build=True,
        arbitrary_types_allowed=True,
    )

    positional: ClassVar[tuple[str, ...]] = ()
    """The fields that may be given by position, in this order."""
    required: ClassVar[tuple[str, ...]] = ()
    """The fields that an author must give. JSON may lack them: see `from_dict`."""

    _links: dict[str, Any] = PrivateAttr(default_factory=dict)
    """The states that fields name, as far as they are known. Replaced, never changed: copies share it."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Let only authors be held to the required fields, for incomplete JSON is read too."""
        super().__pydantic_init_subclass__(**kwargs)
        lacking = [name for name, field in cls.model_fields.items() if field.is_required()]
        for name in lacking:
            cls.model_fields[name].default = None
        needed = dict.fromkeys((*cls.required, *lacking))
        cls.required = tuple(name for name in needed if not cls.model_fields[name].default)

    if not TYPE_CHECKING:  # For type checkers, pydantic makes the signature from the fields.

        def __init__(self, *args: Any, **given: Any) -> None:
            fields = _Fields(self._arguments(args, given))
            links = {name: fields[name] for name in LINKS if is_state(fields.get(name))}
            fields |= {name: state.name for name, state in links.items()}
            fields |= {name: [*value] for name, value in fields.items() if isinstance(value, tuple)}
            try:
                self.__pydantic_validator__.validate_python(fields, self_instance=self)
            except ValidationError as error:
                raise InvalidArgument(explain(type(self).__name__, fields.get("name"), error)) from None
            self._links = links

        __init__.__pydantic_base_init__ = True  # JSON is validated without it

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Self:
        """Read JSON wherever an object is expected: mappings but our own have the language's names."""
        if isinstance(value, Mapping) and not isinstance(value, _Fields):
            return cls.from_dict(value)
        read: Self = handler(value)
        return read

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
                raise TypeError(cls._unknown(name))
        return named | fields

    @classmethod
    def _unknown(cls, name: str) -> str:
        near = difflib.get_close_matches(name, cls.model_fields, 1)
        return f"{cls.__name__} has no field {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")

    if not TYPE_CHECKING:  # Type checkers must not think that there are other attributes.

        def __setattr__(self, name: str, value: Any) -> None:
            if name.startswith("_"):
                super().__setattr__(name, value)
                return
            if name not in type(self).model_fields:
                raise AttributeError(self._unknown(name))
            link = {name: value} if name in LINKS and is_state(value) else {}
            try:
                super().__setattr__(name, link[name].name if link else value)
            except ValidationError as error:
                own_name = self.held("name")
                raise InvalidArgument(explain(type(self).__name__, own_name, error)) from None
            self._forget(name)
            self._links |= link

    def _forget(self, field: str) -> None:
        """Drop what a field held before, but for its value: the state, and JSON that did not fit."""
        self._links = {name: state for name, state in self._links.items() if name != field}
        if self.__pydantic_extra__:
            self.__pydantic_extra__.pop(wire_name(type(self), field), None)

    def given(self, field: str) -> bool:
        """Whether a field was set, if only to `None`: set fields are written, others are not."""
        return field in self.model_fields_set

    def unset(self, field: str) -> None:
        """Make a field absent, as if it had never been given."""
        vars(self)[field] = type(self).model_fields[field].get_default()
        self.model_fields_set.discard(field)
        self._forget(field)

    def held(self, field: str) -> Any:
        """What a field holds; `None` where the class has no such field, for unknown JSON is none."""
        return vars(self).get(field)

    def to_dict(self) -> dict[str, Any]:
        """Write the object as plain JSON data, with the language's own names."""
        fields = self.__dict__
        given = self.model_fields_set
        written = {key: plain(fields[name]) for name, key in wire_names(type(self)) if name in given}
        return {**written, **copied(self.model_extra or {})}

    @model_serializer(mode="plain")
    def _serialize(self) -> dict[str, Any]:
        return self.to_dict()

    def _link(self, field: str, state: Any) -> None:
        """Let a field name a state, and remember it: type checkers know of the name only."""
        setattr(self, field, state)

    def linked(self) -> Iterator[Any]:
        """The states that this object names and knows, in the order of its fields."""
        yield from self._links.values()

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show what was given."""
        shown = self.model_fields_set | {"name"}
        yield from ((name, value) for name, value in super().__repr_args__() if name in shown)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, Model):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read plain JSON data with the language's own names.

        Nothing is refused and nothing is lost: what no field can hold is kept as it stands and written again.
        What is wrong with it, `asfini.problems` tells.
        """
        known = {name: key for name, key in wire_names(cls) if key in data}
        validate = cls.__pydantic_validator__.validate_python
        try:
            read: Self = validate(_Fields((name, data[key]) for name, key in known.items()))
        except ValidationError as error:
            unfit = {detail["loc"][0] for detail in error.errors(include_url=False)}
            known = {name: key for name, key in known.items() if name not in unfit}
            read = validate(_Fields((name, data[key]) for name, key in known.items()))
        if len(known) < len(data):
            taken = frozenset(known.values())
            rest = {key: copied(value) for key, value in data.items() if key not in taken}
            object.__setattr__(read, "__pydantic_extra__", rest)
        return read


@functools.cache
def wire_names(kind: type[Model]) -> tuple[tuple[str, str], ...]:
    """The fields of a class that are written, each with its key in JSON."""
    return tuple(
        (name, wire_name(kind, name)) for name, field in kind.model_fields.items() if not field.exclude
    )


def wire_name(kind: type[Model], field: str) -> str:
    """A field's key in JSON."""
    return kind.model_fields[field].serialization_alias or to_pascal(field)


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


def explain(what: str, name: object, error: ValidationError) -> str:
    """Say in one line what a validation found, naming the object, its fields and their values."""
    faults: dict[str, list[Any]] = {}
    for fault in error.errors(include_url=False):
        field, *rest = fault["loc"] or ("",)  # then an index; the name of a union's part says nothing
        place = ".".join([str(field), *(str(part) for part in rest if isinstance(part, int))])
        faults.setdefault(place, []).append(fault)
    reasons = [f"{place}: {_reason(found)}" for place, found in faults.items()]
    return f"{what}{f' {name!r}' if isinstance(name, str) else ''}: {'; '.join(reasons)}"


def _reason(faults: list[Any]) -> str:
    """Say what is wrong with a value, of which each part of a union may say something else."""
    own = [fault["msg"].removeprefix("Value error, ") for fault in faults if fault["type"] == "value_error"]
    if own:
        return "; ".join(own)
    expected = " or ".join(dict.fromkeys(fault["msg"].removeprefix("Input should be ") for fault in faults))
    value = repr(faults[0]["input"])
    shown = value if len(value) <= _MAX_SHOWN else f"{value[:_MAX_SHOWN]}…"
    return f"{expected[0].lower()}{expected[1:]}, not {shown}"
