"""Times by picture: `$fromMillis`, `$toMillis`, `$now`, `$millis`, as XPath's fn:format-dateTime has it."""

import functools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from asfini.query._jsonata import integers
from asfini.query._jsonata.calendar import DAY, DAYS, MONTHS, PARTS, Moment, day_number
from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.integers import Picture
from asfini.query._jsonata.run import Run, too_large
from asfini.query._jsonata.values import UNDEFINED

_ISO = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]"
_ZONE = "01:01"
_DEFAULTS = {
    **dict.fromkeys("YMDdWwXxHhf", "1"),
    **dict.fromkeys("FPCE", "n"),
    **dict.fromkeys("ms", "01"),
    **dict.fromkeys("Zz", _ZONE),
}
"""How a part of a time is written unless its picture says so."""
_ZONES = "Zz"
_INTEGERS = "YMDdFWwXxHhmsf"
_MOST_MILLIS = 8_640_000_000_000_000
"""JavaScript knows no times that are farther from 1970."""
_MOST_PICTURE = 4096
_MARKER = re.compile(r"\[\[|\[([^\]]*)(\]?)")
_NAMES = {"M": MONTHS, "x": MONTHS, "F": DAYS}
_CASES: dict[str, Callable[[str], str]] = {"lower": str.lower, "upper": str.upper, "title": str}
_NO_PICTURE = Picture()
_TIMESTAMP = re.compile(
    r"(\d{4})(?:-([01]\d))?(?:-([0-3]\d))?(?:T([0-2]\d):([0-5]\d):([0-5]\d))?(?:\.(\d+))?"
    r"(?:Z|([+-])([0-2]\d):?([0-5]\d))?"
)


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a picture: text, or how a part of a time is written."""

    text: str = ""
    letter: str = ""
    names: str = ""
    """How names are written: `lower`, `upper` or `title`; otherwise there are numbers."""
    integer: Picture = _NO_PICTURE
    longest: int | None = None
    """The most letters of a name."""
    zulu: bool = False
    """Whether no offset is written as `Z`."""


@functools.lru_cache(256)
def _analysed(picture: str) -> tuple[_Part, ...]:
    """Read a picture.

    Raises:
        Failure: it is none.
    """
    if len(picture) > _MOST_PICTURE:
        raise too_large()
    parts, start = [], 0
    for found in _MARKER.finditer(picture):
        parts.append(_text(picture[start : found.start()]))
        start = found.end()
        if found[0] == "[[":
            parts.append(_Part("["))
        elif not found[2]:
            raise Failure("D3135")
        else:
            parts.append(_marker("".join(found[1].split())))
    parts.append(_text(picture[start:]))
    return tuple(part for part in parts if part.text or part.letter)


def _text(text: str) -> _Part:
    return _Part(text.replace("]]", "]"))


def _marker(marker: str) -> _Part:
    """Read what stands between brackets, such as `Y0001` or `MNn,3-3`."""
    letter, rest = marker[:1], marker[1:]
    presentation, _, widths = rest.rpartition(",") if "," in rest else (rest, "", "")
    modifier = presentation[-1] if len(presentation) > 1 and presentation[-1] in "atco" else ""
    presentation = presentation.removesuffix(modifier) or _DEFAULTS.get(letter, "")
    if letter not in _DEFAULTS:
        raise Failure("D3132", value=letter)
    shortest, longest = (_width(width) for width in widths.partition("-")[::2])
    names = {"n": "lower", "N": "title" if presentation[1:2] == "n" else "upper"}.get(presentation[0], "")
    part = _Part("", letter, names, longest=longest, zulu=modifier == "t")
    if letter in _ZONES:
        return replace(part, integer=integers.analysed(presentation))
    if names or letter not in _INTEGERS:
        return part
    pattern = f"{presentation};{modifier}" if modifier else presentation
    return replace(part, integer=_sized(integers.analysed(pattern), letter, shortest, longest))


def _width(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 4 else None


def _sized(picture: Picture, letter: str, shortest: int | None, longest: int | None) -> Picture:
    """Give a number the widths of its marker: years, months and days are cut to their digits."""
    picture = replace(picture, digits=max(picture.digits, shortest or 0))
    if letter not in "YMD":
        return picture
    if longest is not None:
        return replace(picture, digits=longest, most=longest)
    width = picture.digits + picture.optional
    return replace(picture, most=width if width >= 2 else -1)


# From a time to text


def from_millis(run: Run, millis: Any = UNDEFINED, picture: Any = UNDEFINED, zone: Any = UNDEFINED) -> Any:
    """Write a time, given in milliseconds since 1970, by a picture and with an offset such as `+0100`."""
    if millis is UNDEFINED:
        return UNDEFINED
    if not abs(millis) <= _MOST_MILLIS:
        raise Failure("D1001", value=millis)
    parts = _analysed(_ISO if picture is UNDEFINED else picture)
    offset = 0 if zone is UNDEFINED else _offset(zone)
    moment = Moment.of(int(millis) + offset * 60_000)
    return run.made("".join(part.text or _written(part, moment, offset) for part in parts))


def now(run: Run, picture: Any = UNDEFINED, zone: Any = UNDEFINED) -> Any:
    """Write the time of the evaluation."""
    return from_millis(run, millis(run), picture, zone)


def millis(run: Run) -> int:
    """The time of the evaluation in milliseconds since 1970."""
    return int(run.time.timestamp() * 1000)


def _offset(zone: str) -> int:
    """Read an offset such as `-0530`, in minutes."""
    found = re.match(r"\s*([+-]?)(\d{1,4})", zone)
    if found is None:
        return 0
    hours, minutes = divmod(int(found[2]), 100)
    return (hours * 60 + minutes) * (-1 if found[1] == "-" else 1)


def _written(part: _Part, moment: Moment, offset: int) -> str:
    if part.letter in _ZONES:
        return _written_zone(part, offset)
    value = PARTS[part.letter](moment)
    if isinstance(value, str):  # am or pm, the calendar, the era
        return value.upper() if part.names == "upper" else value
    if part.names:
        if part.letter not in _NAMES:
            raise Failure("D3133", value=part.letter)
        name = _CASES[part.names](_NAMES[part.letter][value - 1])
        return name if part.longest is None else name[: part.longest]
    if part.letter == "Y" and part.integer.most >= 0:
        value %= 10**part.integer.most
    return integers.written(value, part.integer)


def _written_zone(part: _Part, offset: int) -> str:
    if offset == 0 and part.zulu:
        return "Z"
    picture, sign = part.integer, -1 if offset < 0 else 1
    hours, minutes = divmod(abs(offset), 60)
    if not picture.every and picture.digits > 4:
        raise Failure("D3134", value=picture.digits)
    if picture.every or picture.digits > 2:
        text = integers.written(sign * (hours * 100 + minutes), picture)
    else:
        text = integers.written(sign * hours, picture) + (f":{minutes:02}" if minutes else "")
    return ("GMT" if part.letter == "z" else "") + ("" if offset < 0 else "+") + text


# From text to a time


def to_millis(run: Run, timestamp: Any = UNDEFINED, picture: Any = UNDEFINED) -> Any:
    """Read a time, by a picture or as ISO 8601 has it, in milliseconds since 1970."""
    if timestamp is UNDEFINED:
        return UNDEFINED
    if picture is UNDEFINED:
        return _from_iso(timestamp)
    parts = _analysed(picture)
    found = re.fullmatch(_pattern(parts), timestamp[:_MOST_PICTURE], re.IGNORECASE)
    if found is None:
        return UNDEFINED
    given = dict(_given([part for part in parts if part.letter], found.groups()))
    return _assembled(given, run) if given else UNDEFINED


def _from_iso(timestamp: str) -> Any:
    found = _TIMESTAMP.fullmatch(timestamp)
    if found is None:
        raise Failure("D3110", value=timestamp)
    year, month, day, hour, minute, second = (
        int(digits) if digits else index in (1, 2) for index, digits in enumerate(found.groups()[:6])
    )
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour <= 24):
        return math.nan
    seconds = (day_number(year, month, day) * 24 + hour) * 3600 + minute * 60 + second
    fraction = int((found[7] or "")[:3].ljust(3, "0"))
    zone = int(found[9] or 0) * 60 + int(found[10] or 0)
    return seconds * 1000 + fraction - zone * 60_000 * (-1 if found[8] == "-" else 1)


def _pattern(parts: tuple[_Part, ...]) -> str:
    """What a time looks like that is written by a picture, each part of it a group."""
    return "".join(f"({_looks(part)})" if part.letter else re.escape(part.text) for part in parts)


def _looks(part: _Part) -> str:
    picture = part.integer
    if part.letter in _ZONES:
        separator = re.escape(picture.separators[0][1]) + "[0-9]+" if picture.every else ""
        return f"{'GMT' if part.letter == 'z' else ''}[-+][0-9]+{separator}"
    if part.names or part.letter not in _INTEGERS:
        if part.letter not in (*_NAMES, "P"):
            raise Failure("D3133", value=part.letter)
        return "[a-zA-Z]+"
    if picture.primary == "sequence":
        raise Failure("D3130", value=picture.token)
    return _NUMBERS[picture.primary](picture)


def _digits(picture: Picture) -> str:
    count = "+"
    if picture.most > 0:
        fewest = f"{picture.most - picture.optional}," if picture.optional else ""
        count = f"{{{fewest}{picture.most}}}"
    return f"[0-9]{count}" + ("(?:th|st|nd|rd)" if picture.ordinal else "")


_NUMBERS: dict[str, Callable[[Picture], str]] = {
    "decimal": _digits,
    "letters": lambda _: "[a-z]+",
    "roman": lambda _: "[mdclxvi]+",
    "words": lambda _: f"(?:{'|'.join(integers.WORDS)}|and|[-, ])+",
}


def _given(parts: list[_Part], texts: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Read the parts of a time; what is not understood is not given."""
    for part, text in zip(parts, texts, strict=True):
        value = _read(part, text)
        if value is not None:
            yield part.letter, value


