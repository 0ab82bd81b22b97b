"""Files as trees of places: at which line and column each value of JSON or YAML stands.

They are made only when there is something to tell.
"""

import bisect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from json import JSONDecoder
from typing import Any

Step = str | int

_BLANK = re.compile(r"[ \t\n\r]*")
_ATOM = re.compile(r"\$\{[^}]*\}|[^\s,\[\]{}:\"]+")
"""A number, a literal, or a placeholder without quotes."""
_BREAK = re.compile(r"\r\n|\r|\n")
_read = JSONDecoder().raw_decode
_INDEXED = re.compile(r"(.*?)((?:\[\d+\])+)")


@dataclass(slots=True)
class Node:
    """A value, from a character of the file to another."""

    start: int
    end: int
    key: tuple[int, int] | None = None
    """Where its key stands, if it has one."""
    children: dict[Step, "Node"] = field(default_factory=dict)
    text: str | None = None
    """What it is, if it is text."""
    block: bool = False
    """Whether the text is a block of YAML, each of its lines a line of the file."""

    @property
    def told(self) -> tuple[int, int]:
        """What to point at: the value, or the key if the value is long."""
        return self.key if self.key is not None and self.children else (self.start, self.end)


# JSON


def json_nodes(text: str) -> Node | None:
    """Find the places of JSON; placeholders may stand for values. There are none where it is not JSON."""
    try:
        return _value(text, _skip(text, 0))
    except (ValueError, RecursionError):
        return None


def _skip(text: str, index: int) -> int:
    found = _BLANK.match(text, index)
    return found.end() if found else index


def _value(text: str, start: int) -> Node:
    opening = text[start : start + 1]
    if opening == '"':
        string, end = _read(text, start)
        return Node(start, end, text=string)
    if opening in ("{", "["):
        return _container(text, start, "}" if opening == "{" else "]")
    if (found := _ATOM.match(text, start)) is None:
        raise ValueError(f"no value at {start}")
    return Node(start, found.end())


def _container(text: str, start: int, closing: str) -> Node:
    node = Node(start, start + 1)
    index = _skip(text, start + 1)
    while text[index : index + 1] != closing:
        name: Step = len(node.children)
        place = None
        if closing == "}":
            name, place, index = _key(text, index)
        child = _value(text, index)
        child.key = place
        node.children[name] = child
        index = _skip(text, child.end)
        if text[index : index + 1] == ",":
            index = _skip(text, index + 1)
        elif text[index : index + 1] != closing:
            raise ValueError(f"neither a comma nor an end at {index}")
    node.end = index + 1
    return node


def _key(text: str, start: int) -> tuple[str, tuple[int, int], int]:
    if text[start : start + 1] != '"':
        raise ValueError(f"no name at {start}")
    name, end = _read(text, start)
    colon = _skip(text, end)
    if text[colon : colon + 1] != ":":
        raise ValueError(f"no colon at {colon}")
    return name, (start, end), _skip(text, colon + 1)


# YAML


def yaml_nodes(text: str, starts: list[int]) -> Node | None:
    """Find the places of YAML."""
    import yaml

    from asfini.asl import _yaml

    try:
        return _of_yaml(yaml.compose(text, Loader=_yaml.LOADER), starts)
    except (yaml.YAMLError, RecursionError):
        return None


def _of_yaml(node: Any, starts: list[int]) -> Node | None:
    if node is None:
        return None
    first, last = _offset(node.start_mark, starts), _offset(node.end_mark, starts)
    made = Node(first, last)
    if node.id == "scalar":
        made.text, made.block = node.value, node.style == "|"
    elif node.id == "sequence":
        made.children = {index: _child(item, starts) for index, item in enumerate(node.value)}
    else:
        for key, value in node.value:
            child = made.children[str(key.value)] = _child(value, starts)
            child.key = _offset(key.start_mark, starts), _offset(key.end_mark, starts)
    return made


def _child(node: Any, starts: list[int]) -> Node:
    made = _of_yaml(node, starts)
    return made if made is not None else Node(0, 0)


def _offset(mark: Any, starts: list[int]) -> int:
    return int(starts[min(mark.line, len(starts) - 1)] + mark.column)


# Either


class Document:
    """A file's text with the places of its values."""

    def __init__(self, text: str, *, yaml: bool) -> None:
        self.text = text
        self.starts = [0, *(found.end() for found in _BREAK.finditer(text))]
        """Where each line begins."""
        self.root = (yaml_nodes(text, self.starts) if yaml else json_nodes(text)) or Node(0, 0)

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Count a character's line and column from 1."""
        line = bisect.bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        """A line's text."""
        end = self.starts[number] if number < len(self.starts) else len(self.text)
        return self.text[self.starts[number - 1] : end].rstrip("\r\n")

    def find(self, steps: Iterable[Step]) -> Node:
        """The value that some steps lead to; a function that YAML names in short is no step of its own."""
        node = self.root
        for step in steps:
            if step in node.children:
                node = node.children[step]
            elif not (isinstance(step, str) and step.startswith("Fn::")):
                break
        return node

    def offset_in(self, block: Node, offset: int) -> int | None:
        """Where a character of a block stands in the file; unknown where lines are folded or escaped."""
        if not block.block or block.text is None:
            return None
        before = block.text[:offset]
        row = before.count("\n")
        column = len(before) - before.rfind("\n") - 1
        number = self.line_and_column(block.start)[0] + 1 + row
        wanted = block.text.split("\n")[row]
        if number > len(self.starts) or not self.line(number).endswith(wanted):
            return None
        return self.starts[number - 1] + len(self.line(number)) - len(wanted) + column


def steps_of(location: str) -> list[str]:
    """Take apart a place as problems name it: `/States/size/Choices[0]/Next`."""
    return [part.replace("~1", "/").replace("~0", "~") for part in location.split("/")[1:]]


def walk(node: Node, location: str) -> Iterator[Node]:
    """Give the values on the way to a place, as far as they are there."""
    yield node
    for part in steps_of(location):
        steps: list[Step] = [part]
        if part not in node.children and (found := _INDEXED.fullmatch(part)):
            steps = [found[1], *map(int, re.findall(r"\d+", found[2]))] if found[1] else [part]
        for step in steps:
            if step not in node.children:
                return
            node = node.children[step]
            yield node
