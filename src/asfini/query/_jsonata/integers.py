"""Whole numbers by picture: `$formatInteger` and `$parseInteger`, as XPath's fn:format-integer has it."""

import functools
import math
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.numbers import exact
from asfini.query._jsonata.operators import EXACT
from asfini.query._jsonata.run import MAX_TEXT, Run, too_large
from asfini.query._jsonata.values import UNDEFINED

_ONES = (
    *("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"),
    *("Ten", "Eleven", "Twelve", "Thirteen", "Fourteen", "Fifteen", "Sixteen", "Seventeen"),
    *("Eighteen", "Nineteen"),
)
_ORDINALS = (
    *("Zeroth", "First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth"),
    *("Tenth", "Eleventh", "Twelfth", "Thirteenth", "Fourteenth", "Fifteenth", "Sixteenth", "Seventeenth"),
    *("Eighteenth", "Nineteenth"),
)
_TENS = ("Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety")
_MAGNITUDES = ("Thousand", "Million", "Billion", "Trillion")
_ROMAN = (
    (1000, "m"),
    (900, "cm"),
    (500, "d"),
    (400, "cd"),
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
    (9, "ix"),
    (5, "v"),
    (4, "iv"),
    (1, "i"),
)
_ROMAN_DIGITS = {"M": 1000, "D": 500, "C": 100, "L": 50, "X": 10, "V": 5, "I": 1}
_ZEROS = tuple(
    map(
        chr,
        (
            *(0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66),
            *(0xDE6, 0xE50, 0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90),
            *(0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10),
        ),
    )
)
"""The zero of each family of decimal digits; the other nine follow it."""
_NUMBERING = {
    "A": ("letters", "upper"),
    "a": ("letters", "lower"),
    "I": ("roman", "upper"),
    "i": ("roman", "lower"),
    "W": ("words", "upper"),
    "Ww": ("words", "title"),
    "w": ("words", "lower"),
}
_SUFFIXES = {"1": "st", "2": "nd", "3": "rd"}
_MOST_ROMAN = 10_000_000
"""Up to here a number takes some ten thousand letters."""


@dataclass(frozen=True, slots=True)
class Picture:
    """How a whole number is written."""

    primary: str = "decimal"
    """`decimal`, `letters`, `roman`, `words`, or `sequence` for what nobody can write."""
    case: str = "lower"
    ordinal: bool = False
    token: str = ""
    zero: str = "0"
    digits: int = 0
    """How many digits there are at least."""
    optional: int = 0
    separators: tuple[tuple[int, str], ...] = ()
    """Where, counted from the right, what separates digits."""
    every: int = 0
    """The distance of separators, where they are regular."""
    most: int = -1
    """How many digits a date's component has, if that is known."""


@functools.lru_cache(256)
def analysed(picture: str) -> Picture:
    """Read a picture, such as `#,##0` or `Ww;o`.

    Raises:
        Failure: it mixes families of digits.
    """
    pattern, semicolon, modifier = picture.rpartition(";")
    if not semicolon:
        pattern, modifier = picture, ""
    ordinal = modifier.startswith("o")
    if pattern in _NUMBERING:
        primary, case = _NUMBERING[pattern]
        return Picture(primary, case, ordinal)
    return replace(_digits(pattern), ordinal=ordinal)


def _digits(pattern: str) -> Picture:
    """Read a pattern of digits and separators, from its right end."""
    zeros, mandatory, optional = set(), 0, 0
    separators = []
    for letter in reversed(pattern):
        zero = _zero_of(letter)
        if zero:
            zeros.add(zero)
            mandatory += 1
        elif letter == "#":
            optional += 1
        else:
            separators.append((mandatory + optional, letter))
    if len(zeros) > 1:
        raise Failure("D3131")
    if not zeros:
        return Picture("sequence", token=pattern)
    return Picture(
        zero=zeros.pop(),
        digits=mandatory,
        optional=optional,
        separators=tuple(separators),
        every=regular_distance(
            [place for place, _ in separators], len({sign for _, sign in separators}) == 1
        ),
    )


def _zero_of(letter: str) -> str | None:
    return next((zero for zero in _ZEROS if zero <= letter <= chr(ord(zero) + 9)), None)


def regular_distance(places: list[int], alike: bool = True) -> int:
    """The distance of places, if it is the same from one to the next, else 0."""
    if not places or not alike:
        return 0
    distance = math.gcd(*places)
    return distance if {distance * count for count in range(1, len(places) + 1)} <= set(places) else 0


def written(number: Any, picture: Picture) -> str:
    """Write a whole number by a picture.

    Raises:
        Failure: the picture is a sequence that is not known.
    """
    if picture.primary == "sequence":
        raise Failure("D3130", value=picture.token)
    text = _WRITERS[picture.primary](abs(number), picture)
    return "-" + text if number < 0 else text