def _read(part: _Part, text: str) -> Any:
    if part.letter in _ZONES:
        return _read_zone(text.removeprefix("GMT"))
    if part.letter == "P":
        return {"am": 0, "AM": 0, "pm": 1, "PM": 1}.get(text)
    if part.names or part.letter not in _INTEGERS:
        names = [name[: part.longest or None] for name in _NAMES[part.letter]]
        return names.index(text) + 1 if text in names else None
    value = integers.read(text, part.integer)
    return value if math.isfinite(value) else None


def _read_zone(text: str) -> int:
    found = re.fullmatch(r"([+-])(\d+?)(?:\D?(\d\d))?", text)
    if found is None:
        return 0
    return (int(found[2]) * 60 + int(found[3] or 0)) * (-1 if found[1] == "-" else 1)


def _assembled(given: dict[str, Any], run: Run) -> Any:
    """Put a time together: what is larger than what is given is the present's, what is smaller is zero.

    Raises:
        Failure: something between is missing, or it is by weeks.
    """
    dated = {letter for letter in "YXMxWwdD" if given.get(letter)}
    if dated & set("XxWw"):
        raise Failure("D3136")
    by_day = bool(dated) and dated <= set("Yd") and "d" in dated
    halves = {letter for letter in "PHhmsf" if given.get(letter)}
    by_half = bool(halves) and halves <= set("Phmsf") and not halves <= set("Hmsf")
    order = ("Yd" if by_day else "YMD") + ("Phmsf" if by_half else "Hmsf")
    known = _completed(order, given, run)
    hour = known["h"] % 12 + 12 * (known["P"] == 1) if by_half else known["H"]
    days = (
        day_number(_full(known["Y"]), 1, known["d"])
        if by_day
        else day_number(_full(known["Y"]), known["M"] or 1, known["D"])
    )
    minutes = hour * 60 + known["m"] - (given.get("Z") or given.get("z") or 0)
    return days * DAY + minutes * 60_000 + known["s"] * 1000 + known["f"]


def _full(year: int) -> int:
    """The year that JavaScript takes a small number for."""
    return year + 1900 if 0 <= year <= 99 else year


def _completed(order: str, given: dict[str, Any], run: Run) -> dict[str, Any]:
    """Add what is missing before and behind what is given."""
    known: dict[str, Any] = {}
    present = Moment.of(millis(run))
    ended = False
    for letter in order:
        if letter in given:
            if ended:
                raise Failure("D3136")
            known[letter] = given[letter]
        elif any(before in given for before in known):
            known[letter] = int(letter in "MDd")
            ended = True
        else:
            value = PARTS[letter](present)
            known[letter] = int(value == "pm") if letter == "P" else value
    return known
