"""Says how the local service compares with what was recorded on AWS: `nox -s conformance`.

There is a board each for executions (results, event types and whole events, by area and tag), for sequences
of API calls (answers, by operation), for definitions (refusals, and their words) and for states that were
tested. Each miss is named with its reason. No figure may fall: `ratchet.json` beside this holds the best so
far, and `--update` writes it anew. Besides, there are bars for all, and for each area of executions.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from calls import judge_calls, sequences
from definitions import judge_definition, recorded_definitions
from harness import RECORDINGS, cases, judge
from state_tests import judge_test, recorded_tests

RATCHET = Path(__file__).with_name("ratchet.json")

Figures = dict[str, list[int]]
"""By measure: how many match, and how many there are."""


@dataclass(frozen=True)
class Row:
    """How one recording compares."""

    group: str
    name: str
    marks: dict[str, bool | None]
    """By measure whether it matches; `None` where nothing was recorded to compare with."""
    reason: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Board:
    """A kind of recordings, and how they are judged."""

    name: str
    measures: tuple[str, ...]
    judge: Callable[[str], Iterator[Row]]
    """Gives a row for each recording whose name holds a text."""
    bars: dict[str, float]
    """The least share of all that must match."""
    group_bars: dict[str, float] = field(default_factory=dict)
    """The least share of each group that must match."""


def executions(only: str) -> Iterator[Row]:
    """Judge recorded executions."""
    for case in cases():
        if only in case["id"]:
            found = judge(case)
            marks = {"result": found.result, "types": found.types, "whole": found.whole}
            yield Row(case["area"], case["id"], marks, found.reason, tuple(case["tags"]))


def calls(only: str) -> Iterator[Row]:
    """Judge recorded API calls. Where a recording's message is not AWS's, the refusal counts, by itself."""
    for case in sequences():
        for answer in judge_calls(case) if only in case["id"] else ():
            group = "(refusals alone)" if answer.caveat else answer.operation
            name = f"{answer.case}, step {answer.step}: {answer.operation}"
            yield Row(group, name, {"answer": answer.matches}, answer.reason)


def definitions(only: str) -> Iterator[Row]:
    """Judge what is said of recorded definitions."""
    for case in recorded_definitions():
        if only in case["id"]:
            found = judge_definition(case)
            yield Row(
                case["operation"], case["id"], {"refusal": found.refusal, "words": found.words}, found.reason
            )


def state_tests(only: str) -> Iterator[Row]:
    """Judge recorded tests of states, by the level of inspection."""
    for case in recorded_tests():
        if only in case["id"]:
            found = judge_test(case)
            group = case["request"].get("inspectionLevel", "INFO")
            yield Row(group, case["id"], {"answer": found.matches}, found.reason)


BOARDS = (
    Board(
        "executions",
        ("result", "types", "whole"),
        executions,
        {"result": 0.99, "types": 0.97, "whole": 0.95},
        # Whole events are held by the ratchet alone: in an area of few histories the form in which some
        # were recorded weighs more, as `docs/differences.md` tells.
        {"result": 0.9, "types": 0.9},
    ),
    Board("calls", ("answer",), calls, {"answer": 0.97}),
    Board("definitions", ("refusal", "words"), definitions, {"refusal": 1, "words": 0.95}),
    Board("state tests", ("answer",), state_tests, {"answer": 0.97}),
)


def tally(board: Board, rows: Iterable[Row]) -> Figures:
    """For each measure, how many match and how many there are."""
    figures = {measure: [0, 0] for measure in board.measures}
    for row in rows:
        for measure in board.measures:
            if (matches := row.marks[measure]) is not None:
                figures[measure][0] += matches
                figures[measure][1] += 1
    return figures


def by_group(board: Board, rows: Iterable[Row]) -> dict[str, Figures]:
    """The figures of each group."""
    groups = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    return {name: tally(board, group) for name, group in sorted(groups.items())}


def by_tag(board: Board, rows: Iterable[Row]) -> dict[str, Figures]:
    """The figures of each tag."""
    groups = defaultdict(list)
    for row in rows:
        for tag in row.tags:
            groups[f"#{tag}"].append(row)
    return {tag: tally(board, group) for tag, group in sorted(groups.items())}


def line(name: str, figures: Figures) -> str:
    """One line of the table."""
    cells = [
        f"{good:>4}/{all_:<4} {good / all_:>6.1%}" if all_ else " " * 16 for good, all_ in figures.values()
    ]
    return f"{name:<34}" + "  ".join(cells)


def show(board: Board, rows: list[Row], tags: bool) -> None:
    """Print a board: the figures of each group, and the misses."""
    print("", f"{board.name:<34}" + "".join(f"{measure:<18}" for measure in board.measures), sep="\n")
    for name, figures in (by_group(board, rows) | (by_tag(board, rows) if tags else {})).items():
        print(line(name, figures))
    print(line("all", total(by_group(board, rows))))
    for row in rows:
        if False in row.marks.values():
            print(f"miss: {row.name}: {row.reason[:600]}")


def main() -> int:
    """Judge all recordings and print what comes of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the ratchet anew")
    parser.add_argument("--only", default="", help="only recordings whose id holds this text")
    parser.add_argument("--board", choices=[board.name for board in BOARDS], help="only this kind")
    parser.add_argument("--tags", action="store_true", help="figures by tag, too")
    options = parser.parse_args()
    if options.update and options.only:
        parser.error("the ratchet is written of all recordings")
    if not RECORDINGS.is_dir():
        print(f"no recordings beside the project ({RECORDINGS.name}): nothing is compared")
        return 0
    faults = []
    for board in BOARDS:
        if options.board in (None, board.name):
            rows = list(board.judge(options.only))
            show(board, rows, options.tags)
            groups = by_group(board, rows)
            if options.update:
                RATCHET.write_text(json.dumps(_kept() | {board.name: matches(groups)}, indent=2) + "\n")
            faults += [] if options.only else failures(board, groups)
    print(*faults, sep="\n", end="\n" if faults else "", file=sys.stderr)
    return 1 if faults else 0


