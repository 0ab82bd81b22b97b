"""What tests took of machines, as pages: one for each machine, and one that leads to them."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import cache

from asfini.view._html import asset, page
from asfini.view._svg import style as graph_style, svg
from asfini.view._text import xml
from asfini.view.covering import (
    HEADS,
    KINDS,
    MachineCoverage,
    Tally,
    covered,
    element_said,
    percent_said,
    tally_of,
)

INDEX = "index.html"
_BAR = 80
"""The width of a bar, in pixels."""
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


def pages(machines: Sequence[MachineCoverage]) -> dict[str, str]:
    """Write the pages, which need nothing but each other.

    Returns:
        HTML by the files' names; `index.html` leads to the others. The pages may run and load nothing.
    """
    return {INDEX: _index(machines)} | {_file(each): _machine(each) for each in machines}


def _file(machine: MachineCoverage) -> str:
    """The name of a machine's page, which no two have even where capitals make no difference."""
    told = _NOT_IN_NAMES.sub("-", machine.name)[:60]
    return f"{told}-{hashlib.sha256(machine.name.encode()).hexdigest()[:8]}.html"


def _page(title: str, body: Iterable[str]) -> str:
    return page(title, _style(), "\n".join(body))


@cache
def _style() -> str:
    return f"{graph_style()}\n{asset('covering.css')}"


# Parts


def _tone(tally: Tally) -> str:
    return "none" if not tally.taken else "full" if tally.taken == tally.total else "part"


def _percent(tally: Tally) -> str:
    return f'<span class="percent {_tone(tally)}">{percent_said(tally.percent)}</span>'


def _bar(tally: Tally) -> str:
    width = round(_BAR * tally.percent / 100)
    return (
        f'<svg class="bar {_tone(tally)}" width="{_BAR}" height="10" aria-hidden="true">'
        f'<rect class="all" width="{_BAR}" height="10" rx="3"/>'
        f'<rect class="taken" width="{width}" height="10" rx="3"/></svg>'
    )


def _cell(tally: Tally) -> str:
    tone = ' none"' if tally.total and not tally.taken else '"'
    return f'<td class="count{tone}>{tally}</td>'


# The index


def _index(machines: Sequence[MachineCoverage]) -> str:
    total = tally_of(machines)
    return _page(
        f"Coverage of state machines: {percent_said(total.percent)}",
        [
            f"<header><h1>Coverage of state machines</h1>{_percent(total)}</header>",
            '<section class="wide"><table>',
            "<thead><tr><th>Machine</th><th>Taken</th>",
            *(f'<th class="count">{head}</th>' for head in HEADS.values()),
            "</tr></thead><tbody>",
            *(_row(machine) for machine in machines),
            "</tbody><tfoot>",
            f"<tr><td>All</td><td>{_bar(total)}{percent_said(total.percent)}</td>",
            *(_cell(tally_of(machines, kind)) for kind in KINDS),
            "</tr></tfoot></table></section>",
        ],
    )


def _row(machine: MachineCoverage) -> str:
    tally = machine.tally()
    never = "" if machine.executed else ' <span class="soft">never executed</span>'
    cells = "".join(_cell(machine.tally(kind)) for kind in KINDS)
    return (
        f'<tr><td><a href="{_file(machine)}">{xml(machine.name)}</a>{never}</td>'
        f'<td class="nowrap">{_bar(tally)}{percent_said(tally.percent)}</td>{cells}</tr>'
    )


# A machine


def _machine(machine: MachineCoverage) -> str:
    tally = machine.tally()
    drawn, marks = covered(machine)
    return _page(
        f"{machine.name}: {percent_said(tally.percent)}",
        [
            f'<header><p><a href="{INDEX}">All machines</a></p><h1>{xml(machine.name)}</h1>',
            f"{_percent(tally)}<dl>",
            *(f"<div><dt>{HEADS[kind]}</dt><dd>{machine.tally(kind)}</dd></div>" for kind in KINDS),
            "</dl></header>",
            '<div class="columns"><section class="drawn" aria-label="Graph"><div class="tools">',
            '<label><input type="checkbox"> actual size</label>',
            '<span aria-hidden="true"><i class="full"></i>taken '
            '<i class="part"></i>not all of it <i class="none"></i>not taken</span></div>',
            f'<div class="graph">{svg(drawn, marks, styled=False)}</div></section>',
            *_missing(machine),
            "</div>",
            *_all(machine),
        ],
    )


def _missing(machine: MachineCoverage) -> Iterable[str]:
    said = machine.missing_said()
    yield f'<section class="left-out"><h2>{"Not taken" if said else "All of it was taken"}</h2>'
    if said:
        yield f'<ul class="missing">{"".join(f"<li>{xml(each)}</li>" for each in said)}</ul>'
    yield "</section>"


def _all(machine: MachineCoverage) -> Iterable[str]:
    yield '<details><summary>All elements</summary><div class="wide"><table><thead><tr>'
    yield '<th>What</th><th>Where</th><th class="count">Times</th></tr></thead><tbody>'
    for element in machine.elements:
        count = machine.count(element)
        tone = "" if count else " none"
        yield (
            f"<tr><td>{xml(element_said(element))}</td><td><code>{xml(element.pointer)}</code></td>"
            f'<td class="count{tone}">{count}</td></tr>'
        )
    yield "</tbody></table></div></details>"
