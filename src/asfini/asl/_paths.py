"""The syntax of paths and intrinsic functions, which a definition must keep to; nothing is evaluated."""

import functools
import re

_ROOT = r"\$(?:\$(?!\w)|[^\W\d]\w*)?"
_PLAIN = re.compile(rf"{_ROOT}(?:\.[\w-]+|\[\d+\]|\['[^'\\]+'\])*").fullmatch
"""Nearly all paths there are need no closer look."""
_REFERENCE = re.compile(rf"{_ROOT}(?:\.(?:\\.|[^\s\\.\[\]()@,?*'\"])+|\.?\[\d+\]|\.?\['(?:\\.|[^'\\])+'\])*").fullmatch

_START = re.compile(_ROOT)
_NAME = re.compile(r"\*|(?:\\.|[^\s\\.,\[\]()?*'\"])+(?:\(\))?")
_QUOTED = r"'(?:\\.|[^'\\])*'"
_INDEX = r"-?\d+(?:\s*,\s*-?\d+)*|-?\d*\s*:\s*-?\d*(?:\s*:\s*-?\d*)?"
_BRACKETS = re.compile(rf"\[\s*(?:\*|{_QUOTED}(?:\s*,\s*{_QUOTED})*|{_INDEX}|\(@[^()\[\]]*\))\s*\]")
_FILTER = re.compile(r"\[\s*\?\s*\(")
_IN_FILTER = re.compile(rf"{_QUOTED}|[^'\[\]()]+|[\[\]()]")

_CALL = re.compile(r"\s*States\.(\w+)\(")
_BLANKS = re.compile(r"\s*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_TEXT = re.compile(r"'(?:\\['\\{}]|[^'\\])*'")
_INTRINSICS = {
    "Array": range(1_000),
    "ArrayContains": range(2, 3),
    "ArrayGetItem": range(2, 3),
    "ArrayLength": range(1, 2),
    "ArrayPartition": range(2, 3),
    "ArrayRange": range(3, 4),
    "ArrayUnique": range(1, 2),
    "Base64Decode": range(1, 2),
    "Base64Encode": range(1, 2),
    "Format": range(1, 1_000),
    "Hash": range(2, 3),
    "JsonMerge": range(3, 4),
    "JsonToString": range(1, 2),
    "MathAdd": range(2, 3),
    "MathRandom": range(2, 4),
    "StringSplit": range(2, 3),
    "StringToJson": range(1, 2),
    "UUID": range(1),
}
"""The intrinsic functions, each with how many arguments it takes."""
_OF_NUMBERS = frozenset({"ArrayRange", "MathAdd", "MathRandom"})
_GIVING_TEXT = frozenset({"ArrayGetItem", "Base64Decode", "Base64Encode", "Format", "Hash", "JsonToString", "UUID"})


def is_path(text: str) -> bool:
    """Whether a text is a JSONPath of the state's input, the context object (`$$`) or a variable."""
    return _PLAIN(text) is not None or _is_path(text.strip())


@functools.lru_cache(1024)
def _is_path(text: str) -> bool:
    return _path_end(text, 0) == len(text)


def is_reference(text: str) -> bool:
    """Whether a text is a Reference Path: a JSONPath that can name no more than one value."""
    return _PLAIN(text) is not None or _REFERENCE(text) is not None


def is_result_path(text: str) -> bool:
    """Whether a text is a Reference Path into the state's input."""
    return is_reference(text) and text[1:2] in {"", ".", "["}


def is_context(text: str) -> bool:
    """Whether a path reads the context object."""
    return text.startswith("$$")


@functools.lru_cache(1024)
def is_intrinsic(text: str, *, giving_text: bool = False) -> bool:
    """Whether a text is a call of an intrinsic function, or of one whose result is text."""
    call = _CALL.match(text)
    if call is None or (giving_text and call[1] not in _GIVING_TEXT):
        return False
    return _call_end(text, 0) == len(text.rstrip())


def variables(text: str) -> list[str]:
    """The variables that a path or an intrinsic function reads."""
    return _VARIABLE.findall(re.sub(_TEXT, "", text))


_VARIABLE = re.compile(r"(?<!\$)\$([^\W\d]\w*)")


def _path_end(text: str, start: int) -> int:
    """Find where a path that starts at a place ends; -1 if none does."""
    root = _START.match(text, start)
    end = root.end() if root else -1
    while 0 <= end < len(text) and text[end] in ".[":
        dots = 2 if text.startswith("..", end) else text[end] == "."
        end = _step_end(text, end + dots, named=dots > 0)
    return end


def _step_end(text: str, start: int, *, named: bool) -> int:
    if not text.startswith("[", start):
        name = _NAME.match(text, start) if named else None
        return name.end() if name else -1
    if brackets := _BRACKETS.match(text, start):
        return brackets.end()
    return _filter_end(text, start)


def _filter_end(text: str, start: int) -> int:
    opened = _FILTER.match(text, start)
    depth, end = 2, opened.end() if opened else -1
    while depth and end >= 0:
        part = _IN_FILTER.match(text, end)
        end = part.end() if part else -1
        depth += 0 if part is None else (part[0] in "[(") - (part[0] in "])")
    return end


def _call_end(text: str, start: int) -> int:
    """Find where a call that starts at a place ends; -1 if there is none, or it is no good."""
    call = _CALL.match(text, start)
    if call is None or call[1] not in _INTRINSICS:
        return -1
    end, count = call.end(), 0
    while (end := _skip(text, end)) < len(text) and text[end] != ")":
        if count and text[end] != ",":
            return -1
        end = _argument_end(text, _skip(text, end + 1) if count else end, call[1])
        count += 1
        if end < 0:
            return -1
    return end + 1 if end < len(text) and count in _INTRINSICS[call[1]] else -1


def _skip(text: str, start: int) -> int:
    blanks = _BLANKS.match(text, start)
    return blanks.end() if blanks else start


def _argument_end(text: str, start: int, function: str) -> int:
    if text.startswith("$", start):
        return _path_end(text, start)
    literal = _NUMBER.match(text, start) or (None if function in _OF_NUMBERS else _TEXT.match(text, start))
    return literal.end() if literal else _call_end(text, start)
