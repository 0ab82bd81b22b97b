"""Says which lines of the interpreter no random machine reaches: `nox -s reach`.

Reads a report of `coverage json`. Each function with such a line must be named below, with the reason why no
machine gets there; and a name that is not needed any more must go, but for what depends on chance.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

INTERPRETER = frozenset(
    "branches dataflow datasets distributed expressions failures interpreter journal maps parameters paths "
    "results rules run states work".split()
)
"""The modules of `asfini.local` that run machines; the others keep and tell."""

REFUSED = "CreateStateMachine refuses what would lead there"
FOUND_BEFORE = "what looks at definitions finds it first"
REDRIVEN = "redrives have tests of their own; chance seldom leads there"
ELSEWHERE = "only mocks, other services and tests of states get there, which have tests of their own"
AUTHORS = "only authors ask, before there is a machine"
CLOCK = "it depends on how fast the computer is"
INSTALLED = "the extra is installed where tests run"
ABSTRACT = "all subclasses have their own"
SHOWN = "it is for people who look for errors"
UNFORESEEN = "nothing is known that leads there"

UNREACHED: dict[str, dict[str, str]] = {
    "local/branches": {"together": UNFORESEEN},
    "local/distributed": {
        "_go_on": REDRIVEN,
        "limits_failures": ELSEWHERE,
        "_given": ELSEWHERE,
    },
    "local/expressions": {"ExpressionFlow.holds": REFUSED},
    "local/interpreter": {"do": REFUSED, "interpret": REFUSED},
    "local/maps": {"run": REFUSED},
    "local/rules": {"holds": REFUSED},
    "local/run": {
        "Run.settled": REDRIVEN,
        "Run._log": "only whoever turns logging on gets there",
        "Frame.exchanges": ELSEWHERE,
    },
    "local/work": {
        "Workshop.arguments": ELSEWHERE,
        "Workshop._do_activity": ELSEWHERE,
        "Workshop._feign": ELSEWHERE,
        "Workshop._function": ELSEWHERE,
        "Workshop._call": ELSEWHERE,
        "Workshop._work": ELSEWHERE,
        "Workshop._order": ELSEWHERE,
        "Workshop._order.submitted": ELSEWHERE,
        "_plainly": ELSEWHERE,
    },
    "query/_functions": {"json_to_string": f"{REFUSED}; {UNFORESEEN}"},
    "query/_jsonata/analysis": {"free_variables": AUTHORS, "_known_within": AUTHORS, "_bound_by": AUTHORS},
    "query/_jsonata/arrays": {"sort": CLOCK, "_Sorted.__lt__": CLOCK},
    "query/_jsonata/casts": {"_json": UNFORESEEN},
    "query/_jsonata/paths": {"_tuple_step": CLOCK},
    "query/_jsonata/program": {"Program.evaluate": UNFORESEEN, "plain": UNFORESEEN},
    "query/_jsonata/regexes": {"Matcher.first": CLOCK, "fault": INSTALLED, "library": INSTALLED},
    "query/_jsonata/run": {"Run.check": CLOCK, "too_slow": CLOCK},
    "query/_jsonata/values": {"_Undefined.__repr__": SHOWN, "Function.invoke": ABSTRACT},
    "query/_path_filter": {"_literal": "the end of the filter is not found then"},
    "query/_path_regex": {
        "compile_pattern": "the end of the filter is not found then",
        "_Parser._part": "the end of the filter is not found then",
    },
    "query/_path_steps": {"Step.fragment": ABSTRACT, "Step.accepts": ABSTRACT, "Step.expand": ABSTRACT},
    "query/intrinsics": {
        "_Parser.expression": FOUND_BEFORE,
        "_Parser._call": FOUND_BEFORE,
        "_Parser._arguments": FOUND_BEFORE,
        "_Parser._argument": FOUND_BEFORE,
        "_Parser._path": FOUND_BEFORE,
        "_call.value": FOUND_BEFORE,
        "_takes": FOUND_BEFORE,
    },
    "query/jsonata": {
        "JsonataSyntaxError.__init__": FOUND_BEFORE,
        "variables": AUTHORS,
        "Expression.__init__": FOUND_BEFORE,
        "Expression.evaluate": "machines read fields with `read`",
    },
    "query/jsonpath": {"Path.__repr__": SHOWN, "Path.write": REFUSED},
    "query/template": {"compile_value": REFUSED},
}
"""By module and function, why some of it is reached by no machine."""
_CHANCE = (CLOCK, REDRIVEN)
"""What is reached now and then."""


def main() -> int:
    """Compare a report with what is known."""
    report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = {place: lines for place, lines in _missed(report) if lines}
    known = {(module, name) for module, names in UNREACHED.items() for name in names}
    statements, missing = _totals(report)
    print(f"{statements - missing:,} of {statements:,} lines reached, {1 - missing / statements:.2%}")
    for module, name in found:
        told = UNREACHED.get(module, {}).get(name)
        print(f"  {module}: {name or 'the module'}: {len(found[module, name])}: {told or 'NO REASON KNOWN'}")
    news = [f"{module}: {name}: lines {found[module, name]}" for module, name in found.keys() - known]
    stale = [
        f"{module}: {name}" for module, name in known - found.keys() if UNREACHED[module][name] not in _CHANCE
    ]
    for title, places in (("not reached, and not in the table", news), ("in the table, but reached", stale)):
        print(*(f"{title}: {place}" for place in sorted(places)), sep="\n", end="\n" if places else "")
    return 1 if news or stale else 0


def _files(report: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The interpreter's modules, by their names below `asfini`."""
    for path, file in sorted(report["files"].items()):
        module = Path(path).as_posix().rpartition("asfini/")[2].removesuffix(".py")
        package, _, name = module.partition("/")
        if package == "query" or (package == "local" and name in INTERPRETER):
            yield module, file


def _missed(report: dict[str, Any]) -> Iterator[tuple[tuple[str, str], list[int]]]:
    for module, file in _files(report):
        for name, function in file["functions"].items():
            yield (module, name), function["missing_lines"]


def _totals(report: dict[str, Any]) -> tuple[int, int]:
    summaries = [file["summary"] for _, file in _files(report)]
    return sum(each["num_statements"] for each in summaries), sum(each["missing_lines"] for each in summaries)


if __name__ == "__main__":
    sys.exit(main())
