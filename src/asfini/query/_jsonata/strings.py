"""The library's functions on strings."""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from asfini.query._jsonata import casts
from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.regexes import Matcher, groups_of
from asfini.query._jsonata.run import MAX_ITEMS, MAX_TEXT, Run
from asfini.query._jsonata.values import UNDEFINED, Sequence, is_function, is_number

_BLANKS = re.compile(r"[ \t\n\r]+")
_CHUNK = 65_536
"""How many characters are worked on between two looks at the time."""
_KEPT_IN_URLS = "-_.!~*'()"
_KEPT_IN_WHOLE_URLS = _KEPT_IN_URLS + ";/?:@&=+$,#"
_OCTETS = re.compile(r"(?:%[0-9A-Fa-f]{2}){1,240}(?:%[89ABab][0-9A-Fa-f])*")
"""Some bytes at a time, but never a part of a character."""
_MALFORMED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_RESERVED_IN_URLS = re.compile(r"(%(?:2[346BbCcFf]|3[ABDFabdf]|40))")
_NOTHING = re.compile(r"((?!))")
_GROUP = re.compile(r"\$(\$|0|[0-9]+)?")


def string(run: Run, value: Any = UNDEFINED, prettify: Any = UNDEFINED) -> Any:
    """Write a value as text."""
    if value is UNDEFINED:
        return UNDEFINED
    return casts.text(run, value, indent=2 if casts.boolean(prettify) else 0)


def length(_: Run, text: Any = UNDEFINED) -> Any:
    """Count the characters."""
    return UNDEFINED if text is UNDEFINED else len(text)


def lowercase(run: Run, text: Any = UNDEFINED) -> Any:
    """Write in small letters."""
    return _changed(run, text, str.lower)


def uppercase(run: Run, text: Any = UNDEFINED) -> Any:
    """Write in capital letters."""
    return _changed(run, text, str.upper)


def _changed(run: Run, text: Any, change: Callable[[str], str]) -> Any:
    return UNDEFINED if text is UNDEFINED else run.made("".join(map(change, _chunks(run, text))))


def trim(run: Run, text: Any = UNDEFINED) -> Any:
    """Make each run of blanks one space, and none at the ends."""
    if text is UNDEFINED:
        return UNDEFINED
    trimmed = "".join(_BLANKS.sub(" ", chunk) for chunk in _chunks(run, text))
    while "  " in trimmed:  # Where chunks meet
        run.check()
        trimmed = trimmed.replace("  ", " ")
    return run.made(trimmed.strip(" "))


def substring(run: Run, text: Any = UNDEFINED, start: Any = 0, count: Any = UNDEFINED) -> Any:
    """Take the characters from an index on."""
    if text is UNDEFINED:
        return UNDEFINED
    first = 0 if start is UNDEFINED or len(text) + start < 0 else start
    if count is UNDEFINED:
        return run.made(text[int(first) :])
    if count <= 0:
        return ""
    end = first + count if first >= 0 else len(text) + first + count
    return run.made(text[int(first) : int(end)])


def substring_before(run: Run, text: Any = UNDEFINED, characters: Any = UNDEFINED) -> Any:
    """Take what stands before some characters, or all."""
    if text is UNDEFINED or characters is UNDEFINED:
        return text
    index = text.find(characters)
    return run.made(text[:index]) if index >= 0 else text


def substring_after(run: Run, text: Any = UNDEFINED, characters: Any = UNDEFINED) -> Any:
    """Take what stands behind some characters, or all."""
    if text is UNDEFINED or characters is UNDEFINED:
        return text
    index = text.find(characters)
    return run.made(text[index + len(characters) :]) if index >= 0 else text


