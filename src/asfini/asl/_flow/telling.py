"""The words in which it is told what an activity cannot take."""

from collections.abc import Mapping, Sequence

from asfini.asl._flow.fitting import Misfit
from asfini.asl._flow.walk import Finding, Way

_OWN = frozenset({"Arguments", "InputPath", "Parameters"})
"""The fields by which a task makes its activity's input itself."""


def message(finding: Finding, holders: Mapping[str, str]) -> str:
    """Say what does not fit, who gives it, and by which way it comes.

    Args:
        finding: what was found.
        holders: the states that others are in, by the names of these.
    """
    part = finding.misfit.part
    wanted = f"Activity {finding.activity!r} {_wanted(finding.misfit)}"
    if not part.by:
        return f"{wanted}, but gets {part}"
    if part.by == finding.step.name and finding.step.state.keys() & _OWN:
        return f"{wanted}, but the state's own fields give {part}"
    way = " -> ".join(_way(part.by, finding, holders))
    return f"{wanted}, but {part.by!r} gives {part}: {way}"


def _wanted(misfit: Misfit) -> str:
    place = _place(misfit.path)
    if misfit.kind == "lost":
        return f"is to get {misfit.wanted!r}"
    if misfit.kind == "missing":
        return f"needs {place!r} ({misfit.wanted})"
    if misfit.kind == "refused":
        return f"takes no {place!r}"
    return f"takes {misfit.wanted}{f' as {place!r}' if place else ''}"


def _place(path: Sequence[str | int]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def _way(giver: str, finding: Finding, holders: Mapping[str, str]) -> Way:
    """The states from the one that gives to the one that takes; some may give from within others."""
    names = [giver]
    while True:
        for way in finding.ways:
            if names[-1] in way:
                return (*names, *way[way.index(names[-1]) + 1 :], finding.step.name)
        if names[-1] not in holders:
            return (giver, "…", finding.step.name)
        names.append(holders[names[-1]])