def _kept() -> dict[str, dict[str, dict[str, int]]]:
    """The best so far, by board, group and measure."""
    found: dict[str, dict[str, dict[str, int]]] = json.loads(RATCHET.read_text())
    return found


def matches(groups: dict[str, Figures]) -> dict[str, dict[str, int]]:
    """How many match, by group and measure."""
    return {name: {measure: good for measure, (good, _) in found.items()} for name, found in groups.items()}


def total(groups: dict[str, Figures]) -> Figures:
    """The figures of all groups together, but for those in brackets, which stand aside."""
    counted = [found for name, found in groups.items() if not name.startswith("(")]
    measures = counted[0] if counted else {}
    return {
        measure: [sum(part) for part in zip(*(found[measure] for found in counted), strict=True)]
        for measure in measures
    }


def failures(board: Board, groups: dict[str, Figures]) -> list[str]:
    """Say what has fallen since the best so far, and what is below its bar."""
    best, now = _kept().get(board.name, {}), matches(groups)
    told = [
        f"fallen: {measure} of {name} matches {found} times, {before} times before"
        for name, figures in best.items()
        for measure, before in figures.items()
        if (found := now.get(name, {}).get(measure, 0)) < before
    ]
    below = [
        _below(name, measure, figures[measure], bar)
        for name, figures in groups.items()
        for measure, bar in board.group_bars.items()
    ]
    all_ = total(groups)
    below += [_below("all", measure, all_[measure], bar) for measure, bar in board.bars.items()]
    return told + [each for each in below if each]


def _below(name: str, measure: str, figures: list[int], bar: float) -> str:
    good, count = figures
    return (
        f"below {bar:.0%}: {measure} of {name} matches {good} of {count} times" if good < bar * count else ""
    )


if __name__ == "__main__":
    sys.exit(main())
