"""Runs for people: a history as a tree, why an execution failed, and a test that repeats it."""

from asfini.view.explaining import Clause, Explanation, Handled, Try, explain
from asfini.view.folding import fold
from asfini.view.recording import Recording, record
from asfini.view.tree import Attempt, Line, Run, StateRun
from asfini.view.waiting import Standing

__all__ = [
    "Attempt",
    "Clause",
    "Explanation",
    "Handled",
    "Line",
    "Recording",
    "Run",
    "Standing",
    "StateRun",
    "Try",
    "explain",
    "fold",
    "record",
]
