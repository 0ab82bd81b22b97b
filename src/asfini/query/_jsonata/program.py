"""An expression that is ready to be evaluated, and its value as plain JSON data."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from asfini.query._jsonata import functions
from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.evaluator import Compiler
from asfini.query._jsonata.parser import parse
from asfini.query._jsonata.run import Evaluate, Frame, Run, too_deep, too_large
from asfini.query._jsonata.values import UNDEFINED, is_function

__all__ = ["Program", "UnsupportedResult", "functions"]
_LONG = 2**63
_WATCHED = 1000
"""So many entries of a container are gone through without looking at the time."""
_UNFORESEEN = (TypeError, AttributeError, LookupError, ValueError)
"""What JSONata does not define, such as an undefined picture, ends in an error of the language beneath."""


class UnsupportedResult(Exception):  # noqa: N818 - what it means is for its catcher to say
    """A value is, or holds, a function: it has no JSON."""


class Program:
    """A parsed expression.

    Args:
        text: the expression.

    Raises:
        Failure: it is none.
    """

    def __init__(self, text: str) -> None:
        self.root = parse(text)
        self._evaluate: Evaluate | None = None

    def evaluate(self, context: Any, names: Mapping[str, Any], run: Run) -> Any:
        """Evaluate the expression within the limits of a run.

        Args:
            context: what names are read from; AWS has none.
            names: what variables stand for.
            run: the evaluation.

        Returns:
            Plain JSON data, or `UNDEFINED`.

        Raises:
            Failure: it failed, or exceeded a limit.
            UnsupportedResult: its value has no JSON.
        """
        try:
            if self._evaluate is None:
                self._evaluate = Compiler(self.root).compile(self.root, 1)
            value = self._evaluate(context, Frame(names, None, run, 0))
            return value if value is UNDEFINED else plain(value, run)
        except RecursionError:
            raise too_deep() from None
        except MemoryError:
            raise too_large() from None
        except OverflowError:
            raise Failure("D1001", value=math.inf) from None
        except _UNFORESEEN as error:
            raise Failure(None, f"{type(error).__name__}: {error}") from error


def plain(value: Any, run: Run) -> Any:
    """Make plain JSON data of a value; what is plain already is not copied.

    Numbers are as AWS writes them: whole ones without a point, those beyond 64 bits with one, and what is no
    finite number as text.

    Raises:
        UnsupportedResult: it is, or holds, a function.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int or kind is float:
        return _number(value)
    run.tick()
    if isinstance(value, dict):
        return _changed(value, value.items(), run)
    if isinstance(value, list):
        return _changed(value if kind is list else list(value), enumerate(value), run)
    if is_function(value):
        raise UnsupportedResult
    return None  # An undefined value among others


def _changed(container: Any, entries: Iterable[tuple[Any, Any]], run: Run) -> Any:
    """Put plain data in the place of what is not, in a copy if there is any."""
    changed = container
    for place, value in entries if len(container) < _WATCHED else run.watch(entries):
        made = plain(value, run)
        if made is not value:
            if changed is container:
                changed = container.copy()
            changed[place] = made
    return changed


def _number(number: Any) -> Any:
    if type(number) is int:
        return number if -_LONG <= number < _LONG else float(number)
    if math.isfinite(number):
        return int(number) if number.is_integer() and abs(number) < _LONG else number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
