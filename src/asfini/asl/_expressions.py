"""What is wrong with JSONata expressions, short of evaluating them."""

import functools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from asfini.asl._problem import INVALID_JSONATA, UNSUPPORTED_JSONATA

if TYPE_CHECKING:
    from asfini.query._jsonata.syntax import Node

_OWN_CONTEXT = frozenset({"lambda", "transform", "sort"})
"""What is evaluated for values that something else provides."""


@functools.lru_cache(1024)
def faults(source: str, *, catching: bool = False) -> tuple[tuple[str, str], ...]:
    """List what is wrong with an expression: AWS's codes and messages.

    Args:
        source: what stands between `{%` and `%}`.
        catching: whether it stands in a catcher, where there is `$states.errorOutput`.
    """
    from asfini.query._jsonata.errors import Failure  # few machines need it
    from asfini.query._jsonata.parser import parse

    try:
        tree = parse(source)
    except Failure as failure:
        return ((INVALID_JSONATA, failure.message),)
    messages = dict.fromkeys(_misread(tree, context=False, catching=catching))
    return tuple((UNSUPPORTED_JSONATA, message) for message in messages)


def _misread(node: "Node", *, context: bool, catching: bool) -> Iterator[str]:
    """Find what reads a value that there is not, as there is none that an expression starts from."""
    if node.kind == "name" and not context:
        yield f"Reference to '{node.value}' at the top level is not supported."
    elif node.kind == "variable" and node.value == "$":
        yield "Reference to '$$' is not supported."
    elif node.kind == "variable" and node.value == "" and not context:
        yield "Reference to '$' at the top level is not supported."
    elif node.kind == "path" and not catching and _names(node.parts[:2]) == ["states", "errorOutput"]:
        yield "Reference to '$states.errorOutput' is only supported in a Catch."
    for child, inside in _children(node, context=context):
        yield from _misread(child, context=inside, catching=catching)


def _children(node: "Node", *, context: bool) -> Iterator[tuple["Node", bool]]:
    """Give what a node is made of, and whether it is evaluated for values that the node provides."""
    context = context or node.kind in _OWN_CONTEXT
    for index, part in enumerate(node.parts):
        yield part, context or (node.kind == "path" and index > 0)
    if node.procedure is not None:
        yield node.procedure, context
    for pair in node.pairs:
        yield from ((item, context) for item in pair)
    for stage in [*(node.predicates or ()), *(node.stages or ())]:
        if stage.predicate is not None:
            yield stage.predicate, True
    if node.group is not None:
        yield node.group, True


def _names(nodes: Iterable["Node"]) -> list[object]:
    return [node.value for node in nodes if node.kind in ("variable", "name")]


@functools.lru_cache(1024)
def variables(source: str) -> tuple[str, ...]:
    """List the variables that an expression reads, but for its own and the functions that it calls."""
    from asfini.query._jsonata.errors import Failure  # few machines need it
    from asfini.query._jsonata.parser import parse

    try:
        nodes = list(_all(parse(source)))
    except Failure:
        return ()
    called = {id(node.procedure) for node in nodes if node.kind in ("function", "partial")}
    called |= {id(part) for node in nodes if node.kind == "apply" for part in node.parts[1:]}
    own = {part.value for node in nodes if node.kind == "lambda" for part in node.parts}
    own |= {node.value for node in nodes if node.kind == "bind"}
    own |= {name for node in nodes for name in (node.focus, node.index) if name}
    read = [node.value for node in nodes if node.kind == "variable" and id(node) not in called]
    return tuple(dict.fromkeys(name for name in read if name not in own | {"", "$", "states"}))


def _all(node: "Node") -> Iterator["Node"]:
    yield node
    for child in node.children():
        yield from _all(child)
