"""How deep a definition may be nested: what is deeper is neither read nor accepted."""

from typing import Any

MAX_DEPTH = 150
"""Objects and arrays in each other: 37 Parallels or 50 Maps. AWS's limit is not known; models are read by
recursion, and whoever calls has used some of Python's 1,000 frames."""
TOO_DEEP = f"more than {MAX_DEPTH} objects and arrays are nested"


def is_too_deep(data: Any) -> bool:
    """Whether JSON data is nested more deeply than `MAX_DEPTH`."""
    level = [data]
    for _ in range(MAX_DEPTH + 1):
        level = [part for whole in level for part in _parts(whole) if isinstance(part, (dict, list))]
        if not level:
            return False
    return True


def _parts(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
