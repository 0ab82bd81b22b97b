"""Values in the forms that Step Functions gives them and in those of botocore, by the services' own models.

Definitions write all members in PascalCase, whatever the service's case, and may have JSON where text is
wanted.
"""

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Dates = Callable[[datetime], Any]
"""How a date is told."""
Convert = Callable[[Any, Any, str, list[str]], Any]


def pascal(name: str) -> str:
    """A member's name as definitions write it. `equals` is a method in Java, so it has another one."""
    return "EqualsValue" if name == "equals" else name[:1].upper() + name[1:]


def service_name(service_id: str) -> str:
    """The name of a service in errors, made of the id in its model: `DynamoDB` is `DynamoDb`.

    It is the one that AWS's SDK for Java makes: its words, each with one capital letter, without "AWS" or
    "Amazon" before them and "Service" behind them.
    """
    text = re.sub(r"[^A-Za-z0-9]+", " ", service_id)
    for pattern in _BETWEEN_WORDS:
        text = re.sub(pattern, " ", text)
    name = "".join(word[:1].upper() + word[1:].lower() for word in text.split())
    return name.removeprefix("Amazon").removeprefix("Aws").removesuffix("Service")


_BETWEEN_WORDS = (
    r"(?<=[^a-z][^a-z])(?=v[0-9])",
    r"(?<=[a-z])(?=[A-Z][A-Za-z0-9])",
    r"(?<=[A-Z])(?=[A-Z][a-z])",
    r"(?<=[^A-Z][^A-Z])(?=V[0-9])",
    r"(?<=[0-9])(?=[A-Za-z])",
)


def native(shape: Any, given: Any, faults: list[str], name: str = "Parameters") -> Any:
    """Make what botocore takes of what a definition gives.

    Args:
        shape: botocore's model of it.
        given: the value, as JSON data.
        faults: what is wrong with it is added here, in Step Functions' words.
        name: the field that it stands in.
    """
    if getattr(shape, "is_document_type", False):
        return given
    return _NATIVE.get(shape.type_name, _number)(shape, given, name, faults)


def _wrong(name: str, faults: list[str]) -> None:
    faults.append(f"The value of the field '{name}' has an invalid format")


def _structure(shape: Any, given: Any, name: str, faults: list[str]) -> Any:
    if not isinstance(given, dict):
        return _wrong(name, faults)
    members = {pascal(member): member for member in shape.members}
    faults += [f"The field '{key}' is not supported by Step Functions" for key in given if key not in members]
    faults += [
        f"The field '{pascal(key)}' is required but was missing"
        for key in shape.required_members
        if given.get(pascal(key)) is None
    ]
    return {
        members[key]: native(shape.members[members[key]], value, faults, key)
        for key, value in given.items()
        if key in members and value is not None
    }


def _list(shape: Any, given: Any, name: str, faults: list[str]) -> Any:
    if not isinstance(given, list):
        return _wrong(name, faults)
    return [native(shape.member, value, faults, name) for value in given]


def _map(shape: Any, given: Any, name: str, faults: list[str]) -> Any:
    if not isinstance(given, dict):
        return _wrong(name, faults)
    return {key: native(shape.value, value, faults, key) for key, value in given.items()}


def _string(_shape: Any, given: Any, _name: str, _faults: list[str]) -> str:
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, separators=(",", ":"))


def _blob(shape: Any, given: Any, name: str, faults: list[str]) -> bytes:
    return _string(shape, given, name, faults).encode(errors="surrogatepass")


def _boolean(_shape: Any, given: Any, name: str, faults: list[str]) -> Any:
    known = {"true": True, "false": False}
    found = given if isinstance(given, bool) else known.get(str(given).lower())
    return _wrong(name, faults) if found is None else found


def _timestamp(_shape: Any, given: Any, name: str, faults: list[str]) -> Any:
    try:
        if isinstance(given, str):
            return datetime.fromisoformat(given)
        return datetime.fromtimestamp(given, UTC)
    except (ArithmeticError, OSError, TypeError, ValueError):
        return _wrong(name, faults)


def _number(shape: Any, given: Any, name: str, faults: list[str]) -> Any:
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


def told(shape: Any, value: Any, dates: Dates) -> Any:
    """Make what a task's result tells of what botocore gives: members in PascalCase, in alphabetical order.

    Args:
        shape: botocore's model of it.
        value: the value.
        dates: how dates are told.
    """
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        members = sorted((pascal(name), name) for name in shape.members if value.get(name) is not None)
        return {key: told(shape.members[name], value[name], dates) for key, name in members}
    if shape.type_name == "list":
        return [told(shape.member, item, dates) for item in value]
    if shape.type_name == "map":
        return {key: told(shape.value, item, dates) for key, item in value.items()}
    if isinstance(value, datetime):
        return dates(value)
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
