"""Whether texts are paths, Reference Paths and calls of intrinsic functions; nothing is evaluated."""

import functools
import re

from asfini.query.scope import QueryError

_ROOT = r"\$(?:\$(?!\w)|[^\W\d]\w*)?"
_PLAIN = re.compile(rf"{_ROOT}(?:\.[\w-]+|\[\d+\]|\['[^'\\]+'\])*").fullmatch
"""Nearly all paths there are: no closer look is needed."""
_STEP = r"\.(?:\\.|[^\s\\.\[\]()@,?*'\"])+|\.?\[\d+\]|\.?\['(?:\\.|[^'\\])+'\]"
_REFERENCE = re.compile(rf"{_ROOT}(?:{_STEP})*").fullmatch

_CALL = re.compile(r"\s*States\.(\w+)\(\s*")
_BETWEEN = re.compile(r"\s*,\s*")
_END = re.compile(r"\s*\)\s*")
_VARIABLE = re.compile(r"(?<!\$)\$([^\W\d]\w*)")
_PATH = re.compile(r"\$(?:\\.|\[(?:'(?:\\.|[^'\\])*'|\[[^\[\]]*\]|[^\[\]'])*\]|[^\s\\\[\](),])*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_TEXT = re.compile(r"'(?:\\['\\{}]|[^'\\])*'")

_ANY = range(1_000)
_INTRINSICS = {
    "Array": _ANY,
    "ArrayContains": (2,),
    "ArrayGetItem": (2,),
    "ArrayLength": (1,),
    "ArrayPartition": (2,),
    "ArrayRange": (3,),
    "ArrayUnique": (1,),
    "Base64Decode": (1,),
    "Base64Encode": (1,),
    "Format": _ANY[1:],
    "Hash": (2,),
    "JsonMerge": (3,),
    "JsonToString": (1,),
    "MathAdd": (2,),
    "MathRandom": (2, 3),
    "StringSplit": (2,),
    "StringToJson": (1,),
    "UUID": (0,),
}
"""The intrinsic functions, each with how many arguments it takes."""
_OF_NUMBERS = frozenset({"ArrayRange", "MathAdd", "MathRandom"})
_GIVING_TEXT = _INTRINSICS.keys() & {
    "ArrayGetItem",
    "Base64Decode",
    "Base64Encode",
    "Format",
    "Hash",
    "JsonToString",
    "UUID",
}


def is_path(text: str) -> bool:
    """Whether a text is a JSONPath, of the state's input, the context object (`$$`) or a variable."""
    return is_reference(text) or _compiles(text)


@functools.lru_cache(1024)
def _compiles(text: str) -> bool:
    from asfini.query.jsonpath import compile_path  # few paths need it

    try:
        compile_path(text)
    except QueryError:
        return False
    return True


def is_reference(text: str) -> bool:
    """Whether a text is a Reference Path: a JSONPath of names and indexes only."""
    return _PLAIN(text) is not None or _REFERENCE(text) is not None


def is_result_path(text: str) -> bool:
    """Whether a text is a Reference Path into the state's input."""
    return is_reference(text) and text[1:2] in {"", ".", "["}


def is_context(text: str) -> bool:
    """Whether a path reads the context object."""
    return text.startswith("$$")


@functools.lru_cache(1024)
def is_intrinsic(text: str, *, giving_text: bool = False) -> bool:
    """Whether a text is the call of an intrinsic function, or of one that gives text."""
    call = _CALL.match(text)
    if call is None or (giving_text and call[1] not in _GIVING_TEXT):
        return False
    return _call_end(text, 0) == len(text)


def variables(text: str) -> tuple[str, ...]:
    """List the variables that a path or an intrinsic function reads."""
    return tuple(_VARIABLE.findall(_TEXT.sub("", text)))


def _call_end(text: str, start: int) -> int:
    """Find where the call that starts at a place ends; -1 if there is none, or none that can be."""
    call = _CALL.match(text, start)
    if call is None or call[1] not in _INTRINSICS:
        return -1
    count, position = 0, call.end()
    while (end := _END.match(text, position)) is None:
        comma = _BETWEEN.match(text, position) if count else None
        if count and comma is None:
            return -1
        position = _argument_end(text, comma.end() if comma else position, call[1])
        if position < 0:
            return -1
        count += 1
    return end.end() if count in _INTRINSICS[call[1]] else -1


def _argument_end(text: str, start: int, function: str) -> int:
    if path := _PATH.match(text, start):
        return path.end() if is_path(path[0]) else -1
    literal = _NUMBER.match(text, start) or (None if function in _OF_NUMBERS else _TEXT.match(text, start))
    return literal.end() if literal else _call_end(text, start)
