"""Says how the local service compares with executions recorded on AWS: `nox -s conformance`.

Prints results, event types and whole events by area and tag, and each miss with its reason. No figure of any
area may fall: `ratchet.json` beside this holds the best so far, and `--update` writes it anew. Besides, there
are bars for all, and one for each area.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from harness import RECORDINGS, Verdict, cases, judge

RATCHET = Path(__file__).with_name("ratchet.json")
MEASURES = ("result", "types", "whole")
BARS = {"result": 0.99, "types": 0.97, "whole": 0.95}
"""The least share of all that must match."""
AREA_BAR = 0.9
"""The least share of an area's results and event types. Whole events are held by the ratchet alone: in an
area of few histories the form in which some were recorded weighs more, as `docs/differences.md` tells."""


Figures = dict[str, list[int]]
"""By measure: how many match, and how many there are."""


def tally(verdicts: Iterable[Verdict]) -> Figures:
    """For each measure, how many match and how many there are."""
    figures = {measure: [0, 0] for measure in MEASURES}
    for verdict in verdicts:
        for measure in MEASURES:
            matches = getattr(verdict, measure)
            if matches is not None:
                figures[measure][0] += matches
                figures[measure][1] += 1
    return figures


def line(name: str, figures: Figures) -> str:
    """One line of the table."""
    cells = [
        f"{good:>4}/{all_:<4} {good / all_:>6.1%}" if all_ else " " * 16 for good, all_ in figures.values()
    ]
    return f"{name:<28}" + "  ".join(cells)


def main() -> int:
    """Run all recorded executions and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the ratchet anew")
    parser.add_argument("--only", default="", help="only executions whose id holds this text")
    parser.add_argument("--tags", action="store_true", help="figures by tag, too")
    options = parser.parse_args()
    if options.update and options.only:
        parser.error("the ratchet is written of all executions")
    if not RECORDINGS.is_dir():
        print(f"no recordings beside the project ({RECORDINGS.name}): nothing is compared")
        return 0
    verdicts = [judge(case) for case in cases() if options.only in case["id"]]
    areas = by_area(verdicts)
    groups = areas | (by_tag(verdicts) if options.tags else {})
    print(f"{'':<28}{'result':<18}{'event types':<18}{'whole events':<18}")
    for name, figures in sorted(groups.items()):
        print(line(name, figures))
    print(line("all", tally(verdicts)))
    for verdict in verdicts:
        if False in (verdict.result, verdict.types, verdict.whole):
            print(f"miss: {verdict.case['id']}: {verdict.reason[:600]}")
    if options.update:
        RATCHET.write_text(json.dumps(matches(areas), indent=2) + "\n")
    if options.only:
        return 0
    faults = failures(areas)
    print(*faults, sep="\n", end="\n" if faults else "", file=sys.stderr)
    return 1 if faults else 0


def by_area(verdicts: Iterable[Verdict]) -> dict[str, Figures]:
    """The figures of each area."""
    groups = defaultdict(list)
    for verdict in verdicts:
        groups[verdict.case["area"]].append(verdict)
    return {area: tally(group) for area, group in sorted(groups.items())}


def by_tag(verdicts: Iterable[Verdict]) -> dict[str, Figures]:
    """The figures of each tag."""
    groups = defaultdict(list)
    for verdict in verdicts:
        for tag in verdict.case["tags"]:
            groups[f"#{tag}"].append(verdict)
    return {tag: tally(group) for tag, group in groups.items()}


def matches(areas: dict[str, Figures]) -> dict[str, dict[str, int]]:
    """How many match, by area and measure."""
    return {area: {measure: good for measure, (good, _) in found.items()} for area, found in areas.items()}


def failures(areas: dict[str, Figures]) -> list[str]:
    """Say what has fallen since the best so far, and what is below its bar."""
    best, now = json.loads(RATCHET.read_text()), matches(areas)
    told = [
        f"fallen: {measure} of {area} matches {found} times, {before} times before"
        for area, figures in best.items()
        for measure, before in figures.items()
        if (found := now.get(area, {}).get(measure, 0)) < before
    ]
    bars = {(area, measure): AREA_BAR for area in areas for measure in ("result", "types")}
    told += [
        below for (area, measure), bar in bars.items() if (below := _below(area, measure, areas[area], bar))
    ]
    all_ = {
        measure: [sum(part) for part in zip(*(found[measure] for found in areas.values()), strict=True)]
        for measure in MEASURES
    }
    return told + [below for measure, bar in BARS.items() if (below := _below("all", measure, all_, bar))]


def _below(name: str, measure: str, figures: Figures, bar: float) -> str:
    good, count = figures[measure]
    return (
        f"below {bar:.0%}: {measure} of {name} matches {good} of {count} times" if good < bar * count else ""
    )


if __name__ == "__main__":
    sys.exit(main())
