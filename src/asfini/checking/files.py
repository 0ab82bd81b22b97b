"""Checking files: what is wrong in which line of them."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from asfini.asl.validation import Problem, problems
from asfini.checking import _reading, _templates
from asfini.checking._documents import Document, Node, Step, json_nodes, walk
from asfini.checking._reading import Unreadable
from asfini.checking._templates import Found
from asfini.checking.rules import RULES
from asfini.errors import InvalidArgument

_COMMENT = re.compile(r"asfini:\s*ignore(-file)?(?:\s+([A-Z_]+(?:[,\s]+[A-Z_]+)*))?")
_IN_YAML = re.compile(r"(?:^|\s)#\s*(asfini:.*)")
_FIELD = re.compile(r"[Ff]ield '([^']+)'")
_SOURCE = re.compile(r"\s+at \[Source: .*?line: (\d+), column: (\d+)\]$", re.DOTALL)
"""What AWS's messages about JSON have, with the whole definition in it."""


@dataclass(frozen=True)
class Finding:
    """A problem in a line of a file."""

    path: str
    line: int
    """From 1, as the column; columns count characters."""
    column: int
    end_column: int
    """The column after the last character; in the same line."""
    code: str
    """The rule: a key of `RULES`."""
    severity: Literal["ERROR", "WARNING"]
    message: str
    location: str = ""
    """Where it is in the definition: `/States/size/Choices[0]/Next`."""
    machine: str | None = None
    """The machine's logical id, in a template."""
    source: str = ""
    """The line's text."""

    def to_dict(self) -> dict[str, Any]:
        """Write it as plain JSON data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "source"}


@dataclass
class FileResult:
    """What was found in a file."""

    path: str
    machines: int = 0
    """How many definitions were looked at."""
    findings: list[Finding] = field(default_factory=list)
    """The problems by line, without those that comments in the file leave out."""
    used: list[Path] = field(default_factory=list)
    """The files that it names, which were checked as what they are used for."""


def check_file(path: str | Path, *, warnings: bool = True) -> FileResult:
    """Check the definitions of a file: JSON or YAML, itself or a template of CloudFormation's or SAM's.

    Args:
        path: the file. Whatever its name says, only names with `.asl` are taken for definitions that have
            none of their fields.
        warnings: whether to tell also what is not refused but likely to be a mistake.

    Raises:
        InvalidArgument: there is no such file, or it must not be read.
        MissingExtra: it is YAML, and the extra `yaml` is not installed.
    """
    file = Path(path)
    result = FileResult(str(path))
    certain = _reading.DEFINITION.search(file.name) is not None
    try:
        text = _reading.read_text(file)
        if not certain and not _reading.mentions_machines(text):
            return result
        found = _found(file, text, certain=certain)
        _Checking(file, text, result, warnings=warnings).check(found)
    except Unreadable as error:
        if certain or not error.foreign:
            result.findings.append(_unreadable(file, error))
    result.findings = sorted(
        set(result.findings), key=lambda each: (each.path, each.line, each.column, each.code)
    )
    return result


def _found(file: Path, text: str, *, certain: bool) -> list[Found]:
    if certain and not _reading.is_yaml(file, text):
        return [Found(text)]  # problems() reads it, and words its errors as AWS does
    try:
        data = _reading.parse(file, text)
    except Unreadable:
        if _templates.quote_bare(text) == text:
            raise
        data = _reading.parse(file, _templates.quote_bare(text))
    if certain and not isinstance(data, dict):
        raise Unreadable(f"a definition is an object, not {json.dumps(data, default=str):.40}")
    found = list(_templates.definitions(data, certain=certain))
    if len(found) == 1 and not found[0].place and not _reading.is_yaml(file, text):
        return [Found(text)]
    return found


def _unreadable(file: Path, error: Unreadable) -> Finding:
    return Finding(str(file), error.line, error.column, error.column + 1, "UNREADABLE", "ERROR", str(error))


class _Checking:
    """The check of one file's definitions.

    Args:
        file: the file.
        text: what is in it.
        result: where findings go.
        warnings: whether warnings are told.
        found: the definition as a template uses it, if one does.
    """

    def __init__(self, file: Path, text: str, result: FileResult, *, warnings: bool) -> None:
        self.file = file
        self.text = text
        self.result = result
        self.warnings = warnings
        self._document: Document | None = None

    @property
    def document(self) -> Document:
        """The places of values; made when there is something to tell."""
        if self._document is None:
            self._document = Document(self.text, yaml=_reading.is_yaml(self.file, self.text))
        return self._document

    def check(self, found: Iterable[Found]) -> None:
        for each in found:
            if each.file is None:
                self._check_one(each)
            else:
                self._check_other(each)

    def _check_one(self, found: Found, using: "_Checking | None" = None) -> None:
        self.result.machines += 1
        raw = found.value if isinstance(found.value, str) and found.place else None
        found.fill_in()
        for problem in problems(found.value, machine_type=found.type, warnings=self.warnings):
            self._tell(found, problem, raw)
        self._check_substitutions(found, using or self)

    def _check_substitutions(self, found: Found, template: "_Checking") -> None:
        """Tell of placeholders and substitutions that do not fit."""
        if not self.warnings:
            return
        for name in found.unfilled:
            message = f"Nothing is substituted for ${{{name}}}"
            template.tell_at("MISSING_SUBSTITUTION", message, found.placed_substitutions, found.name)
        for name in found.unused:
            steps = (*found.placed_substitutions, name)
            template.tell_at("UNUSED_SUBSTITUTION", f"The definition has no ${{{name}}}", steps, found.name)

    def _check_other(self, found: Found) -> None:
        """Check the file that a template names, with the template's substitutions."""
        file = self.file.parent / str(found.file)
        try:
            text = _reading.read_text(file)
            other = _Checking(file, text, self.result, warnings=self.warnings)
            value = _reading.parse(file, text) if _reading.is_yaml(file, text) else text
        except InvalidArgument as error:
            self.tell_at("DEFINITION_NOT_FOUND", str(error), found.place, found.name)
            return
        except Unreadable as error:
            self.result.findings.append(_unreadable(file, error))
            return
        self.result.used.append(file)
        own = Found(value, name=found.name, type=found.type, substitutions=found.substitutions)
        own.placed_substitutions = found.placed_substitutions
        other._check_one(own, self)

    # Findings

    def tell_at(self, code: str, message: str, steps: Iterable[Step], machine: str | None) -> None:
        """Tell of a problem of the template itself."""
        node = self.document.find(steps)
        start, end = node.key or (node.start, node.end)
        self._add(Problem(code, "", message, RULES[code].severity), machine, start, end)

    def _tell(self, found: Found, problem: Problem, raw: str | None) -> None:
        outer = self.document.find(found.place)
        root = outer if raw is None else json_nodes(raw)
        comments = []
        start, end = outer.told
        told = _SOURCE.search(problem.message)
        inner: tuple[int, int] | None = None
        if told is not None:
            inner = self._character(raw if raw is not None else self.text, int(told[1]), int(told[2]))
            problem = Problem(problem.code, "", problem.message[: told.start()], problem.severity)
        elif root is not None:
            nodes = list(walk(root, problem.location))
            comments = [node.children["Comment"].text for node in nodes if "Comment" in node.children]
            inner = _pointed_at(root, nodes[-1], problem.message)
        if inner is not None:
            start, end = (self._in_block(outer, inner) or (start, end)) if raw is not None else inner
        if not any(_ignores(comment or "", problem.code) for comment in comments):
            self._add(problem, found.name, start, end)

    def _character(self, text: str, line: int, column: int) -> tuple[int, int]:
        lines = text.splitlines(keepends=True)
        offset = min(sum(map(len, lines[: line - 1])) + max(column - 1, 0), max(len(text) - 1, 0))
        return offset, offset + 1

    def _in_block(self, block: Node, inner: tuple[int, int]) -> tuple[int, int] | None:
        start = self.document.offset_in(block, inner[0])
        return None if start is None else (start, start + inner[1] - inner[0])

    def _add(self, problem: Problem, machine: str | None, start: int, end: int) -> None:
        line, column = self.document.line_and_column(start)
        source = self.document.line(line)
        if self._is_ignored(problem.code, line):
            return
        last = max(min(column + end - start, len(source) + 1), column + 1)
        self.result.findings.append(
            Finding(
                str(self.file),
                line,
                column,
                last,
                problem.code,
                problem.severity,
                problem.message,
                problem.location,
                machine,
                source,
            )
        )

    def _is_ignored(self, code: str, line: int) -> bool:
        """Whether a comment leaves it out: in its line, alone in the line above, or for the whole file."""
        if not _reading.is_yaml(self.file, self.text):
            return False
        above = self.document.line(line - 1) if line > 1 else ""
        texts = [self.document.line(line), above if above.lstrip().startswith("#") else ""]
        if any(_ignores(comment, code) for text in texts for comment in _IN_YAML.findall(text)):
            return True
        return any(_ignores(comment, code, file=True) for comment in self._comments())

    def _comments(self) -> Iterator[str]:
        for text in self.text.splitlines():
            yield from _IN_YAML.findall(text)


def _pointed_at(root: Node, node: Node, message: str) -> tuple[int, int]:
    """What to mark: the field that the message names, or else the value itself."""
    named = _FIELD.search(message)
    if named is not None and (child := node.children.get(named[1])) is not None and child.key is not None:
        return child.key
    return node.told if node is not root else (root.start, root.start + 1)


def _ignores(comment: str, code: str, *, file: bool = False) -> bool:
    """Whether a comment says that a rule is to be ignored; without rules it means all."""
    return any(
        bool(for_file) == file and (not codes or code in re.split(r"[,\s]+", codes))
        for for_file, codes in _COMMENT.findall(comment)
    )
