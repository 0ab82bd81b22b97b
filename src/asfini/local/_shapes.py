"""The shapes of requests: which values have them, and what AWS says of those that do not.

Three readers look at the same shapes: an SDK, which sends nothing of another type; AWS's reader of JSON; and
AWS's check of limits.
"""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from asfini import errors


class Shape(ABC):
    """What a value may be."""

    noun: str
    """What it is, for people."""
    java: str = ""
    """What AWS's reader of JSON calls it, with its article."""

    @abstractmethod
    def is_kind(self, value: Any) -> bool:
        """Whether a value is of the right type, whatever it holds."""

    def fits(self, value: Any) -> bool:
        """Whether a value is right in all."""
        return self.is_kind(value) and next(self.constraints(value), None) is None

    def misfits(self, value: Any, path: str) -> Iterator[str]:
        """Say what no SDK would send."""
        if not self.is_kind(value):
            yield f"{path} is {self.noun}, not of type {type(value).__name__}"

    def breaches(self, value: Any, path: str) -> Iterator[str]:
        """Say in AWS's words which limits a value of the right type breaks."""
        for constraint in self.constraints(value):
            yield breach(self.shown(value), path, constraint)

    def constraints(self, value: Any) -> Iterator[str]:
        """Say what the value itself should do, but does not."""
        yield from ()

    def shown(self, value: Any) -> str | None:
        """A value as AWS shows it in a refusal, or nothing where it must not be shown."""
        return str(value)

    def received(self, value: Any) -> Any:
        """A value as AWS reads it from JSON.

        Raises:
            ServiceError: a `SerializationException`, it is of another type.
        """
        return value if self.is_kind(value) else _refuse(value, self.java)


def breach(shown: str | None, path: str, constraint: str) -> str:
    """One validation error of AWS's."""
    quoted = "" if shown is None else f" '{shown}'"
    return f"Value{quoted} at '{path}' failed to satisfy constraint: Member must {constraint}"


@dataclass(frozen=True)
class Text(Shape):
    """Text.

    Args:
        least: the fewest characters.
        most: the most characters.
        values: all texts that are allowed, in the order in which AWS lists them.
        pattern: what it must match, as AWS writes it.
        secret: whether refusals must not show it.
        in_bytes: whether not characters are counted, but bytes.
    """

    least: int | None = None
    most: int | None = None
    values: tuple[str, ...] = ()
    pattern: str | None = None
    secret: bool = False
    in_bytes: bool = False
    noun = "text"
    java = "a String"

    def is_kind(self, value: Any) -> bool:
        """Whether it is text."""
        return isinstance(value, str)

    def constraints(self, value: str) -> Iterator[str]:
        """Compare it with its limits."""
        if self.values and value not in self.values:
            yield f"satisfy enum value set: [{', '.join(self.values)}]"
        size = (
            len(value.encode(errors="surrogatepass")) if self.in_bytes and not value.isascii() else len(value)
        )
        yield from _limits("length", size, self.least, self.most)
        if self.pattern and not re.fullmatch(_python(self.pattern), value):
            yield f"satisfy regular expression pattern: {self.pattern}"

    def shown(self, value: str) -> str | None:
        """Itself, unless it is secret."""
        return None if self.secret else value


def _python(pattern: str) -> str:
    """A pattern of Java's as Python writes it."""
    return pattern.replace(r"\p{ASCII}", r"[\x00-\x7f]")


@dataclass(frozen=True)
class Number(Shape):
    """A number.

    Args:
        least: the least.
        most: the greatest.
        whole: whether it has no fraction.
    """

    least: int | None = None
    most: int | None = None
    whole: bool = True

    @property
    def noun(self) -> str:  # type: ignore[override]
        """What it is, for people."""
        return "a whole number" if self.whole else "a number"

    @property
    def java(self) -> str:  # type: ignore[override]
        """What AWS calls it."""
        return "an Integer" if self.whole else "a Float"

    def is_kind(self, value: Any) -> bool:
        """Whether it is a number, and no boolean."""
        kinds = int if self.whole else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool)

    def constraints(self, value: float) -> Iterator[str]:
        """Compare it with its limits."""
        yield from _limits("value", value, self.least, self.most)

    def received(self, value: Any) -> Any:
        """A number; AWS's reader cuts a fraction off where there must be none."""
        cut = self.whole and isinstance(value, float) and math.isfinite(value)
        return super().received(int(value) if cut else value)


@dataclass(frozen=True)
class Truth(Shape):
    """A boolean."""

    noun = "True or False"
    java = "a Boolean"

    def is_kind(self, value: Any) -> bool:
        """Whether it is a boolean."""
        return isinstance(value, bool)


