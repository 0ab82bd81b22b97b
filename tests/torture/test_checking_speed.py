"""How long the check of a file takes, on the real clock with slack."""

import json
import statistics
import time
from pathlib import Path

import pytest

from asfini.checking import check_file

REAL = Path(__file__).parents[2] / "../shared/definitions/machines"
MEDIAN = 0.005
"""Seconds a file."""


def test_definitions_that_people_wrote_take_less_than_five_milliseconds_each(tmp_path: Path) -> None:
    if not REAL.is_dir():
        pytest.skip(f"there are no definitions in {REAL}")
    seconds = []
    for path in sorted(REAL.glob("*.json")):
        definition = json.loads(path.read_text(encoding="utf-8"))["definition"]
        file = tmp_path / "real.asl.json"
        file.write_text(
            definition if isinstance(definition, str) else json.dumps(definition, indent=2), encoding="utf-8"
        )
        start = time.perf_counter()
        check_file(file)
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < MEDIAN
