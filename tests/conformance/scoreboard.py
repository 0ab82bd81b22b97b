"""Says how the local service compares with executions recorded on AWS: `nox -s conformance`.

Prints results, event types and whole events by area and tag, and each miss with its reason. Figures must not
fall: `ratchet.json` beside this holds the best so far, and `--update` writes it anew.
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


def tally(verdicts: Iterable[Verdict]) -> dict[str, list[int]]:
    """For each measure, how many match and how many there are."""
    figures = {measure: [0, 0] for measure in MEASURES}
    for verdict in verdicts:
        for measure in MEASURES:
            matches = getattr(verdict, measure)
            if matches is not None:
                figures[measure][0] += matches
                figures[measure][1] += 1
    return figures


def line(name: str, figures: dict[str, list[int]]) -> str:
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
    if not RECORDINGS.is_dir():
        print(f"no recordings beside the project ({RECORDINGS.name}): nothing is compared")
        return 0
    verdicts = [judge(case) for case in cases() if options.only in case["id"]]
    groups = defaultdict(list)
    for verdict in verdicts:
        groups[verdict.case["area"]].append(verdict)
        if options.tags:
            for tag in verdict.case["tags"]:
                groups[f"#{tag}"].append(verdict)
    print(f"{'':<28}{'result':<18}{'event types':<18}{'whole events':<18}")
    for name, group in sorted(groups.items()):
        print(line(name, tally(group)))
    figures = tally(verdicts)
    print(line("all", figures))
    for verdict in verdicts:
        if False in (verdict.result, verdict.types, verdict.whole):
            print(f"miss: {verdict.case['id']}: {verdict.reason[:600]}")
    return 0 if options.only else check({name: good for name, (good, _) in figures.items()}, options.update)


def check(figures: dict[str, int], update: bool) -> int:
    """Compare with the best so far."""
    if update:
        RATCHET.write_text(json.dumps(figures, indent=2) + "\n")
        return 0
    best = json.loads(RATCHET.read_text())
    fallen = {name: (best[name], now) for name, now in figures.items() if now < best[name]}
    for name, (before, now) in fallen.items():
        print(f"fallen: {name} matches {now} times, {before} times before", file=sys.stderr)
    return 1 if fallen else 0


if __name__ == "__main__":
    sys.exit(main())
