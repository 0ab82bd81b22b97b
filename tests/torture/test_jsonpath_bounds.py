"""However large an input is, an event loop does not wait long for a path."""

import contextlib
import time
from typing import Any

import pytest

from asfini.query.jsonpath import compile_path
from asfini.query.scope import QueryError, Scope

MOST_SECONDS = 0.5
"""Twice what a path may take, for slow machines; of the processor's time, for busy ones."""
MOST_NUMBERS = [1] * 131_000
"""As many values as fit into a payload."""
OBJECTS = [{"a": 1}] * 32_000
TEXTS = ["ab"] * 52_000

pytestmark = pytest.mark.usefixtures("nothing_else_collected")


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("$[*]", MOST_NUMBERS),
        ("$..*", MOST_NUMBERS),
        ("$[0,0,0,0][0,0,0,0][0,0,0,0][0,0,0,0]", [[[[1]]]]),
        ("$[?(@ > 0)]", MOST_NUMBERS),
        ("$[?(@ > 0)]", MOST_NUMBERS[:66_000]),
        ("$[?(@ > '0.5')]", MOST_NUMBERS),
        ("$[?($[0] == 1)]", MOST_NUMBERS),
        ("$..[?(@ > 0)]", MOST_NUMBERS),
        ("$[?(@.a > 0 && @.a < 2)]", OBJECTS),
        ("$..a", OBJECTS),
        ("$[?(@ == 'a' || @ == 'b' || @ == 'c')]", TEXTS),
        ("$[?(@ =~ /(a|b)*c/)]", TEXTS),
    ],
)
def test_no_path_holds_the_loop(path: str, document: Any) -> None:
    compiled = compile_path(path)
    start = time.thread_time()
    with contextlib.suppress(QueryError):
        compiled.read(Scope(document))
    assert time.thread_time() - start <= MOST_SECONDS
