"""Numbers by picture: `$formatNumber`, as XPath's fn:format-number has it."""

import math
from dataclasses import dataclass
from typing import Any

from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.integers import regular_distance
from asfini.query._jsonata.numbers import rounded
from asfini.query._jsonata.run import MAX_TEXT, Run
from asfini.query._jsonata.values import UNDEFINED

_SIGNS = {
    "decimal-separator": ".",
    "grouping-separator": ",",
    "exponent-separator": "e",
    "infinity": "Infinity",
    "minus-sign": "-",
    "NaN": "NaN",
    "percent": "%",
    "per-mille": "\u2030",
    "zero-digit": "0",
    "digit": "#",
    "pattern-separator": ";",
}
"""What the parts of a picture are written with; a third argument can change them."""
_MOST_PICTURE = 1024


class _Signs:
    """What the parts of a picture are written with."""

    def __init__(self, changed: dict[str, Any]) -> None:
        signs = _SIGNS | {name: str(sign) for name, sign in changed.items()}
        self.point = signs["decimal-separator"]
        self.group = signs["grouping-separator"]
        self.exponent = signs["exponent-separator"]
        self.minus = signs["minus-sign"]
        self.percent = signs["percent"]
        self.per_mille = signs["per-mille"]
        self.optional = signs["digit"]
        self.divider = signs["pattern-separator"]
        zero = signs["zero-digit"]
        self.digits = "".join(chr(ord(zero[:1] or "0") + value) for value in range(10))
        self.zero = self.digits[0]
        self.active = {*self.digits, self.point, self.exponent, self.group, self.optional, self.divider}

    def count(self, part: str) -> int:
        """How many digits there are at least."""
        return sum(letter in self.digits for letter in part)

    def count_all(self, part: str) -> int:
        """How many digits there are at most."""
        return sum(letter in self.digits or letter == self.optional for letter in part)


@dataclass(slots=True)
class _Parts:
    """The parts of a picture, or of what stands for positive or for negative numbers in it."""

    whole: str
    prefix: str
    suffix: str
    active: str
    mantissa: str
    exponent: str | None
    integer: str
    fraction: str


@dataclass(slots=True)
class _Plan:
    """How a number is written."""

    prefix: str
    suffix: str
    factor: int
    pointed: bool
    """Whether the picture has a point."""
    scale: int
    integer_digits: int
    fraction_digits: int
    most_fraction_digits: int
    exponent_digits: int
    every: int
    integer_groups: list[int]
    fraction_groups: list[int]


def format_number(
    run: Run, value: Any = UNDEFINED, picture: Any = UNDEFINED, options: Any = UNDEFINED
) -> Any:
    """Write a number by a picture."""
    if value is UNDEFINED:
        return UNDEFINED
    text = picture if isinstance(picture, str) else ""
    run.take(len(text), len(text), MAX_TEXT)
    signs = _Signs(options if isinstance(options, dict) else {})
    pictures = text[:_MOST_PICTURE].split(signs.divider)
    if len(pictures) > 2:
        raise Failure("D3080")
    parts = [_split(part, signs) for part in pictures]
    for part in parts:
        _check(part, signs)
    plans = [_planned(part, signs) for part in parts]
    if value >= 0:
        return _write(run, value, plans[0], signs)
    if len(plans) == 1:
        plans[0].prefix = signs.minus + plans[0].prefix
    return _write(run, value, plans[-1], signs)


def _split(picture: str, signs: _Signs) -> _Parts:
    """Take a picture apart."""
    marks = [
        index for index, letter in enumerate(picture) if letter in signs.active and letter != signs.exponent
    ]
    start, end = (marks[0], marks[-1] + 1) if marks else (0, len(picture))
    active, suffix = picture[start:end], picture[end:]
    place = active.find(signs.exponent)
    mantissa, exponent = (active, None) if place < 0 else (active[:place], active[place + 1 :])
    integer, point, fraction = mantissa.partition(signs.point)
    return _Parts(
        picture, picture[:start], suffix, active, mantissa, exponent, integer, fraction if point else suffix
    )


