"""The transform `| pattern | update, delete |`: a function that changes a copy of what it is given."""

import functools
from typing import Any

from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.run import Evaluate, Frame, Native, Run, apply
from asfini.query._jsonata.signatures import signature
from asfini.query._jsonata.values import UNDEFINED, is_function


def transformer(parts: list[Evaluate], frame: Frame) -> Native:
    """Make the function.

    Args:
        parts: what matches, what the matches are updated with, and perhaps the names of what they lose.
        frame: the variables where it was defined.
    """
    return Native(functools.partial(_transform, parts, frame), signature("<(oa):o>"), 1)


def _transform(parts: list[Evaluate], frame: Frame, run: Run, value: Any = UNDEFINED) -> Any:
    if value is UNDEFINED:
        return UNDEFINED
    clone = frame.lookup("clone")
    if not is_function(clone):
        raise Failure("T2013")
    inner = Frame({}, frame, run, run.depth)
    copy = apply(run, clone, [value], None)
    matches = parts[0](copy, inner)
    if matches is UNDEFINED:
        return copy
    own = _objects_in(copy, {})
    for match in matches if isinstance(matches, list) else [matches]:
        run.check()
        changes = _update(parts[1](match, inner))
        if id(match) in own:
            match.update(changes)
        if len(parts) > 2:
            for name in _deletions(parts[2](match, inner)):
                if id(match) in own:
                    match.pop(name, None)
    return copy


def _objects_in(value: Any, found: dict[int, Any]) -> dict[int, Any]:
    """The objects that belong to a copy: only those may be changed, whatever the pattern finds elsewhere."""
    if isinstance(value, dict):
        found[id(value)] = value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _objects_in(item, found)
    return found


def _update(changes: Any) -> dict[str, Any]:
    if changes is UNDEFINED:
        return {}
    if not isinstance(changes, dict):
        raise Failure("T2011", value=changes)
    return changes


def _deletions(names: Any) -> list[str]:
    if names is UNDEFINED:
        return []
    listed = names if isinstance(names, list) else [names]
    if not all(isinstance(name, str) for name in listed):
        raise Failure("T2012", value=names)
    return listed