def pad(run: Run, text: Any = UNDEFINED, width: Any = 0, characters: Any = UNDEFINED) -> Any:
    """Fill up to a width: behind, or before if the width is negative."""
    if text is UNDEFINED:
        return UNDEFINED
    lacking = int(min(abs(width), MAX_TEXT + 1)) - len(text) if is_number(width) else 0
    if lacking <= 0:
        return text
    run.take(len(text) + lacking, lacking, MAX_TEXT)
    filler = characters if isinstance(characters, str) and characters else " "
    padding = (filler * (lacking // len(filler) + 1))[:lacking]
    return text + padding if width > 0 else padding + text


def contains(run: Run, text: Any = UNDEFINED, token: Any = UNDEFINED) -> Any:
    """Whether a string has a string, or what a regular expression matches, in it."""
    if text is UNDEFINED:
        return UNDEFINED
    if isinstance(token, str):
        return token in text
    return next(_matches(run, token, text), None) is not None


def split(run: Run, text: Any = UNDEFINED, separator: Any = UNDEFINED, limit: Any = UNDEFINED) -> Any:
    """Split a string at a string, or at what a regular expression matches, into at most so many parts."""
    if text is UNDEFINED:
        return UNDEFINED
    most = _limit(limit, "D3020")
    if not isinstance(separator, str):
        return _split_at_matches(run, text, separator, most)
    parts = text.count(separator) + 1 if separator else len(text)
    run.take(parts, 8 * parts + len(text), MAX_ITEMS)
    return (text.split(separator) if separator else list(text))[: None if most is None else int(limit)]


def _split_at_matches(run: Run, text: str, separator: Any, most: int | None) -> list[str]:
    parts, start = [], 0
    for match in _limited(_matches(run, separator, text), most):
        parts.append(text[start : match["start"]])
        start = match["end"]
    if most is None or len(parts) < most:
        parts.append(text[start:])
    return parts


def join(run: Run, texts: Any = UNDEFINED, separator: Any = UNDEFINED) -> Any:
    """Join strings."""
    if texts is UNDEFINED:
        return UNDEFINED
    between = "" if separator is UNDEFINED else separator
    size = sum(map(len, texts)) + len(between) * len(texts)
    run.take(size, size, MAX_TEXT)
    return between.join(texts)


def match(run: Run, text: Any = UNDEFINED, pattern: Any = UNDEFINED, limit: Any = UNDEFINED) -> Any:
    """Find what a regular expression matches, with where and with its groups."""
    if text is UNDEFINED:
        return UNDEFINED
    most = _limit(limit, "D3040")
    found = Sequence()
    for matched in _limited(_matches(run, pattern, text), most):
        found.append({"match": matched["match"], "index": matched["start"], "groups": matched["groups"]})
        run.reserve(1, len(found))
    return found


def replace(
    run: Run,
    text: Any = UNDEFINED,
    pattern: Any = UNDEFINED,
    replacement: Any = UNDEFINED,
    limit: Any = UNDEFINED,
) -> Any:
    """Replace a string, or what a regular expression matches, by a string or what a function makes of it."""
    if text is UNDEFINED:
        return UNDEFINED
    if pattern == "":
        raise Failure("D3010", value=pattern)
    most = _limit(limit, "D3011")
    if isinstance(pattern, str):
        return _replace_text(run, text, pattern, replacement, most)
    parts, start, size = [], 0, len(text)
    for matched in _limited(_matches(run, pattern, text), most):
        substitute = _substitute(run, replacement, matched)
        size += len(substitute)
        run.take(size, len(substitute), MAX_TEXT)
        parts += [text[start : matched["start"]], substitute]
        start = matched["start"] + len(matched["match"])
    return run.made("".join([*parts, text[start:]]))


def _replace_text(run: Run, text: str, pattern: str, replacement: Any, most: int | None) -> str:
    count = text.count(pattern)
    times = count if most is None else min(count, most)
    substitute = casts.text(run, replacement)
    size = len(text) + times * (len(substitute) - len(pattern))
    run.take(size, size, MAX_TEXT)
    return text.replace(pattern, substitute, times)


def _substitute(run: Run, replacement: Any, matched: dict[str, Any]) -> str:
    """What replaces a match."""
    if isinstance(replacement, str):
        return _filled(replacement, matched)
    substitute = run.call(replacement, matched)
    if not isinstance(substitute, str):
        raise Failure("D3012", value=substitute)
    return substitute


def _filled(replacement: str, matched: dict[str, Any]) -> str:
    """Fill in a match for `$0`, its groups for `$1` and so on, a dollar for `$$`."""
    groups = matched["groups"]
    most_digits = len(str(len(groups)))
    parts, start = [], 0
    while found := _GROUP.search(replacement, start):
        parts.append(replacement[start : found.start()])
        what, start = found[1], found.end()
        if what is None or what == "$":
            parts.append("$")
        elif what == "0" or what.startswith("0"):
            parts.append(matched["match"])
            start = found.start() + 2
        else:
            digits = what[:most_digits]
            if len(digits) > 1 and int(digits) > len(groups):
                digits = digits[:-1]
            group = groups[int(digits) - 1] if int(digits) <= len(groups) else None
            parts.append(group or "")
            start = found.start() + 1 + len(digits)
    return "".join([*parts, replacement[start:]])


def base64encode(run: Run, text: Any = UNDEFINED) -> Any:
    """Write a string of bytes in base 64; of characters beyond one byte, only the last counts."""
    if text is UNDEFINED:
        return UNDEFINED
    return run.made(base64.b64encode(text.encode("utf-16-le", "surrogatepass")[::2]).decode())


def base64decode(run: Run, text: Any = UNDEFINED) -> Any:
    """Read a string of bytes that is written in base 64; what does not belong there is passed over."""
    if text is UNDEFINED:
        return UNDEFINED
    digits = re.sub(r"[^A-Za-z0-9+/]", "", text.replace("-", "+").replace("_", "/").partition("=")[0])
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    return run.made(base64.b64decode(digits + "=" * (-len(digits) % 4)).decode("latin-1"))


def encode_url_component(run: Run, text: Any = UNDEFINED) -> Any:
    """Write a string as a part of a URL."""
    return _encoded(run, text, _KEPT_IN_URLS, "encodeUrlComponent")


def encode_url(run: Run, text: Any = UNDEFINED) -> Any:
    """Write a URL with only the characters that a URL may have."""
    return _encoded(run, text, _KEPT_IN_WHOLE_URLS, "encodeUrl")


def decode_url_component(run: Run, text: Any = UNDEFINED) -> Any:
    """Read a part of a URL."""
    return _decoded(run, text, _NOTHING, "decodeUrlComponent")


def decode_url(run: Run, text: Any = UNDEFINED) -> Any:
    """Read a URL, leaving what would change its meaning as it is."""
    return _decoded(run, text, _RESERVED_IN_URLS, "decodeUrl")


def _encoded(run: Run, text: Any, kept: str, name: str) -> Any:
    if text is UNDEFINED:
        return UNDEFINED
    try:
        return run.made("".join(quote(chunk, safe=kept) for chunk in _chunks(run, text)))
    except UnicodeEncodeError:
        raise Failure("D3140", value=text, functionName=name) from None


def _decoded(run: Run, text: Any, kept: re.Pattern[str], name: str) -> Any:
    if text is UNDEFINED:
        return UNDEFINED

    def octets(found: re.Match[str]) -> str:
        run.tick()
        between = kept.split(found[0])
        between[::2] = [bytes.fromhex(part.replace("%", "")).decode() for part in between[::2]]
        return "".join(between)

    try:
        if _MALFORMED.search(text):
            raise ValueError("a percent sign without two digits")
        return run.made(_OCTETS.sub(octets, text))
    except ValueError:
        raise Failure("D3140", value=text, functionName=name) from None


def _limit(limit: Any, code: str) -> int | None:
    """How many times at most, or as many as there are."""
    if limit is UNDEFINED:
        return None
    if limit < 0:
        raise Failure(code, value=limit)
    return int(-(-limit // 1))


def _limited(matches: Iterator[dict[str, Any]], most: int | None) -> Iterator[dict[str, Any]]:
    """Take as many matches as wanted; the one after them is looked for all the same."""
    if most == 0:
        return
    for count, matched in enumerate(matches, 1):
        if most is not None and count > most:
            return
        yield matched


def _matches(run: Run, pattern: Any, text: str) -> Iterator[dict[str, Any]]:
    """Find what a regular expression, or a function that behaves like one, matches."""
    if isinstance(pattern, Matcher):
        for found in pattern.all(run, text):
            yield {
                "match": found[0],
                "start": found.start(),
                "end": found.end(),
                "groups": groups_of(found),
                "next": UNDEFINED,
            }
        return
    matched = run.call(pattern, text)
    while matched is not UNDEFINED:
        yield _well_formed(matched)
        run.check()
        matched = run.call(matched["next"])


def _well_formed(matched: Any) -> dict[str, Any]:
    fits = isinstance(matched, dict) and (
        is_number(matched.get("start"))
        or isinstance(matched.get("groups"), list)
        or is_function(matched.get("next"))
    )
    if not fits:
        raise Failure("T1010")
    return {"match": "", "start": 0, "end": 0, "groups": [], "next": UNDEFINED, **matched}


def _chunks(run: Run, text: str) -> Iterator[str]:
    for start in range(0, len(text), _CHUNK):
        run.check()
        yield text[start : start + _CHUNK]
