"""What can be told of an expression without evaluating it."""

from collections.abc import Iterator

from asfini.query._jsonata.run import LIBRARY
from asfini.query._jsonata.syntax import Node

_WITHIN = frozenset(
    {
        *("array", "object", "block", "binary", "negate", "condition"),
        *("function", "partial", "tail", "lambda", "apply"),
    }
)
"""Nodes whose parts see the context that they see."""


def top_level_names(root: Node) -> list[str]:
    """The names that are read of the context of the whole expression, each once, in the order of the text.

    Step Functions gives expressions no context: what they can read are variables. `$` is the context itself,
    `$$` that of the whole document.
    """
    found: dict[str, None] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.kind == "path":
            waiting.append(node.parts[0])
        elif node.kind == "name":
            found[str(node.value)] = None
        elif node.kind == "variable" and node.value in ("", "$"):
            found[f"${node.value}"] = None
        elif node.kind == "bind":
            waiting += node.parts
        elif node.kind in _WITHIN:
            waiting += reversed(list(_seeing(node)))
    return list(found)


def _seeing(node: Node) -> Iterator[Node]:
    """The parts of a node that see the context that it sees."""
    if node.procedure is not None:
        yield node.procedure
    if node.kind != "lambda":
        yield from node.parts
    for pair in node.pairs:
        yield from pair


def fields_of(root: Node, variable: str) -> list[str]:
    """The fields that are read of a variable by name, each once, in the order of the text."""
    found: dict[str, None] = {}
    for node in _all(root):
        if node.kind != "path":
            continue
        for first, second in zip(node.parts, node.parts[1:], strict=False):
            if first.kind == "variable" and first.value == variable and second.kind == "name":
                found[str(second.value)] = None
    return list(found)


def _all(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(list(node.children()))


def regexes(root: Node) -> list[tuple[str, str]]:
    """The patterns and flags of all regular expressions."""
    return [node.value for node in _all(root) if node.kind == "regex"]


def free_variables(root: Node) -> set[str]:
    """The variables that an expression reads but does not set, and that are no functions of the library."""
    found: set[str] = set()
    waiting: list[tuple[Node, set[str]]] = [(root, set())]
    while waiting:
        node, known = waiting.pop()
        if node.kind == "variable" and node.value not in ("", "$", *known):
            found.add(str(node.value))
        within = _known_within(node, known)
        waiting += reversed([(child, within) for child in node.children()])
        if node.kind == "bind":
            known.add(str(node.value))
    return found - LIBRARY.keys()


def _known_within(node: Node, known: set[str]) -> set[str]:
    """The variables that are set for the parts of a node; those that a part sets, the next ones see."""
    if node.kind == "lambda":
        return known | {str(parameter.value) for parameter in node.parts}
    if node.kind == "block":
        return set(known)  # What is set in a block ends with it
    if node.kind == "bind" and node.parts[0].kind not in ("bind", "lambda"):
        return set(known)  # Only functions can name themselves
    if node.kind == "path":
        return known | {name for step in node.parts for name in _bound_by(step)}
    return known


def _bound_by(step: Node) -> Iterator[str]:
    """The variables that a step of a path sets for those that follow."""
    yield from filter(None, (step.focus, step.index))
    yield from (stage.index for stage in step.stages or () if stage.index)
