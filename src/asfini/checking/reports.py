"""Findings for people, for programs and for code hosts."""

import json
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from asfini.checking.files import FileResult, Finding
from asfini.checking.rules import RULES, Rule

_COLOURS = {"ERROR": "\x1b[1;31m", "WARNING": "\x1b[1;33m", "PLACE": "\x1b[1m", "FAINT": "\x1b[2m"}
_END = "\x1b[0m"
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
_LONGEST = 160
"""Characters of a line that are shown: minified JSON may have just one."""


def to_text(finding: Finding, *, colours: bool = False) -> str:
    """Write a finding with its line, and a mark under what it is about.

    Args:
        finding: one of a `FileResult`'s.
        colours: whether to colour it, by ANSI's escape sequences.
    """

    def paint(text: str, colour: str) -> str:
        return f"{_COLOURS[colour]}{text}{_END}" if colours else text

    place = paint(f"{finding.path}:{finding.line}:{finding.column}:", "PLACE")
    kind = paint(f"{finding.severity.lower()} {finding.code}", finding.severity)
    where = " in ".join(filter(None, (finding.location, finding.machine)))
    head = f"{place} {kind}: {_plain(finding.message)}" + (
        paint(f" ({_plain(where)})", "FAINT") if where else ""
    )
    if not finding.source.strip():
        return head
    source, column, length = _excerpt(finding)
    number = f"{finding.line:>6} | "
    mark = paint("^" * length, finding.severity)
    return f"{head}\n{paint(number, 'FAINT')}{source}\n{' ' * (len(number) + column)}{mark}"


def _excerpt(finding: Finding) -> tuple[str, int, int]:
    """The part of a line to show, where the mark begins and how long it is."""
    start = 0 if finding.column < _LONGEST * 3 // 4 else finding.column - _LONGEST // 2
    source = _plain(finding.source[start : start + _LONGEST].replace("\t", " ")).rstrip()
    column = finding.column - 1 - start
    return source, column, max(min(finding.end_column - finding.column, len(source) - column), 1)


def _plain(text: str) -> str:
    """Text that does nothing to a terminal: files may be anybody's."""
    return _CONTROLS.sub("\ufffd", text)


def summary(results: Sequence[FileResult]) -> str:
    """Say in a line what was checked and found.

    Args:
        results: what came of each file.
    """
    findings = [finding for result in results for finding in result.findings]
    errors = sum(finding.severity == "ERROR" for finding in findings)
    counts = [
        _count(sum(result.machines for result in results), "state machine"),
        _count(sum(1 + len(result.used) for result in results), "file"),
        _count(errors, "error"),
        _count(len(findings) - errors, "warning"),
    ]
    return "checked {} in {}: {}, {}".format(*counts)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def to_json(results: Iterable[FileResult]) -> str:
    """Write findings as a JSON array of objects.

    Args:
        results: what came of each file.
    """
    return json.dumps([finding.to_dict() for result in results for finding in result.findings], indent=2)


# SARIF


def to_sarif(results: Iterable[FileResult]) -> str:
    """Write findings as SARIF 2.1.0, which code hosts show beside the lines.

    Args:
        results: what came of each file.
    """
    driver = {
        "name": "asfini",
        "version": version("asfini"),
        "rules": [_sarif_rule(rule) for rule in RULES.values()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(finding) for result in results for finding in result.findings],
    }
    schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.explanation},
        "help": {"text": f"{rule.title}: {rule.explanation}"},
        "defaultConfiguration": {"level": rule.severity.lower()},
    }


def _sarif_result(finding: Finding) -> dict[str, Any]:
    region = {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endLine": finding.line,
        "endColumn": finding.end_column,
    }
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": _uri(finding.path)}, "region": region}
    }
    if finding.location or finding.machine:
        name = f"{finding.machine or ''}{finding.location}"
        location["logicalLocations"] = [{"fullyQualifiedName": name}]
    return {
        "ruleId": finding.code,
        "ruleIndex": list(RULES).index(finding.code),
        "level": finding.severity.lower(),
        "message": {"text": finding.message},
        "locations": [location],
    }


def _uri(path: str) -> str:
    """A path relative to the current folder where it is below, as code hosts need it."""
    file = Path(path)
    if file.is_absolute() and not file.is_relative_to(Path.cwd()):
        return file.as_uri()
    from urllib.parse import quote

    return quote((file.relative_to(Path.cwd()) if file.is_absolute() else file).as_posix())
