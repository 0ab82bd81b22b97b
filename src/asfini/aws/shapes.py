"""Values in the forms that Step Functions gives them and in those of botocore, by the services' own models.

Definitions write all members in PascalCase, whatever the service's case, and may have JSON where text is
wanted.
"""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Style:
    """How a generation of AWS's SDK for Java names things, and tells dates."""

    member: Callable[[str], str]
    """Makes of a member's name in a service's model the one in definitions and results."""
    date: Callable[[datetime], Any]
    exception: Callable[[str], str]
    """Makes of an error's name in a service's model the one of the exception."""


Convert = Callable[[Any, Any, str, list[str], Style], Any]


def first_member(name: str) -> str:
    """A member's name in optimized integrations."""
    return name[:1].upper() + name[1:]


def second_member(name: str) -> str:
    """A member's name in integrations of `aws-sdk`: `DBInstance` is `DbInstance`, but `ETag` is itself."""
    if name in _RENAMED:
        return _RENAMED[name]
    return _CAPITALS.sub(lambda found: found[0].capitalize(), first_member(name))


_CAPITALS = re.compile("^[A-Z]+(?![a-z])")
"""The capital letters that a name begins with, but for one that begins a word of small letters."""
_RENAMED = {"NULL": "Nul", "equals": "EqualsValue"}
"""Members that Java needs another name for."""


def first_exception(name: str) -> str:
    """An exception's name in optimized integrations."""
    return f"{first_member(name.removesuffix('Fault').removesuffix('Exception'))}Exception"


def second_exception(name: str) -> str:
    """An exception's name in integrations of `aws-sdk`: of `DBProxyNotFound`, `DbProxyNotFoundException`."""
    words = _words(name.removesuffix("Fault").removesuffix("Exception"))
    return f"{''.join(words)}Exception"


def service_name(service_id: str) -> str:
    """The name of a service in errors, made of the id in its model: `DynamoDB` is `DynamoDb`.

    It is the one that AWS's SDK for Java makes: its words, each with one capital letter, without "AWS" or
    "Amazon" before them and "Service" behind them.
    """
    name = "".join(_words(service_id))
    return name.removeprefix("Amazon").removeprefix("Aws").removesuffix("Service")


def _words(name: str) -> list[str]:
    """The words that a name is made of, each with one capital letter."""
    text = re.sub(r"[^A-Za-z0-9]+", " ", name)
    for pattern in _BETWEEN_WORDS:
        text = re.sub(pattern, " ", text)
    return [word[:1].upper() + word[1:].lower() for word in text.split()]


_BETWEEN_WORDS = (
    r"(?<=[^a-z][^a-z])(?=v[0-9])",
    r"(?<=[a-z])(?=[A-Z][A-Za-z0-9])",
    r"(?<=[A-Z])(?=[A-Z][a-z])",
    r"(?<=[^A-Z][^A-Z])(?=V[0-9])",
    r"(?<=[0-9])(?=[A-Za-z])",
)


def native(shape: Any, given: Any, faults: list[str], style: Style, name: str = "Parameters") -> Any:
    """Make what botocore takes of what a definition gives.

    Args:
        shape: botocore's model of it.
        given: the value, as JSON data.
        faults: what is wrong with it is added here, in Step Functions' words.
        style: how members are named.
        name: the field that it stands in.
    """
    if getattr(shape, "is_document_type", False):
        return given
    return _NATIVE.get(shape.type_name, _number)(shape, given, name, faults, style)


def _wrong(name: str, faults: list[str]) -> None:
    faults.append(f"The value of the field '{name}' has an invalid format")


def _structure(shape: Any, given: Any, name: str, faults: list[str], style: Style) -> Any:
    if not isinstance(given, dict):
        return _wrong(name, faults)
    members = {style.member(member): member for member in shape.members}
    faults += [f"The field '{key}' is not supported by Step Functions" for key in given if key not in members]
    faults += [
        f"The field '{style.member(key)}' is required but was missing"
        for key in shape.required_members
        if given.get(style.member(key)) is None and not shape.members[key].metadata.get("idempotencyToken")
    ]
    return {
        members[key]: native(shape.members[members[key]], value, faults, style, key)
        for key, value in given.items()
        if key in members and value is not None
    }