def _decimal(number: Any, picture: Picture) -> str:
    text = _plain(number).rjust(picture.digits, "0")
    if picture.zero != "0":
        text = "".join(chr(ord(letter) + ord(picture.zero) - ord("0")) for letter in text)
    if picture.every:
        sign = picture.separators[0][1]
        places = range((len(text) - 1) // picture.every * picture.every, 0, -picture.every)
        separators = [(place, sign) for place in places]
    else:
        separators = list(reversed(picture.separators))
    for place, sign in separators:
        cut = len(text) - place
        text = text[:cut] + sign + text[cut:] if cut > 0 else text
    return text + _suffix(text) if picture.ordinal else text


def _plain(number: Any) -> str:
    """Write a number as JavaScript does where it is joined to a string."""
    if type(number) is float and (number >= 1e21 or not number.is_integer()):
        return repr(number).replace("inf", "Infinity").replace("nan", "NaN")
    return str(int(number))


def _suffix(text: str) -> str:
    teen = len(text) > 1 and text[-2] == "1"
    return "th" if teen else _SUFFIXES.get(text[-1], "th")


def _letters(number: Any, picture: Picture) -> str:
    first = ord("A" if picture.case == "upper" else "a")
    text, rest = "", int(number)
    while rest > 0:
        rest, letter = divmod(rest - 1, 26)
        text = chr(first + letter) + text
    return text


def _roman(number: Any, picture: Picture) -> str:
    if number > _MOST_ROMAN:
        raise too_large()
    text, rest = "", int(number)
    for value, letters in _ROMAN:
        count, rest = divmod(rest, value)
        text += letters * count
    return text.upper() if picture.case == "upper" else text


def _words(number: Any, picture: Picture) -> str:
    text = _in_words(int(Decimal(repr(number))), "", picture.ordinal)
    return {"upper": text.upper(), "lower": text.lower()}.get(picture.case, text)


def _in_words(number: int, joint: str, ordinal: bool) -> str:
    """Write a number in English.

    Args:
        number: the number.
        joint: what joins small numbers to the words before them; larger ones take a comma.
        ordinal: whether to write "first" for 1.
    """
    comma = ", " if joint else ""
    if number <= 19:
        return joint + (_ORDINALS if ordinal else _ONES)[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        word = joint + _TENS[tens - 2]
        if ones:
            return f"{word}-{_in_words(ones, '', ordinal)}"
        return word[:-1] + "ieth" if ordinal else word
    size = min((len(str(number)) - 1) // 3, len(_MAGNITUDES))
    factor = 1000**size if number >= 1000 else 100
    count, rest = divmod(number, factor)
    unit = _MAGNITUDES[size - 1] if number >= 1000 else "Hundred"
    word = f"{comma}{_in_words(count, '', False)} {unit}"
    if rest:
        return word + _in_words(rest, " and ", ordinal)
    return word + "th" if ordinal else word


_WRITERS = {"decimal": _decimal, "letters": _letters, "roman": _roman, "words": _words}


def _word_values() -> dict[str, int]:
    known = {}
    for words in (_ONES, _ORDINALS):
        known.update({word.lower(): value for value, word in enumerate(words)})
    for tens, word in enumerate([*_TENS, "Hundred"], 2):
        known[word.lower()] = known[word.lower()[:-1] + "ieth"] = tens * 10
    known["hundredth"] = 100
    for power, word in enumerate(_MAGNITUDES, 1):
        known[word.lower()] = known[word.lower() + "th"] = 1000**power
    return known


WORDS = _word_values()
"""What English words for numbers mean."""


def read(text: str, picture: Picture) -> Any:
    """Read a whole number that is written by a picture; what is no number gives NaN.

    Raises:
        Failure: the picture is a sequence that is not known.
    """
    if picture.primary == "sequence":
        raise Failure("D3130", value=picture.token)
    return exact(float(_READERS[picture.primary](text, picture)))


def _from_decimal(text: str, picture: Picture) -> float:
    digits = text[:-2] if picture.ordinal else text
    signs = [","] if picture.every else [sign for _, sign in picture.separators]
    for sign in signs:
        digits = digits.replace(sign, "")
    if picture.zero != "0":
        digits = "".join(_ascii(letter, picture.zero) for letter in digits)
    found = re.match(r"\s*([+-]?[0-9]{1,400})", digits)
    return float(found[1]) if found else math.nan


def _ascii(letter: str, zero: str) -> str:
    code = ord(letter) - ord(zero) + ord("0")
    return chr(code) if code > 0 else letter


def _from_letters(text: str, picture: Picture) -> float:
    first = ord("A" if picture.case == "upper" else "a")
    return sum((ord(letter) - first + 1) * 26.0**place for place, letter in enumerate(reversed(text[-200:])))


def _from_roman(text: str, picture: Picture) -> float:
    total, largest = 0, 1
    for letter in reversed(text if picture.case == "upper" else text.upper()):
        value = _ROMAN_DIGITS.get(letter)
        if value is None:
            return math.nan
        total += -value if value < largest else value
        largest = max(largest, value)
    return total


def _from_words(text: str, _: Picture) -> float:
    parts = [0.0]
    for word in re.split(r",\s|\sand\s|[\s\\-]", text.lower()):
        value = WORDS.get(word, math.nan)
        if value < 100:
            top = parts.pop()
            if top >= 1000:
                parts.append(top)
                top = 0
            parts.append(top + value)
        else:
            parts.append(parts.pop() * value)
    return sum(parts)


_READERS = {"decimal": _from_decimal, "letters": _from_letters, "roman": _from_roman, "words": _from_words}


def format_integer(run: Run, value: Any = UNDEFINED, picture: Any = UNDEFINED) -> Any:
    """Write a whole number by a picture."""
    if value is UNDEFINED:
        return UNDEFINED
    _within(run, picture)
    if not abs(value) < math.inf:
        raise Failure("D1001", value=value)
    whole = value if type(value) is int or abs(value) >= EXACT else math.floor(value)
    return run.made(written(whole, analysed(_picture(picture))))


def parse_integer(run: Run, value: Any = UNDEFINED, picture: Any = UNDEFINED) -> Any:
    """Read a whole number by a picture."""
    if value is UNDEFINED:
        return UNDEFINED
    _within(run, picture, value)
    return read(value, analysed(_picture(picture)))


def _picture(picture: Any) -> str:
    return picture if isinstance(picture, str) else ""


def _within(run: Run, *texts: Any) -> None:
    """Look at the time in proportion to what is to be read."""
    size = sum(len(text) for text in texts if isinstance(text, str))
    run.take(size, size, MAX_TEXT // 64)
