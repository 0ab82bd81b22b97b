"""What measures share."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def nothing_else_collected() -> Iterator[None]:
    """Keep what other tests left behind from Python's collector, so that it is not measured here."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