def _list(shape: Any, given: Any, name: str, faults: list[str], style: Style) -> Any:
    if not isinstance(given, list):
        return _wrong(name, faults)
    return [native(shape.member, value, faults, style, name) for value in given]


def _map(shape: Any, given: Any, name: str, faults: list[str], style: Style) -> Any:
    if not isinstance(given, dict):
        return _wrong(name, faults)
    return {key: native(shape.value, value, faults, style, key) for key, value in given.items()}


def _string(_shape: Any, given: Any, _name: str, _faults: list[str], style: Style) -> str:
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, separators=(",", ":"))


def _blob(shape: Any, given: Any, name: str, faults: list[str], style: Style) -> bytes:
    return _string(shape, given, name, faults, style).encode(errors="surrogatepass")


def _boolean(_shape: Any, given: Any, name: str, faults: list[str], _style: Style) -> Any:
    known = {"true": True, "false": False}
    found = given if isinstance(given, bool) else known.get(str(given).lower())
    return _wrong(name, faults) if found is None else found


def _timestamp(_shape: Any, given: Any, name: str, faults: list[str], _style: Style) -> Any:
    try:
        if isinstance(given, str):
            return datetime.fromisoformat(given)
        return datetime.fromtimestamp(given, UTC)
    except (ArithmeticError, OSError, TypeError, ValueError):
        return _wrong(name, faults)


def _number(shape: Any, given: Any, name: str, faults: list[str], _style: Style) -> Any:
    try:
        number = float(given) if not isinstance(given, (bool, int)) else given
        if isinstance(given, bool) or (shape.type_name in _WHOLE and number != int(number)):
            return _wrong(name, faults)
        return int(given) if shape.type_name in _WHOLE else number
    except (ArithmeticError, TypeError, ValueError):
        return _wrong(name, faults)


_WHOLE = frozenset({"integer", "long"})
_NATIVE: dict[str, Convert] = {
    "blob": _blob,
    "boolean": _boolean,
    "list": _list,
    "map": _map,
    "string": _string,
    "structure": _structure,
    "timestamp": _timestamp,
}


def told(shape: Any, value: Any, style: Style) -> Any:
    """Make what a task's result tells of what botocore gives: members in PascalCase, in alphabetical order.

    Args:
        shape: botocore's model of it.
        value: the value.
        style: how members are named, and dates told.
    """
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        members = sorted((style.member(name), name) for name in shape.members if value.get(name) is not None)
        return {key: told(shape.members[name], value[name], style) for key, name in members}
    if shape.type_name == "list":
        return [told(shape.member, item, style) for item in value]
    if shape.type_name == "map":
        return {key: told(shape.value, item, style) for key, item in value.items()}
    if isinstance(value, datetime):
        return style.date(value)
    return _text(value) if isinstance(value, bytes) else value


def _text(value: bytes) -> str:
    """Bytes as text, or in base 64 where they are none."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def instant(date: datetime) -> str:
    """A date as results of `aws-sdk` tell it: in UTC, with milliseconds if there are any."""
    date = date.astimezone(UTC)
    spec = "milliseconds" if date.microsecond else "seconds"
    return date.isoformat(timespec=spec).replace("+00:00", "Z")


def milliseconds(date: datetime) -> int:
    """A date as results of optimized integrations tell it: in milliseconds since 1970."""
    return round(date.timestamp() * 1000)


FIRST = Style(first_member, milliseconds, first_exception)
"""The first generation of the SDK, which most optimized integrations call with."""
SECOND = Style(second_member, instant, second_exception)
"""The second, which integrations of `aws-sdk` call with."""
