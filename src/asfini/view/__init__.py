"""Runs for people: a history as a tree, why an execution failed, and a test that repeats it."""

from asfini.view.folding import fold
from asfini.view.tree import Attempt, Line, Run, StateRun

__all__ = ["Attempt", "Line", "Run", "StateRun", "fold"]