@dataclass(frozen=True)
class Items(Shape):
    """A list.

    Args:
        of: what is in it.
        least: the fewest items.
        most: the most items.
    """

    of: Shape
    least: int | None = None
    most: int | None = None
    noun = "a list"

    def is_kind(self, value: Any) -> bool:
        """Whether it is a list."""
        return isinstance(value, list)

    def misfits(self, value: Any, path: str) -> Iterator[str]:
        """Look at it and all its items."""
        yield from super().misfits(value, path)
        for index, item in enumerate(value if self.is_kind(value) else ()):
            yield from self.of.misfits(item, f"{path}[{index}]")

    def fits(self, value: Any) -> bool:
        """Look at it and all its items."""
        return super().fits(value) and all(map(self.of.fits, value))

    def breaches(self, value: Any, path: str) -> Iterator[str]:
        """Look at it and all its items."""
        yield from super().breaches(value, path)
        for number, item in enumerate(value, 1):
            yield from self.of.breaches(item, f"{path}.{number}.member")

    def constraints(self, value: list[Any]) -> Iterator[str]:
        """Compare its length with its limits."""
        yield from _limits("length", len(value), self.least, self.most)

    def shown(self, value: list[Any]) -> str | None:
        """Its items, in brackets."""
        return f"[{', '.join(str(self.of.shown(item)) for item in value)}]"

    def received(self, value: Any) -> Any:
        """All items but those that are null."""
        if not self.is_kind(value):
            _refuse(value, "", "Expected list or null")
        return [self.of.received(item) for item in value if item is not None]


@dataclass(frozen=True)
class Fields(Shape):
    """An object.

    Args:
        name: what AWS calls the structure.
        members: its members' shapes.
        needed: the members that must be there.
    """

    name: str
    members: Mapping[str, Shape] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    noun = "an object"

    def is_kind(self, value: Any) -> bool:
        """Whether it is an object."""
        return isinstance(value, Mapping)

    def fits(self, value: Any) -> bool:
        """Look at it and all its members."""
        members = self.members
        return (
            self.is_kind(value)
            and all(name in members and members[name].fits(part) for name, part in value.items())
            and all(name in value for name in self.needed)
        )

    def misfits(self, value: Any, path: str) -> Iterator[str]:
        """Look at it and all its members."""
        if not self.is_kind(value):
            yield from super().misfits(value, path)
            return
        prefix = f"{path}." if path else ""
        yield from (f"unknown parameter '{prefix}{name}'" for name in value if name not in self.members)
        yield from (f"missing parameter '{prefix}{name}'" for name in self.needed if name not in value)
        for name, part in value.items():
            if name in self.members:
                yield from self.members[name].misfits(part, prefix + name)

    def breaches(self, value: Any, path: str) -> Iterator[str]:
        """Look at all its members, in the order of the API's model, and at those that are missing."""
        prefix = f"{path}." if path else ""
        for name, shape in self.members.items():
            if name in value:
                yield from shape.breaches(value[name], prefix + name)
            elif name in self.needed:
                yield f"Value null at '{prefix}{name}' failed to satisfy constraint: Member must not be null"

    def shown(self, value: Any) -> str | None:
        """Its members, behind its name."""
        parts = (f"{name}={self.members[name].shown(part)}" for name, part in value.items())
        return f"{self.name}({', '.join(parts)})"

    def received(self, value: Any) -> Any:
        """Its members, but those that are null or unknown."""
        if not self.is_kind(value):
            _refuse(value, "", "Expected null")
        members = self.members
        return {
            name: members[name].received(part)
            for name, part in value.items()
            if part is not None and name in members
        }


def _limits(what: str, size: float, least: int | None, most: int | None) -> Iterator[str]:
    if least is not None and not size >= least:  # so that NaN fails, too
        yield f"have {what} greater than or equal to {least}"
    if most is not None and not size <= most:
        yield f"have {what} less than or equal to {most}"


def _refuse(value: Any, java: str, otherwise: str = "") -> NoReturn:
    """Say as AWS's reader of JSON that a value is of another type.

    Its words were measured on other services of AWS, which have the same reader.
    """
    if isinstance(value, Mapping):
        text = "Start of structure or map found where not expected."
    elif isinstance(value, list):
        text = "Start of list found where not expected"
    else:
        text = otherwise or f"{_token(value)} can not be converted to {java}"
    raise errors.service_error("SerializationException", text)


def _token(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    return "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"