def _check(parts: _Parts, signs: _Signs) -> None:
    """Hold a picture to the rules of F&O 4.7.3; the last that is broken counts."""
    whole, integer, exponent = parts.whole, parts.integer, parts.exponent
    point = whole.find(signs.point)
    scaled = signs.percent in whole or signs.per_mille in whole
    beside = point >= 0 and signs.group in (whole[max(point - 1, 0) : point], whole[point + 1 : point + 2])
    rules = {
        "D3081": whole.count(signs.point) > 1,
        "D3082": whole.count(signs.percent) > 1,
        "D3083": whole.count(signs.per_mille) > 1,
        "D3084": signs.percent in whole and signs.per_mille in whole,
        "D3085": signs.count_all(parts.mantissa) == 0,
        "D3086": any(letter not in signs.active for letter in parts.active),
        "D3087": beside,
        "D3088": point < 0 and integer.endswith(signs.group),
        "D3089": signs.group * 2 in whole,
        "D3090": signs.count(integer.partition(signs.optional)[0]) > 0 and signs.optional in integer,
        "D3091": signs.optional in parts.fraction
        and signs.count(parts.fraction.rpartition(signs.optional)[2]) > 0,
        "D3092": bool(exponent) and scaled,
        "D3093": exponent is not None and (not exponent or signs.count(exponent) < len(exponent)),
    }
    broken = [code for code, holds in rules.items() if holds]
    if broken:
        raise Failure(broken[-1])


def _planned(parts: _Parts, signs: _Signs) -> _Plan:
    """Make a plan of a picture: F&O 4.7.4."""
    integer_digits = scale = signs.count(parts.integer)
    fraction_digits, most = signs.count(parts.fraction), signs.count_all(parts.fraction)
    exponent = parts.exponent is not None
    if integer_digits == 0 and most == 0:
        if exponent:
            fraction_digits = most = 1
        else:
            integer_digits = 1
    if exponent and integer_digits == 0 and signs.optional in parts.integer:
        integer_digits = 1
    if integer_digits == 0 and fraction_digits == 0:
        fraction_digits = 1
    groups = [
        signs.count_all(parts.integer[place:])
        for place, letter in enumerate(parts.integer)
        if letter == signs.group
    ]
    return _Plan(
        prefix=parts.prefix,
        suffix=parts.suffix,
        factor=100 if signs.percent in parts.whole else 1000 if signs.per_mille in parts.whole else 1,
        pointed=signs.point in parts.whole,
        scale=scale,
        integer_digits=integer_digits,
        fraction_digits=fraction_digits,
        most_fraction_digits=most,
        exponent_digits=signs.count(parts.exponent or ""),
        every=regular_distance(groups),
        integer_groups=groups,
        fraction_groups=_fraction_groups(parts, signs),
    )


def _fraction_groups(parts: _Parts, signs: _Signs) -> list[int]:
    """Where digits behind the point are separated; but for the first, JSONata looks before the point."""
    groups = []
    place = parts.fraction.find(signs.group)
    while place >= 0:
        groups.append(signs.count_all(parts.fraction[:place]))
        place = parts.integer.find(signs.group, place + 1)
    return groups


def _write(run: Run, value: Any, plan: _Plan, signs: _Signs) -> str:
    if not math.isfinite(value):
        return plan.prefix + ("NaN" if math.isnan(value) else "Infinity") + plan.suffix
    mantissa, exponent = value * plan.factor, None
    if plan.exponent_digits:
        mantissa, exponent = _scaled(abs(mantissa), plan.scale)
    digits = _fixed(rounded(mantissa, plan.most_fraction_digits), plan.most_fraction_digits, signs)
    integer, _, fraction = digits.partition(".")
    integer = integer.lstrip(signs.zero).rjust(plan.integer_digits, signs.zero)
    fraction = fraction.rstrip(signs.zero).ljust(plan.fraction_digits, signs.zero)
    text = _grouped(integer, plan, signs)
    if plan.pointed and fraction:
        for place in plan.fraction_groups:
            fraction = fraction[:place] + signs.group + fraction[place:]
        text += signs.point + fraction
    if exponent is not None:
        power = _fixed(exponent, 0, signs).rjust(plan.exponent_digits, signs.zero)
        text += signs.exponent + (signs.minus if exponent < 0 else "") + power
    return run.made(plan.prefix + text + plan.suffix)


def _grouped(integer: str, plan: _Plan, signs: _Signs) -> str:
    if plan.every:
        places = list(range(plan.every, len(integer), plan.every))
    else:
        places = sorted(place for place in plan.integer_groups if place < len(integer))
    for place in reversed(places):
        cut = len(integer) - place
        integer = integer[:cut] + signs.group + integer[cut:]
    return integer


def _scaled(mantissa: float, scale: int) -> tuple[float, int]:
    """Write a number with so many digits before the point, times a power of ten."""
    exponent = 0
    while 0 < mantissa < 10.0 ** (scale - 1):
        mantissa *= 10
        exponent -= 1
    while mantissa > 10.0**scale:
        mantissa /= 10
        exponent += 1
    return mantissa, exponent


def _fixed(value: Any, places: int, signs: _Signs) -> str:
    """Write a number's amount with so many places behind the point."""
    text = f"{abs(float(value)):.{places}f}"
    if signs.zero == "0":
        return text
    return "".join(signs.digits[int(letter)] if letter != "." else letter for letter in text)
